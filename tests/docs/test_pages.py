"""README and docs/: links lead somewhere, commands have options that there are."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from training import options

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
PAGES = [*GUIDES, *(ROOT / "docs" / "results").glob("*.md")]
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^(?:    |\$ )?\.?(?:venv/bin/)?python (\w+)\.py\b(.*)$", re.M)
# blocks of code, tables and headings
NOT_PROSE = re.compile(r"^```.*?^```|^    [^\n]*|^\|[^\n]*|^#[^\n]*", re.M | re.S)
PRODUCTS = "Python|Keras|TensorFlow|Ray|supervision|License|PCIe|VIA|GTX|EPYC"
NOT_A_FIGURE = re.compile(
    r"`[^`]*`"  # code
    r"|(?<=\])\([^)]*\)|https?://\S+"  # the targets of links
    rf"|\b(?:{PRODUCTS}|CVAT for images|family|model) \d[\d.]*"
    r"|\b[A-Za-z]\w*(?:-\d+)?"  # words: SSD300, mAP50, float16, AVX-512
    r"|\b20(?:0[1-9]|[12]\d)\b"  # years
    r"|\b\d+(?:\.\d+){2,}"  # versions
)
FIGURE = re.compile(r"\d[\d,.]*(?:(?:x|e-|\.\.)\d[\d.]*)*")
SCRIPTS = ("train", "evaluate", "detect", "compare", "graft", "export")


def anchors(path):
    """Those that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.M | re.S)
    heads = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text("utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def commands():
    """Script and options of every command line in the pages."""
    for page in PAGES:
        text = page.read_text("utf-8").replace("\\\n", " ")
        for name, rest in COMMAND.findall(text):
            if name in SCRIPTS:
                words = shlex.split(rest, comments=True)
                if "|" in words:
                    words = words[: words.index("|")]
                # variables stand for options at the beginning, else for values
                while words and words[0].startswith("$"):
                    words.pop(0)
                words = [re.sub(r"^\$\w+$", "x", word) for word in words]
                if "--help" in words or "F" in words:  # F stands for a format
                    continue
                yield pytest.param(name, words, id=f"{page.name}: {name} {rest}"[:80])


@pytest.mark.parametrize(("name", "words"), commands())
def test_commands_have_known_options(name, words):
    parse = options.parse if name == "train" else import_module(name).parse
    assert parse(words)  # else it ends the process


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 150


def sentences(text):
    """Those of a page's prose."""
    blocks = re.split(r"\n\s*\n|^(?:- |\d+\. )", NOT_PROSE.sub("", text), flags=re.M)
    for block in blocks:
        yield from re.split(r"(?<=[.!?])[*)\"]*\s+", " ".join(block.split()))


def figures(sentence):
    return FIGURE.findall(NOT_A_FIGURE.sub("x", sentence))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("From 0.56 to\n68.4% in 1,200 steps.", 3),
        ("Of 4000x3000 pixels 12. Then 2e-4 and 0..1", 2),
        ("SSD300 on VOC 2007, mAP50 in `12 34 56`, Keras 3.15.1 and Python 3.11", 0),
        ("[1 2](page.md#a-3), https://arxiv.org/abs/2107.08430", 2),
        ("| 1 | 2 | 3 |\n\n    4 5 6\n\n```\n7 8 9\n```\n# 1 2 3", 0),
        ("- 1 and 2\n- 3\n", 2),
    ],
)
def test_what_a_figure_is(text, number):
    assert max(len(figures(sentence)) for sentence in sentences(text)) == number


@pytest.mark.parametrize("page", GUIDES, ids=lambda path: path.name)
def test_no_sentence_has_more_than_two_figures(page):
    text = page.read_text("utf-8")
    crowded = [line for line in sentences(text) if len(figures(line)) > 2]
    assert not crowded, "a table, a list or two sentences are read more easily"


@pytest.mark.parametrize("page", GUIDES, ids=lambda path: path.name)
def test_a_guide_names_what_a_visitor_has(page):
    text = page.read_text("utf-8")
    assert "../shared" not in text
    assert not re.search(r"^    .*python .* [A-Z]( |$)", text, re.M), "what is it?"


@pytest.mark.parametrize("page", GUIDES, ids=lambda path: path.name)
def test_a_guide_opens_with_what_is_typed(page):
    first, *_ = re.findall(r"^(?:    |```python\n)\S.*", page.read_text("utf-8"), re.M)
    before = page.read_text("utf-8").partition(first)[0]
    assert len(before.splitlines()) < (25 if page.name == "README.md" else 8)
