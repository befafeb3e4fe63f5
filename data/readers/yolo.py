"""YOLO: a text file of boxes for each picture, class names in one file.

https://docs.ultralytics.com/datasets/detect: rows of class number, middle x, middle y,
width, height in 0..1, or of class number and the corners of a polygon. A picture
without a label file shows nothing that is looked for.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from base.errors import UserError
from data.images import SUFFIXES, is_picture_name, picture_size
from data.readers.annotation import Annotated, EdgesPx, Missing, Object
from data.readers.paths import Finder
from data.readers.splits import split_in_name

IN_WORDS = "YOLO: data.yaml, images/ + labels/, or labels beside the pictures"
# Label Studio, CVAT, Roboflow
NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels")
LIST_KEYS = ("train", "val", "valid", "test")  # of data.yaml; ultralytics, Darknet
MAX_BYTES = 1_000_000  # ours: a file of labels or names is far smaller
MAX_CLASSES = 100_000  # ours: more is a mistake, and a list of them fills the memory
# what tells a data set's YAML file from others that lie in the folder
IS_OURS = re.compile(r"^\s*[\"']?(names|nc|train|val)[\"']?\s*:", re.MULTILINE)
ROW = "a class number and 4 numbers in 0..1, or a polygon of 3 or more corners"


def find(path: Path) -> list["YoloSource"]:
    """The data set of a data.yaml, or in a folder."""
    if path.is_file():
        is_yaml = path.suffix.lower() in (".yaml", ".yml")
        return [_from_yaml(path, _load_yaml(path))] if is_yaml else []
    files = sorted((*path.glob("*.yaml"), *path.glob("*.yml")))
    for file in filter(Path.is_file, files):
        content = _load_yaml(file) if IS_OURS.search(_text(file)) else {}
        if {"names", "nc"} & set(content) or (content and file.stem == "data"):
            return [_from_yaml(file, content)]
    source = _from_folder(path)
    return [source] if source else []


def _load_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not a YAML file: {reason}.") from error
    return content if isinstance(content, dict) else {}


def _from_yaml(path: Path, content: dict[str, Any]) -> "YoloSource":
    """What a data.yaml tells; its paths are looked for from its own folder."""
    base = Finder([path.parent]).find(str(content.get("path") or "."))
    finder = Finder([base or path.parent, path.parent])
    lists: dict[str | None, list[Path]] = {}
    for key in LIST_KEYS:
        split, given = split_in_name(key) or key, content.get(key)
        for name in given if isinstance(given, list) else [given] * bool(given):
            place = finder.find(str(name))
            is_there = place and (place.is_dir() or place.suffix.lower() == ".txt")
            if not is_there and (place or split != "test"):  # many name a test for none
                raise UserError(
                    f"{path}: {key}: {name} is {'neither' if place else 'not there'}; "
                    "expected a folder of pictures or a .txt list of them, from the "
                    "folder of this file."
                )
            lists.setdefault(split, []).extend(_pictures(place) if place else [])
    names = _yaml_names(path, content)
    row_length = 5 if content.get("kpt_shape") else None  # key points follow the box
    return YoloSource(path.parent, names, lists or _folders(path.parent), row_length)


def _yaml_names(path: Path, content: dict[str, Any]) -> list[str]:
    names, count = content.get("names"), content.get("nc")
    if isinstance(names, dict) and all(isinstance(key, int) for key in names):
        numbers = _up_to(max(names, default=-1), path)
        return [str(names.get(number, number)) for number in numbers]
    if isinstance(names, list):
        return [str(name) for name in names]
    if isinstance(names, str) and (listed := Finder([path.parent]).find(names)):
        return _name_lines(listed)
    if names is None and isinstance(count, int):
        return [str(number) for number in _up_to(count - 1, path)]
    raise UserError(
        f"{path}: names: expected a list of class names or numbers with names. "
        f"Received: {names!r:.80}"
    )


def _up_to(largest: int, path: Path) -> range:
    """Class numbers from 0; UserError where a file has one that can't be."""
    if largest >= MAX_CLASSES:
        raise UserError(
            f"{path}: class number {largest}: expected less than {MAX_CLASSES}."
        )
    return range(largest + 1)


def _from_folder(root: Path) -> "YoloSource | None":
    """Without data.yaml: folders of the splits, lists (Darknet, CVAT) or neither."""
    found = (
        root / name for name in (*NAME_FILES, *(f"labels/{n}" for n in NAME_FILES))
    )
    name_file = next((path for path in found if path.is_file()), None)
    name_file = name_file or next(root.glob("*/_darknet.labels"), None)
    lists = _text_lists(root) or _folders(root)
    pictures = (path for paths in lists.values() for path in paths)
    labelled = [p for p in pictures if is_picture_name(p.name) and _label_path(p)]
    if not labelled:
        return None
    names = _name_lines(name_file) if name_file else _numbers_in(labelled)
    return YoloSource(root, names, lists)


def _text_lists(root: Path) -> dict[str | None, list[Path]]:
    """train.txt and its like beside obj.names, as CVAT and Darknet have them."""
    lists: dict[str | None, list[Path]] = {}
    for path in sorted(root.glob("*.txt")):
        split = split_in_name(path.name)
        if split and path.stem.lower() in LIST_KEYS:
            lists.setdefault(split, []).extend(_pictures(path))
    return {split: paths for split, paths in lists.items() if paths}


def _folders(root: Path) -> dict[str | None, list[Path]]:
    """images/train, train/images, train/ with everything in it, or no splits."""
    lists: dict[str | None, list[Path]] = {}
    for base in (root / "images", root):
        folders = (
            sorted(p for p in base.iterdir() if p.is_dir()) if base.is_dir() else []
        )
        for folder in folders:
            split = split_in_name(folder.name)
            inside = folder / "images" if (folder / "images").is_dir() else folder
            if split and (pictures := _pictures(inside)):
                lists.setdefault(split, []).extend(pictures)
        if lists:
            return lists
    return {None: _pictures(root / "images") or _pictures(root)}


def _pictures(place: Path) -> list[Path]:
    """Pictures under a folder, or those that a text file lists."""
    if place.is_dir():
        pictures = sorted(p for p in place.rglob("*") if is_picture_name(p.name))
        return pictures + _lacking(place, pictures)
    if place.suffix.lower() != ".txt":
        return []
    finder = Finder([place.parent])
    names = [line.strip() for line in _text(place).splitlines() if line.strip()]
    # a picture that isn't there is kept: reading it tells so
    return [finder.find(name) or place.parent / name for name in names]


def _lacking(folder: Path, pictures: Sequence[Path]) -> list[Path]:
    """Where labels expect a picture; without suffix, since nothing tells it."""
    labels = _in_labels(folder)
    if labels is None or not labels.is_dir():
        return []
    there = {path.relative_to(folder).with_suffix("") for path in pictures}
    files = sorted(f for f in labels.rglob("*.txt") if f.name not in NAME_FILES)
    wanted = (file.relative_to(labels).with_suffix("") for file in files)
    return [folder / name for name in wanted if name not in there]


def _in_labels(folder: Path) -> Path | None:
    """The folder of labels that belongs to one in images/."""
    parts = folder.parts
    if "images" not in parts:
        return None
    at = len(parts) - 1 - parts[::-1].index("images")
    return Path(*parts[:at], "labels", *parts[at + 1 :])


def _label_path(picture: Path) -> Path | None:
    """The labels of a picture: in labels/ where it is in images/, else beside it."""
    name = f"{picture.stem}.txt"
    labels = _in_labels(picture.parent)
    if labels and (labels / name).is_file():
        return labels / name
    beside = picture.with_name(name)
    return beside if beside.is_file() and name not in NAME_FILES else None


def _name_lines(path: Path) -> list[str]:
    names = [line.strip() for line in _text(path).splitlines()]
    while names and not names[-1]:
        names.pop()
    return names


def _numbers_in(pictures: Sequence[Path]) -> list[str]:
    """Without a file of names the classes are called by their numbers, from 0."""
    largest = -1
    for path in map(_label_path, pictures):
        rows = (_row(line.split()) for line in _text(path).splitlines())
        numbers = (row[0] for row in rows if row)
        largest = max((largest, *_up_to(max(numbers, default=-1), path)[-1:]))
    return [str(number) for number in range(largest + 1)]


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES and path.suffix.lower() != ".txt":
            raise UserError(f"{path}: at most {MAX_BYTES} bytes are read.")
        return path.read_text("utf-8-sig", errors="replace")
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}).") from error


class YoloSource:
    """Pictures with their label files; keys are the pictures' paths."""

    format_name = "YOLO"
    opens_files = True
    names_have_order = True

    def __init__(
        self,
        root: Path,
        names: Sequence[str],
        lists: dict[str | None, list[Path]],
        row_length: int | None = None,
    ) -> None:
        self.root = root
        self._names = list(names)
        self._row_length = row_length
        if lists.get("val") == lists.get("train"):  # nothing validates on its own
            lists = {split: paths for split, paths in lists.items() if split != "val"}
        self._lists = {split: paths for split, paths in lists.items() if paths}
        self.lists = [split for split in self._lists if split]

    def keys(self, split: str | None) -> list[str]:
        """Paths of the pictures of a list, or of all."""
        lists = self._lists.values() if split is None else [self._lists[split]]
        return list(dict.fromkeys(path.as_posix() for paths in lists for path in paths))

    def class_names(self) -> list[str]:
        """The names in the order of their numbers."""
        return self._names

    def read(self, key: str) -> Annotated:
        """One picture with the rows of its label file."""
        path = Path(key)
        if not path.is_file():
            known = is_picture_name(path.name)
            lacking = f"labels have no picture of {', '.join(SUFFIXES)}"
            raise Missing("pictures are not there" if known else lacking, key)
        size_wh = picture_size(path)
        label_path = _label_path(path)
        if label_path is None:
            return Annotated(path, size_wh, [])
        objects, problems = [], []
        for number, line in enumerate(_text(label_path).splitlines(), start=1):
            where = f"{label_path}: line {number}"
            if not line.strip():
                continue
            row = _row(line.split()[: self._row_length])
            if row is None:
                problems.append(
                    f"{where}: expected {ROW}, received {line!r:.60}; left out."
                )
                continue
            class_number, corners = row
            edges_px = _to_px(corners, size_wh)
            objects.append(Object(self._name(class_number), edges_px, where))
        return Annotated(path, size_wh, objects, problems)

    def _name(self, number: int) -> str:
        return self._names[number] if number < len(self._names) else f"number {number}"


def _row(words: Sequence[str]) -> tuple[int, EdgesPx] | None:
    """Class number and corners in 0..1 of a row; None where it is no box."""
    try:
        class_number, numbers = float(words[0]), [float(word) for word in words[1:]]
    except ValueError:
        return None
    if class_number < 0 or class_number % 1 or not all(map(math.isfinite, numbers)):
        return None
    if len(numbers) == 4:
        x, y, width, height = numbers
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return int(class_number), corners
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        xs, ys = numbers[0::2], numbers[1::2]
        return int(class_number), (min(xs), min(ys), max(xs), max(ys))
    return None


def _to_px(corners: EdgesPx, size_wh: tuple[int, int]) -> EdgesPx:
    left, top, right, bottom = corners
    width, height = size_wh
    return left * width, top * height, right * width, bottom * height
