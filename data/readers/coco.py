"""COCO JSON: one file of pictures, boxes and categories for each split.

https://cocodataset.org/#format-data. Decoded by msgspec straight into what is needed:
outlines, most of such a file, are skipped unless a box must be made from them.
"""

import mmap
from codecs import BOM_UTF8
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from base.errors import UserError
from data.images import picture_size
from data.readers.annotation import Annotated, EdgesPx, Missing, Object
from data.readers.json_file import holds
from data.readers.paths import Finder, picture_folders
from data.readers.split_files import SplitFiles
from data.readers.splits import split_in_name

IN_WORDS = "COCO JSON: annotations/instances_SPLIT.json, SPLIT/_annotations.coco.json"
FOLDERS = (".", "annotations")  # where COCO and CVAT put the JSON files
KEYS = (b'"images"', b'"annotations"', b'"categories"')  # cocodataset.org


class Category(msgspec.Struct, gc=False):
    """A class; Roboflow puts the project's name before them, as their parent."""

    id: int
    name: str
    supercategory: str | None = None


class Image(msgspec.Struct, gc=False):
    """A picture; without width and height its file is asked."""

    id: int | str
    file_name: str
    width: float | None = None
    height: float | None = None


class Annotation(msgspec.Struct, gc=False):
    """An object; bbox is x, y, width, height in pixels from 0."""

    image_id: int | str
    category_id: int
    id: int | str | None = None
    bbox: tuple[float, ...] | None = None  # a list each would cost the collector's time
    iscrowd: int | bool | None = 0
    area: float | None = None


class Outline(msgspec.Struct, gc=False):
    """What of an object gives a box where bbox is missing: polygons or a mask."""

    segmentation: Any = None


class _Classes(msgspec.Struct):
    categories: list[Category]


class _Used(msgspec.Struct, gc=False):
    category_id: int


class _UsedClasses(msgspec.Struct):
    annotations: list[_Used]


class _File(msgspec.Struct):
    images: list[Image]
    annotations: list[Annotation]
    categories: list[Category]


class _Outlines(msgspec.Struct):
    annotations: list[Outline]


def find(path: Path) -> list["CocoSource"]:
    """The data set in a JSON file, or in those of a folder."""
    files = [path] if path.is_file() else _json_files(path)
    files = [file for file in files if _is_coco(file)]
    if instances := [file for file in files if file.name.startswith("instances_")]:
        files = instances  # beside them lie captions and keypoints of the same pictures
    return [CocoSource(path if path.is_dir() else path.parent, files)] if files else []


def _json_files(folder: Path) -> list[Path]:
    found = [f for name in FOLDERS for f in sorted((folder / name).glob("*.json"))]
    for inside in sorted(p for p in folder.iterdir() if p.is_dir()):
        if split_in_name(inside.name):
            found += sorted(inside.glob("*.json"))
    return found


def _is_coco(path: Path) -> bool:
    if path.suffix.lower() != ".json" or not path.is_file():
        return False
    if path.name.startswith("instances_") or path.name.endswith(".coco.json"):
        return True  # whatever is in it: reading tells what is wrong
    return holds(path, KEYS)


def _mapped(file: Any) -> mmap.mmap:
    # pages of the file, given back when memory is short: the outlines are never copied
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def decode(path: Path, kind: type) -> Any:
    """The content of a JSON file as a msgspec type; UserError tells the place."""
    try:
        with path.open("rb") as file, _mapped(file) as data:
            start = len(BOM_UTF8) if data[: len(BOM_UTF8)] == BOM_UTF8 else 0
            with memoryview(data)[start:] as text:
                return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not COCO JSON: {error}.") from error


class CocoSource:
    """JSON files of one data set."""

    format_name = "COCO JSON"
    opens_files = False
    names_have_order = True

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        self.root = root
        self._files = SplitFiles(root, files, lambda file: _Opened(file, root))
        self.lists = self._files.lists

    def keys(self, split: str | None) -> list[str]:
        """Names of the pictures of a split; reads its JSON."""
        return self._files.keys(split)

    def class_names(self) -> list[str]:
        """Categories by their ids, without a parent that no object has."""
        files = self._files.paths()
        categories = [c for file in files for c in decode(file, _Classes).categories]
        parents = {c.supercategory for c in categories if c.supercategory != c.name}
        roots = {
            c.id
            for c in categories
            if c.name in parents and c.supercategory in (None, "", "none")
        }
        if roots:
            roots -= {
                a.category_id
                for f in files
                for a in decode(f, _UsedClasses).annotations
            }
        kept = sorted((c.id, c.name) for c in categories if c.id not in roots)
        return list(dict.fromkeys(name for _, name in kept))

    def read(self, key: str) -> Annotated:
        """One picture with its objects."""
        return self._files.read(key)


class _Opened:
    """One JSON file: pictures by name, the objects of each."""

    def __init__(self, path: Path, root: Path) -> None:
        content = decode(path, _File)
        self.path, self.place = path, f"{path}: annotations"
        self.pictures = {image.file_name: image for image in content.images}
        self.names = {category.id: category.name for category in content.categories}
        self.annotations = content.annotations
        self.numbers: dict[str, list[int]] = {}  # positions in annotations
        self.outlines: list[Outline] = []
        if not all(annotation.bbox for annotation in content.annotations):
            self.outlines = decode(path, _Outlines).annotations
        by_id = {image.id: image.file_name for image in content.images}
        for number, annotation in enumerate(content.annotations):
            name = by_id.get(annotation.image_id)
            if name is None:
                raise UserError(
                    f"{path}: annotations[{number}]: image_id {annotation.image_id!r} "
                    "is not among the ids of images."
                )
            self.numbers.setdefault(name, []).append(number)
        self.finder = Finder(picture_folders(path, root))

    def read(self, name: str) -> Annotated:
        image = self.pictures[name]
        path = self.finder.find(image.file_name)
        if path is None:
            raise Missing(f"pictures of {self.path.name} are not there", name)
        if image.width and image.height:
            size_wh = (int(image.width), int(image.height))
        else:
            size_wh = picture_size(path)
        numbers = self.numbers.get(name, ())
        objects = [self._object(number, size_wh) for number in numbers]
        return Annotated(path, size_wh, objects)

    def _object(self, number: int, size_wh: tuple[int, int]) -> Object:
        annotation = self.annotations[number]
        where = f"{self.place}[{number}]"
        box = annotation.bbox
        if box and len(box) == 4:
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
