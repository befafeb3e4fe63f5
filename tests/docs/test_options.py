"""docs/options.md is what the parsers say; each option says something."""

import re

from tests.helpers.options_page import PAGE, page

# what is read and written: given where it is wanted, so there is no "when"
GIVEN = {
    "train.py": "--data --output --resume",
    "evaluate.py": "--weights --predictions --data --plot",
    "detect.py": "SOURCE --weights --output --json",
    "compare.py": "--list --backbones --runs --data --output",
    "export.py": "--weights --format --output",
    "graft.py": "--teacher --backbone --images --data --output",
    "python -m data": "FOLDER --plot",
    "python -m data convert": "IN OUT --to",
    "python -m models.weights": "FILE [OUT] --output",
}


def test_the_page_is_current():
    assert PAGE.read_text("utf-8") == page(), "python -m tests.helpers.options_page"


def test_each_option_says_what_it_does_its_default_and_when_to_change_it():
    _head, *sections = re.split(r"^## ", page(), flags=re.M)
    assert len(sections) == len(GIVEN)
    for section in sections:
        script = section.partition("\n")[0]
        rows = re.findall(r"^\| `(.*)` \| (.*) \|$", section, re.M)
        without_when = set()
        for option, cells in rows:
            default, what, when = (c.strip() for c in re.split(r"(?<!\\)\|", cells))
            assert what and default, (script, option)
            if not when:
                without_when.add(re.split(r"[ \\]", option)[0])
        assert without_when == set(GIVEN[script].split()), script
