"""Names that no file can have: nothing is found, nothing is raised."""

import pytest

from data.readers.paths import Finder


@pytest.mark.parametrize(
    "name", ["x" * 300 + ".png", "a\0b.png", "a/" * 3000 + "b", ""]
)
def test_names_that_can_not_be(tmp_path, name):
    # found by fuzzing: the file system's limit of 255 bytes raised OSError
    assert Finder([tmp_path]).find(name) is None
