"""Lists of images: in ImageSets/Main or ImageSets, else beside the data."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from base import grouped
from data.images import SUFFIXES, without_suffix
from data.readers.files.paths import files_in, folded, folders_in
from data.readers.files.text import read_lines
from data.readers.splits import is_split_name
from data.readers.voc.xml_file import base_name

PARTS = ("layout", "segmentation")  # VOC devkit: of ImageSets, of some images
BESIDE = ("splits", "annotations")  # ours: where else people keep lists
# PaddleDetection: ./images/a.jpg ./annotations/a.xml
PAIR = re.compile(rf"^(.+?({'|'.join(map(re.escape, SUFFIXES))}))\s+.*\.xml$", re.I)
MARK = re.compile(r"^(.*\S)\s+(-1|0|1)$")  # of a class: a stem, and -1 for "not there"


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
    """Without a class's mark; empty where it says that the class is not there."""
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
    """The lists of a data set: the first folder's in ImageSets, or the lists of splits.

    Those are in ImageSets, else beside the images and annotations, where they name one.
    """
    sets = [*subfolders(root, "imagesets"), *subfolders(root, "image_sets")]
    places = [f for place in sets for f in (*subfolders(place, "main"), place)]
    found = [files for place in places if (files := files_in(place, ".txt"))]
    for files in found:
        if any(is_split_name(path.stem) for path in files):
            return list(dict.fromkeys([*found[0], *files]))
    known, annotated = set(keys), list(annotated)
    parts = [f for name in PARTS for place in sets for f in subfolders(place, name)]
    beside = [f for name in BESIDE for f in subfolders(root, name)]
    for place in (*parts, *beside, root):
        named = [p for p in files_in(place, ".txt") if is_split_name(p.stem)]
        named = [p for p in named if not known.isdisjoint(keys_in(p, keys, annotated))]
        if named:
            return [*(found or [[]])[0], *named]
    return (found or [[]])[0]


def subfolders(root: Path, name: str, prefix: bool = False) -> list[Path]:
    """Folders in a folder, called or beginning so in any case."""
    matches = str.startswith if prefix else str.__eq__
    inside = folders_in(root).items()
    return [folder for found, folder in inside if matches(found.lower(), name)]
