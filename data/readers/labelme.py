"""labelme: a JSON file of shapes for each image.

https://github.com/wkentaro/labelme, labelme/_label_file.py (keys of the file) and
labelme/utils/shape.py (what the points of a shape mean). imageData, the image itself
in base64, is passed over: the image that imagePath names is read.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from base.errors import UserError
from data.images import is_picture_name, picture_size
from data.readers.annotation import (
    Annotated,
    EdgesPx,
    Missing,
    Object,
    Problem,
    size_problems,
)
from data.readers.json_file import decode, files_of, holds
from data.readers.listed import file_splits, unused_lists
from data.readers.outlines import around_ellipse, around_points, as_points
from data.readers.paths import Finder

IN_WORDS = "labelme: a JSON file beside each image"
FORMAT = "labelme JSON"
KEYS = (b'"shapes"', b'"imagePath"')  # labelme/_label_file.py, LabelFile.load
READ_THREADS = 8  # ours: they wait for the disk


class Shape(msgspec.Struct, gc=False):
    """One object; points are pairs x, y in pixels from 0, by shape_type."""

    label: Any = None
    points: Any = None
    shape_type: Any = None


class _File(msgspec.Struct):
    shapes: list[Shape]
    imagePath: str
    imageWidth: float | None = None
    imageHeight: float | None = None


def find(path: Path) -> list["LabelmeSource"]:
    """The data set of a labelme file, or of those in a folder and its subfolders."""
    files = files_of(path, ".json")
    if not any(holds(file, KEYS) for file in files):
        return []
    return [LabelmeSource(path if path.is_dir() else path.parent, files)]


class LabelmeSource:
    """JSON files of one data set; keys are their paths below the root."""

    format_name = "labelme"
    opens_files = True
    names_have_order = False

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self.root = root
        self._files = {f.relative_to(root).as_posix(): f for f in files}
        self._annotated = {file.with_suffix("") for file in files}
        folders = dict.fromkeys(file.parent for file in files)
        # where the annotator's absolute path leads nowhere: images/ beside json/
        self._folders = sorted(
            p for f in (root, *folders) for p in f.iterdir() if p.is_dir()
        )
        self._images = {
            image.relative_to(root).as_posix(): image
            for folder in folders
            for image in sorted(folder.iterdir())
            if is_picture_name(image.name)
            and image.with_suffix("") not in (self._annotated)
        }
        self._lists: dict[str | None, list[str]] = {}
        places = {**self._files, **self._images}
        splits = file_splits(root, [place.parent for place in places.values()])
        for key, place in places.items():
            self._lists.setdefault(splits[place.parent], []).append(key)
        self.lists = [split for split in self._lists if split]

    def keys(self, split: str | None) -> list[str]:
        """Names of the files of a split, or of all; then of images without a file."""
        lists = self._lists.values() if split is None else [self._lists[split]]
        return [key for keys in lists for key in keys]

    def problems(self, split: str) -> list[Problem]:
        """Images that no split takes."""
        return unused_lists(self.root, self._lists)

    def class_names(self) -> list[str]:
        """All labels in all files."""

        def names(path: Path) -> set[str]:
            try:
                return {s.label for s in _read(path).shapes if _is_name(s.label)}
            except UserError:  # reported with the split that holds the file
                return set()

        with ThreadPoolExecutor(READ_THREADS) as pool:
            return sorted(set().union(*pool.map(names, self._files.values())))

    def read(self, key: str) -> Annotated:
        """One file with its image."""
        if key in self._images:
            raise Missing("images have no JSON file", key, self._images[key])
        path = self._files[key]
        content = _read(path)
        image = self._image(path, content.imagePath)
        if image is None:
            raise Missing("files have no image of their own", key)
        objects = [
            Object(
                shape.label if _is_name(shape.label) else "",
                _edges(shape),
                f"{path}: shapes[{number}]",
            )
            for number, shape in enumerate(content.shapes)
        ]
        size_wh = picture_size(image)
        written_wh = content.imageWidth, content.imageHeight
        return Annotated(
            image, size_wh, objects, size_problems(str(path), written_wh, size_wh)
        )

    def _image(self, path: Path, name: str) -> Path | None:
        """The image that a file names, unless that one has a file of its own.

        Copied and renamed JSON files still name the image that they were made for:
        then the image beside the file counts, of the same name.
        """
        named = Finder([path.parent, self.root, *self._folders]).find(name)
        if named and named.is_file() and self._may_take(path, named):
            return named
        beside = (p for p in path.parent.iterdir() if p.stem == path.stem)
        return next((p for p in sorted(beside) if is_picture_name(p.name)), None)

    def _may_take(self, path: Path, image: Path) -> bool:
        return image.stem == path.stem or image.with_suffix("") not in self._annotated


def _read(path: Path) -> _File:
    return decode(path, _File, FORMAT)


def _is_name(label: Any) -> bool:
    return isinstance(label, str) and bool(label)


def _edges(shape: Shape) -> EdgesPx | None:
    points = as_points(shape.points)
    if shape.shape_type == "circle":  # its center and a point on it
        if points is None or len(points) != 2:
            return None
        radius = math.dist(*points)
        return around_ellipse(points[0], (radius, radius))
    # rectangle: two opposite corners in any order; mask: those of its box; polygon,
    # oriented_rectangle, linestrip: corners. A point alone has no area, as is told
    return around_points(points)
