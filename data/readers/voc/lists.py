"""Lists of images in ImageSets/Main, or in ImageSets."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from data.images import without_suffix
from data.readers.files.paths import folded
from data.readers.files.text import read_lines
from data.readers.voc.xml_file import base_name

MARK = re.compile(r"^(.*\S)\s+(-1|0|1)$")  # of a class: a stem, and -1 for "not there"


def keys_in(path: Path, keys: Sequence[str], annotated: Iterable[str]) -> list[str]:
    """The keys that a list names: with their folders, without, or with more.

    Those of annotations, where only upper and lower case differ from the image's.
    """
    known, by_stem, alike = set(keys), {}, {}
    for key in keys:
        by_stem.setdefault(folded(key.rpartition("/")[2]), []).append(key)
    for key in annotated:
        alike.setdefault(folded(key), []).append(key)

    def whole(key: str) -> str:
        same = alike.get(folded(key), [])
        if not same and key not in known:
            stem = base_name(key)
            same = by_stem.get(folded(stem), [])
            same = [k for k in same if k.rpartition("/")[2] == stem] or same
        return key if key in same or len(same) != 1 else same[0]

    def listed(line: str) -> str:
        key = _key(line)  # "cat 1" may be an image's own name
        return key if folded(base_name(key)) in by_stem else _key(_unmarked(line))

    found = filter(None, map(listed, read_lines(path)))
    return list(dict.fromkeys(map(whole, found)))


def _unmarked(line: str) -> str:
    """Without a class's mark; empty where it says that the class is not there."""
    marked = MARK.match(line.strip())
    if not marked:
        return line
    return "" if marked[2] == "-1" else marked[1]


def _key(line: str) -> str:
    name = line.strip().replace("\\", "/").lstrip("./")
    return without_suffix(name, ".xml")


def list_files(root: Path) -> list[Path]:
    """The lists of a data set."""
    for sets in subfolders(root, "imagesets"):
        for folder in (*subfolders(sets, "main"), sets):
            files = (p for p in sorted(folder.iterdir()) if p.is_file())
            if found := [p for p in files if p.suffix.lower() == ".txt"]:
                return found
    return []


def subfolders(root: Path, name: str, prefix: bool = False) -> list[Path]:
    """Folders in a folder, called or beginning so in any case."""

    def matches(folder: Path) -> bool:
        lower = folder.name.lower()
        return (lower.startswith(name) if prefix else lower == name) and folder.is_dir()

    inside = root.iterdir() if root.is_dir() else ()
    return sorted(folder for folder in inside if matches(folder))
