"""COCO JSON: one file of images, boxes and categories for each split.

https://cocodataset.org/#format-data. Decoded by msgspec straight into what is needed:
outlines, most of such a file, are skipped unless a box must be made from them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from base.ids import Id, in_both_forms
from data.images import image_size
from data.readers.annotation import (
    Annotated,
    EdgesPx,
    Object,
    Problem,
    same_name_problems,
    size_problems,
)
from data.readers.coco.ids import (
    checked_categories,
    id_order,
    names_by_id,
    twice_lines,
)
from data.readers.files import json_file
from data.readers.files.image_splits import split_told
from data.readers.files.paths import Finder, image_folders
from data.readers.files.split_files import AnnotationFile, SplitFiles, files_of_splits
from data.readers.files.text import MISSING

IN_WORDS = "COCO JSON: annotations/instances_SPLIT.json, SPLIT/_annotations.coco.json"
# cocodataset.org: files of the same images, beside instances_*.json
BESIDE = ("captions_", "person_keypoints_", "stuff_", "panoptic_", "image_info_")
KEYS = (b'"images"', b'"annotations"', b'"categories"')  # cocodataset.org


class Category(msgspec.Struct, gc=False):
    """A class; Roboflow puts the project's name before them, as their parent."""

    id: Id
    name: str | None
    supercategory: str | None = None


class Image(msgspec.Struct, gc=False):
    """An image; boxes belong to its width and height, if they are there."""

    id: Id
    file_name: str
    width: float | None = None
    height: float | None = None
    split: Any = None


class Annotation(msgspec.Struct, gc=False):
    """An object; bbox is x, y, width, height in pixels from 0."""

    image_id: Id | None
    category_id: Id | None
    id: Id | None = None
    # a list each would cost the collector's time
    bbox: tuple[float | None, ...] | None = None
    iscrowd: int | bool | None = 0
    area: float | None = None


class Outline(msgspec.Struct, gc=False):
    """What of an object gives a box where bbox is missing: polygons or a mask."""

    segmentation: Any = None


class _Used(msgspec.Struct, gc=False):
    category_id: Id | None


class _File(msgspec.Struct):
    images: list[Image]
    annotations: list[Annotation]
    categories: list[Category]


def find(path: Path) -> list["CocoSource"]:
    files = [file for file in files_of_splits(path, ".json") if _is_coco(file)]
    if any(file.name.startswith("instances_") for file in files):
        files = [file for file in files if not file.name.startswith(BESIDE)]
    return [CocoSource(path if path.is_dir() else path.parent, files)] if files else []


def _is_coco(path: Path) -> bool:
    if path.name.startswith("instances_") or path.name.endswith(".coco.json"):
        return True  # whatever is in it: reading tells what is wrong
    return json_file.holds(path, KEYS)


def _decode(path: Path, kind: type) -> Any:
    return json_file.decode(path, kind, "COCO JSON", is_limited=False)


def _list(path: Path, key: str, kind: type) -> list[Any]:
    """One list of a file, of which nothing else is kept."""
    content = msgspec.defstruct("Content", [(key, list[kind])])
    return getattr(_decode(path, content), key)


class CocoSource(SplitFiles):
    """JSON files of one data set."""

    format_name = "COCO JSON"
    names_have_order = True

    def open_file(self, path: Path) -> AnnotationFile:
        return _CocoFile(path, self.root)

    def class_names(self) -> list[str]:
        """Categories by their ids, without a parent that no object has.

        A name that says that there is none is one only where the user lists it.
        """
        files = self.paths()
        categories = [c for file in files for c in _categories(file)]
        parents = {c.supercategory for c in categories if c.supercategory != c.name}
        roots = {
            c.id
            for c in categories
            if c.name in parents and c.supercategory in (None, "", "none")
        }
        if roots:
            used = (item for f in files for item in _list(f, "annotations", _Used))
            roots -= {item.category_id for item in used}
        kept = sorted((id_order(c.id), c.name) for c in categories if c.id not in roots)
        return [n for n in dict.fromkeys(n for _, n in kept) if n not in MISSING]

    def category_ids(self) -> dict[Id, str]:
        """Class names by the ids that the files give them."""
        return {c.id: c.name for file in self.paths() for c in _categories(file)}

    def problems(self, split: str | None) -> list[Problem]:
        """Files that tell no split, lost annotations, names of several categories."""
        names = (
            line
            for file in self.paths()
            for line in same_name_problems(
                file, ((c.id, c.name) for c in _categories(file))
            )
        )
        return [*super().problems(split), *names]


def _categories(path: Path) -> list[Category]:
    return checked_categories(path, _list(path, "categories", Category))


class _CocoFile(AnnotationFile):
    """One JSON file: images by name, the objects of each."""

    def __init__(self, path: Path, root: Path) -> None:
        content = _decode(path, _File)
        self.path, self.place = path, f"{path}: annotations"
        self.images = {image.file_name: image for image in content.images}
        told = {n: split_told({"split": i.split}) for n, i in self.images.items()}
        self.splits = {name: split for name, split in told.items() if split}
        self.names = in_both_forms(
            {c.id: c.name for c in checked_categories(path, content.categories)}
        )
        self.annotations = content.annotations
        self.numbers: dict[str, list[int]] = {}  # positions in annotations
        self.outlines: list[Outline] = []
        if not all(annotation.bbox for annotation in content.annotations):
            self.outlines = _list(path, "annotations", Outline)
        by_id = in_both_forms(names_by_id(path, content.images))
        orphans: list[int] = []
        for number, annotation in enumerate(content.annotations):
            name = by_id.get(annotation.image_id)
            if name is None:
                orphans.append(number)
            else:
                self.numbers.setdefault(name, []).append(number)
        self.problems = self._orphan_lines(orphans) + twice_lines(path, content.images)
        self.paths = Finder(image_folders(path, root)).find_all(self.images)

    def _orphan_lines(self, numbers: Sequence[int]) -> list[Problem]:
        if not numbers:
            return []
        first = f"annotations[{numbers[0]}], image_id "
        first += repr(self.annotations[numbers[0]].image_id)
        text = (
            f"{self.path}: {len(numbers)} annotations of images that are not in it, "
            f"the first is {first}; left out."
        )
        return [Problem(text, "image-id", num_objects=len(numbers))]

    def annotated(self, name: str, path: Path) -> Annotated:
        image = self.images[name]
        found_wh = size_wh = image_size(path)
        if min(image.width or 0, image.height or 0) >= 1:  # some write -1 for "unknown"
            size_wh = (int(image.width), int(image.height))
        where = f"{self.path}: {name}"
        problems = size_problems(where, size_wh, found_wh, scales_boxes=True)
        numbers = self.numbers.get(name, ())
        objects = [self._object(number, size_wh) for number in numbers]
        return Annotated(path, size_wh, objects, problems, image_id=image.id)

    def _object(self, number: int, size_wh: tuple[int, int]) -> Object:
        annotation = self.annotations[number]
        where = f"{self.place}[{number}]"
        box = annotation.bbox
        if box and len(box) == 4 and None not in box:
            x, y, width, height = box
            edges_px = (x, y, x + width, y + height)
        else:
            edges_px = self._outline_edges(number, size_wh)
        return Object(
            self.names.get(annotation.category_id, f"id {annotation.category_id}"),
            edges_px,
            where,
            box or (),
            crowd=bool(annotation.iscrowd),
            area_px=annotation.area,
        )

    def _outline_edges(self, number: int, size_wh: tuple[int, int]) -> EdgesPx | None:
        outline = self.outlines[number].segmentation if self.outlines else None
        if not outline:
            return None
        try:
            if isinstance(outline, dict):
                return _mask_edges(outline, size_wh)
            xs = [x for polygon in outline for x in polygon[0::2]]
            ys = [y for polygon in outline for y in polygon[1::2]]
            return float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys))
        except (TypeError, ValueError, KeyError, IndexError, RuntimeError):
            return None  # told as any object without a box


def _mask_edges(mask: dict, size_wh: tuple[int, int]) -> EdgesPx:
    """Edges of a run-length mask: compressed (a string) or not (a list)."""
    from faster_coco_eval.core import mask as masks

    runs = mask
    if isinstance(mask["counts"], list):
        runs = masks.frPyObjects(mask, *size_wh[::-1])
    x, y, width, height = (float(value) for value in masks.toBbox(runs))
    return x, y, x + width, y + height
