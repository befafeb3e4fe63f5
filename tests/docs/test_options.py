"""docs/options.md is what the parsers say; each option says something."""

import re

from tests.helpers.options_page import PAGE, page


def test_the_page_is_current():
    assert PAGE.read_text("utf-8") == page(), "python -m tests.helpers.options_page"


def test_each_option_says_what_it_does():
    rows = re.findall(r"^\| `.*`.* \|$", page(), re.M)
    assert len(rows) > 90
    for row in rows:
        option, _default, what, _when = re.split(r"(?<!\\)\| ", row)[1:]
        assert what.strip(), option
