"""report.html as a browser shows it: sorts, switches, asks nobody for anything."""

import re

import pytest
from markupsafe import escape

from comparison.page import page
from tests.helpers import comparisons
from tests.helpers.browser import browser

FIRST_CELLS = "[...document.querySelectorAll('#table tbody th')].map(c => c.innerText)"
CHECKED = "document.querySelector('.switch input:checked').value"
CAPTIONS = "[...document.querySelectorAll('#detections figcaption')]"
SEEN = f"{CAPTIONS}.map(c => c.innerText).join()"
VISIBLE = "[...document.querySelectorAll('[data-model]')].filter(e => !e.hidden).length"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A page's folder, its entries and its images."""
    folder = tmp_path_factory.mktemp("comparison")
    entries, dataset = comparisons.entries(folder)
    for entry in entries:
        entry.name += ", adapter 512, not normalised"  # wider than a phone
    page.write(folder, entries, dataset, {"speed": "3 rounds", "<b>": "1 & 2"})
    return folder, entries, dataset


@pytest.fixture(scope="module")
def opened(written, tmp_path_factory):
    """The page in a browser."""
    with browser(tmp_path_factory.mktemp("browser")) as shown:
        shown.resize(1280)
        yield shown


@pytest.fixture
def shown(opened, written):
    """The page as it is when it is opened."""
    opened.resize(1280)
    opened.open(written[0] / "report.html")
    return opened


def test_the_page_holds_all_it_needs(written):
    folder, entries, dataset = written
    text = (folder / "report.html").read_text("utf-8")
    for kind in ("src", "href", "url", "@import"):
        assert not re.search(rf"{kind}\s*[=(:]\s*[\"']?(?:https?:)?//", text)
    assert not re.findall(r"\$[a-z_]+", text.split("<script>")[0])  # all filled in
    for name in (*dataset.class_names, dataset.samples[0].path.name):
        assert "<" not in name or name not in text
    for entry in entries:
        assert f"{entry.mAP50:.3f}" in text
        assert escape(entry.runs[0].command()) in text
    for name in ("map_vs_fps.png", "curves.png"):
        assert (folder / name).stat().st_size > 10_000


def test_what_is_not_fair_is_told(tmp_path):
    entries, dataset = comparisons.entries(tmp_path)
    assert page.warnings(entries, dataset) == []
    entries[0].runs[0].summary["options"]["minutes"] = 3
    (line,) = page.warnings(entries, dataset)
    assert "2 epochs, 3 minutes" in line
    page.write(tmp_path, entries, dataset, {})
    assert line in (tmp_path / "report.html").read_text("utf-8")


def test_without_speed_there_is_a_page(tmp_path):
    entries, dataset = comparisons.entries(tmp_path, [("small", 0.5)])
    entries[0].speed = {}
    page.write(tmp_path, entries, dataset, {})
    assert "not measured" in (tmp_path / "report.html").read_text("utf-8")
    assert not (tmp_path / "map_vs_fps.png").exists()


def test_a_browser_has_nothing_to_complain_of(shown):
    assert shown.ask("document.querySelectorAll('img').length") > 9
    broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).length"
    assert shown.ask(broken) == 0
    assert shown.complaints == []
    assert {address.split(":")[0] for address in shown.requests} == {"file", "data"}


def test_names_of_users_are_text(shown):
    assert comparisons.NAMES[1] in shown.ask("document.body.innerText")
    assert shown.ask("document.querySelectorAll('td b b, figcaption i').length") == 0


def test_the_table_sorts(shown, written):
    names = [entry.name for entry in written[1]]
    assert shown.ask(FIRST_CELLS) == names
    column = "#table thead th:nth-child(5) button"  # fps: rises with each entry
    assert shown.ask(f"document.querySelector('{column}').innerText") == "fps"
    shown.ask(f"document.querySelector('{column}').click()")
    assert shown.ask(FIRST_CELLS) == names[::-1]
    shown.ask(f"document.querySelector('{column}').focus()")
    shown.press("Enter", 13)
    assert shown.ask(FIRST_CELLS) == names
    told = f"document.querySelector('{column}').parentElement.ariaSort"
    assert shown.ask(told) == "ascending"
    shown.ask("document.querySelector('#table thead button').click()")
    assert shown.ask(FIRST_CELLS) == sorted(names)
    assert shown.complaints == []


def test_arrow_keys_change_the_model(shown):
    before = shown.ask(SEEN)
    assert shown.ask(CHECKED) == "0"
    shown.ask("document.querySelector('.switch input').focus()")
    shown.press("ArrowRight", 39)
    assert shown.ask(CHECKED) == "1"
    assert shown.ask(SEEN) != before
    assert shown.ask(VISIBLE) == 1
    shown.press("ArrowLeft", 37)
    assert shown.ask(SEEN) == before
    assert shown.complaints == []


def test_captions_count_the_boxes(shown):
    # each kind is drawn as often as the captions say
    for kind in ("true positives", "false positives", "class confusions", "misses"):
        box = f".box.{kind.replace(' ', '-')}"
        drawn = shown.ask(f"document.querySelectorAll('{box}').length")
        said = sum(int(n) for n in re.findall(rf"{kind}: (\d+)", shown.ask(SEEN)))
        assert drawn == said
    assert shown.ask("document.querySelectorAll('.box.true-positives').length") > 0


def test_labels_can_be_shown(shown):
    style = (
        "getComputedStyle(document.querySelector('.box.true-positives span')).display"
    )
    assert shown.ask(style) == "none"
    shown.ask("document.getElementById('labels').click()")
    assert shown.ask(style) == "block"


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_hangs_over_the_edge(width, shown):
    shown.resize(width)
    assert shown.ask("document.documentElement.scrollWidth") <= width


def test_dark_mode_turns_ink_and_ground(shown):
    def brightness():
        colours = [
            shown.ask(f"getComputedStyle(document.body).{which}")
            for which in ("backgroundColor", "color")
        ]
        return [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours]

    ground, ink = brightness()
    assert ground > 600
    assert ink < 200
    shown.resize(1280, dark=True)
    ground, ink = brightness()
    assert ground < 200
    assert ink > 600
    letters = "getComputedStyle(document.querySelector('#plots svg text')).fill"
    assert sum(map(int, re.findall(r"\d+", shown.ask(letters))[:3])) > 400
