"""README and docs/: links lead somewhere, commands have options that there are."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from training import options

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^(?:    |\$ )?\.?(?:venv/bin/)?python (\w+)\.py\b(.*)$", re.M)
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
                if "F" in words:  # stands for a format
                    continue
                yield pytest.param(name, words, id=f"{page.name}: {name} {rest}"[:80])


@pytest.mark.parametrize(("name", "words"), commands())
def test_commands_have_known_options(name, words):
    parse = options.parse if name == "train" else import_module(name).parse
    assert parse(words)  # else it ends the process


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 150
