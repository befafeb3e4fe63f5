"""labelme: a JSON file of shapes for each image.

https://github.com/wkentaro/labelme, labelme/_label_file.py (keys of the file) and
labelme/utils/shape.py (what the points of a shape mean). imageData, the image itself
in base64, is passed over: the image that imagePath names is read.
"""

import math
from collections.abc import Sequence
from functools import cache, cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from base import grouped
from base.errors import UserError
from data.images import image_size, is_image_name
from data.progress import map_in_threads
from data.readers.annotation import (
    Annotated,
    EdgesPx,
    Missing,
    Object,
    Problem,
    size_problems,
)
from data.readers.files.image_splits import unused_lists
from data.readers.files.json_file import decode, files_of, holds
from data.readers.files.paths import Finder, files_under, folded, parts_of
from data.readers.files.text import check_names
from data.readers.listed import file_splits, unlisted
from data.readers.outlines import around_ellipse, around_points, as_points

IN_WORDS = "labelme: a JSON file beside each image"
FORMAT = "labelme JSON"
KEYS = (b'"shapes"', b'"imagePath"')  # labelme/_label_file.py, LabelFile.load


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
    files = files_of(path, ".json")
    if not any(holds(file, KEYS) for file in files):
        return []
    return [LabelmeSource(path if path.is_dir() else path.parent, files)]


class LabelmeSource:
    """JSON files of one data set; keys are their paths below the root."""

    format_name = "labelme"
    names_have_order = False

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self.root = root
        self._files = {f.relative_to(root).as_posix(): f for f in files}
        self._annotated = {file.with_suffix("") for file in files}
        images = [p for p in files_under(root) if is_image_name(p.name)]
        self._images = {image.with_suffix(""): image for image in reversed(images)}
        self._by_name = grouped((folded(image.name), image) for image in images)
        self._folders = {image.parent for image in images}
        self._finder = cache(lambda folder: Finder([folder, root]))
        splits = file_splits(root, [file.parent for file in files])
        of_keys = ((splits[file.parent], key) for key, file in self._files.items())
        self._lists = grouped(of_keys)
        self.lists = [split for split in self._lists if split]

    def keys(self, split: str | None) -> list[str]:
        lists = self._lists.values() if split is None else [self._lists[split]]
        return [key for keys in lists for key in keys]

    def problems(self, split: str) -> list[Problem]:
        """Images that no split takes, and those without a file."""
        rest = unlisted(self.root, self._files_of, self.format_name)
        return [*unused_lists(self.root, self._lists), *rest]

    def class_names(self) -> list[str]:
        found = [check_names(n, path) for path, (_, n) in self._contents.items()]
        return sorted({name for names in found for name in names})

    @cached_property
    def _contents(self) -> dict[Path, tuple[str | None, set[str]]]:
        """imagePath and labels of each file; of a broken one neither."""

        def read(path: Path) -> tuple[str | None, set[str]]:
            try:
                content = _read(path)
            except UserError:  # reported with the split that holds the file
                return None, set()
            return content.imagePath, {_name(shape) for shape in content.shapes} - {""}

        files = list(self._files.values())
        return dict(zip(files, map_in_threads(read, files), strict=True))

    @cached_property
    def _files_of(self) -> dict[Path, list[Path]]:
        """The files of each image."""
        names = ((path, name) for path, (name, _) in self._contents.items())
        images = ((self._image(p, n), p) for p, n in names if n is not None)
        return grouped((image, path) for image, path in images if image)

    def read(self, key: str) -> Annotated:
        path = self._files[key]
        content = _read(path)
        image = self._image(path, content.imagePath)
        if image is None:
            raise Missing("files have no image of their own", key)
        others = [file for file in self._files_of[image] if file != path]
        if others:
            raise UserError(
                f"{image}: {path} and {others[0]} both name it, which of them is right "
                "can't be known."
            )
        objects = [
            Object(_name(shape), _edges(shape), f"{path}: shapes[{number}]")
            for number, shape in enumerate(content.shapes)
        ]
        size_wh = image_size(image)
        written_wh = content.imageWidth, content.imageHeight
        return Annotated(
            image, size_wh, objects, size_problems(str(path), written_wh, size_wh)
        )

    def _image(self, path: Path, name: str) -> Path | None:
        """The image that a file names, unless that one has a file of its own.

        Copied and renamed JSON files still name the image that they were made for:
        then the image beside the file counts, of the same name.
        """
        folder = path.parent
        named = self._finder(folder).find(name) or self._elsewhere(folder, name)
        if named and named.is_file():
            is_own = named.stem == path.stem
            if is_own or named.with_suffix("") not in self._annotated:
                return named
        return self._images.get(path.with_suffix(""))

    def _elsewhere(self, folder: Path, name: str) -> Path | None:
        """The one image of a name that belongs to a folder of files.

        Where the annotator's path leads nowhere: images/ beside json/, and images/cam1/
        beside json/cam1/, never images/cam2/.
        """
        *above, last = parts_of(name) or [""]
        parts = folder.relative_to(self.root).parts

        def nearness(place: Path) -> int:
            own = place.relative_to(self.root).parts
            return _same_end(own, parts) + _same_end(own, above)

        nearest = max(map(nearness, self._folders), default=0)
        same = self._by_name.get(folded(last), ())
        found = [image for image in same if nearness(image.parent) == nearest]
        return found[0] if len(found) == 1 else None


def _same_end(first: Sequence[str], second: Sequence[str]) -> int:
    """How many folders at the end of two paths are the same."""
    pairs = zip(reversed(first), reversed(second), strict=False)
    same = takewhile(lambda pair: folded(pair[0]) == folded(pair[1]), pairs)
    return len(list(same))


def _read(path: Path) -> _File:
    return decode(path, _File, FORMAT)


def _name(shape: Shape) -> str:
    return shape.label if isinstance(shape.label, str) else ""


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
