"""Lists of images: in ImageSets/Main or ImageSets, else beside the data."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from base import grouped
from data.images import SUFFIXES, without_suffix
from data.readers.files.paths import files_in, folded, folders_in
from data.readers.files.text import read_lines
from data.readers.splits import is_split_name, split_in_name
from data.readers.voc.xml_file import base_name

PARTS = ("layout", "segmentation")  # VOC devkit: of ImageSets, of some images
BESIDE = ("splits", "annotations")  # ours: where else people keep lists
# PaddleDetection: ./images/a.jpg ./annotations/a.xml
PAIR = re.compile(rf"^(.+?({'|'.join(map(re.escape, SUFFIXES))}))\s+.*\.xml$", re.I)
# a stem, and -1 where a class is not there; ImageSets/Layout: the number of an object
MARK = re.compile(r"^(.*\S)\s+(-1|\d+)$")


def keys_in(path: Path, keys: Sequence[str], annotated: Iterable[str]) -> list[str]:
    """The keys that a list names: with their folders, without, or with more.

    Those of annotations, where only upper and lower case differ from the image's.
    """
    known = set(keys)
    by_stem = grouped((folded(base_name(key)), key) for key in keys)
    alike = grouped((folded(key), key) for key in annotated)

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
    """Without a mark or number; empty where that says that the class is not there."""
    marked = MARK.match(line.strip())
    if not marked:
        return line
    return "" if marked[2] == "-1" else marked[1]


def _key(line: str) -> str:
    if pair := PAIR.match(line.strip()):
        line = pair[1]
    name = line.strip().replace("\\", "/").lstrip("./")
    return without_suffix(name, ".xml")


def list_files(root: Path, keys: Sequence[str], annotated: Iterable[str]) -> list[Path]:
    """The lists of a data set: those in ImageSets, and the lists of splits.

    Lists to train by are the first folder's that has some, and so are those of test: in
    ImageSets, else beside the images and annotations, where they name one.
    """
    sets = [*subfolders(root, "imagesets"), *subfolders(root, "image_sets")]
    main = [f for place in sets for f in (*subfolders(place, "main"), place)]
    parts = [f for name in PARTS for place in sets for f in subfolders(place, name)]
    beside = [f for name in BESIDE for f in subfolders(root, name)]
    known, annotated = set(keys), list(annotated)
    found: list[Path] = []
    for place in (*main, *parts, *beside, root):
        there = {_is_test(path) for path in found}
        named = [p for p in files_in(place, ".txt") if is_split_name(p.stem)]
        found += [
            p
            for p in named
            if _is_test(p) not in there
            and (place in main or known & set(keys_in(p, keys, annotated)))
        ]
    inside = (path for place in main for path in files_in(place, ".txt"))
    return found + [path for path in inside if not is_split_name(path.stem)]


def _is_test(path: Path) -> bool:
    return split_in_name(path.stem) == "test"


def subfolders(root: Path, name: str, prefix: bool = False) -> list[Path]:
    """Folders in a folder, called or beginning so in any case."""
    matches = str.startswith if prefix else str.__eq__
    inside = folders_in(root).items()
    return [folder for found, folder in inside if matches(found.lower(), name)]
