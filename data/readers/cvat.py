"""CVAT for images 1.1: one XML file of images and their shapes for each task.

https://docs.cvat.ai/docs/other/xml_format (elements and attributes) and
cvat/apps/dataset_manager/formats/cvat.py (how they are written). Read as a stream:
the file of a large project has hundreds of megabytes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from defusedxml import ElementTree

from base.errors import UserError
from data.images import image_size
from data.readers.annotation import Annotated, EdgesPx, Object, size_problems
from data.readers.files.json_file import MAX_BYTES, files_of
from data.readers.files.paths import Finder, image_folders
from data.readers.files.text import MISSING, without_mark
from data.readers.files.xml_source import xml_source
from data.readers.listed import ListedFile, ListedSource, listed_sources
from data.readers.outlines import (
    around_box,
    around_ellipse,
    around_points,
    as_number,
    as_numbers,
)
from data.readers.splits import splits_of

IN_WORDS = "CVAT for images 1.1: annotations.xml, images/"
HEAD_BYTES = 4096  # ours: the XML declaration, a comment, then the root element
NUMBERS = {  # attributes of shapes without points
    "box": ("xtl", "ytl", "xbr", "ybr"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "mask": ("left", "top", "width", "height"),  # its runs (rle) lie in this box
}
NO_SUBSET = {"", "default"}  # docs.cvat.ai/docs/workspace/projects: a task without one
CUBOID = [  # cvat.py, dump_as_cvat_annotation: corners in front and at the back
    (f"x{corner}{side}", f"y{corner}{side}")
    for side in "12"
    for corner in ("tl", "bl", "tr", "br")
]
# a tag is the class of a whole image, no object
SHAPES = {*NUMBERS, "polygon", "polyline", "points", "cuboid", "skeleton"}


class _Image(NamedTuple):
    name: str
    subset: str
    written_wh: tuple[float | None, float | None]
    objects: list[Object]
    where: str


def find(path: Path) -> list[ListedSource]:
    files = [file for file in files_of(path, ".xml") if is_cvat(file)]
    return listed_sources("CVAT XML", path, files, _File, names_have_order=True)


def is_cvat(path: Path) -> bool:
    """Whether the root element is CVAT's; VOC's is <annotation>."""
    try:
        with path.open("rb") as file:
            return b"<annotations>" in without_mark(file.read(HEAD_BYTES))
    except OSError:
        return False


class _File(ListedFile):
    """One XML file: the shapes of each image."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self._images: dict[str, _Image] = {}
        labels = []
        for element in _elements(path):
            if element.tag == "label":
                labels.append((element.findtext("name") or "").strip())
            elif element.tag == "image":
                self._add(element)
                element.clear()
        subsets = {image.subset for image in self._images.values()} - NO_SUBSET
        splits = splits_of(subsets)
        self.images = {
            key: splits.get(image.subset, image.subset)
            if image.subset in subsets
            else None
            for key, image in self._images.items()
        }
        names = (o.name for image in self._images.values() for o in image.objects)
        used = dict.fromkeys(n for n in names if n in labels or n not in MISSING)
        known = [name for name in labels if name in used]
        self.class_names = list(dict.fromkeys([*known, *used]))
        finder = Finder(image_folders(path, root))
        # a folder for each subset, or all in one
        self.paths = finder.find_all(self._images, lambda key: self._images[key].name)

    def _add(self, element: Element) -> None:
        name, subset = element.get("name") or "", element.get("subset") or ""
        where = f"{self.path}: image {element.get('id')}"
        if not name:
            raise UserError(f"{where}: has no name.")
        # project exports: a folder for each subset, in which the names are unique
        key = f"{subset}/{name}" if subset else name
        if key in self._images:
            raise UserError(
                f"{where}: {name} stands in the file twice; export each task into a "
                "folder of its own."
            )
        shapes = [shape for shape in element if shape.tag in SHAPES]
        objects = [
            Object(shape.get("label") or "", _edges(shape), f"{where}, {shape.tag} {n}")
            for n, shape in enumerate(shapes, start=1)
            if shape.get("outside") != "1"  # of a track, not to be seen in this image
        ]
        written_wh = as_number(element.get("width")), as_number(element.get("height"))
        self._images[key] = _Image(name, subset, written_wh, objects, where)

    def annotated(self, key: str, path: Path) -> Annotated:
        image, size_wh = self._images[key], image_size(path)
        problems = size_problems(image.where, image.written_wh, size_wh)
        return Annotated(path, size_wh, image.objects, problems)


def _elements(path: Path) -> Iterator[Element]:
    """Elements of the file as they end; UserError where it is not CVAT for images."""
    with xml_source(path, MAX_BYTES, "not CVAT XML for images: {}") as source:
        for _, element in ElementTree.iterparse(source, forbid_dtd=True):
            if element.tag == "track":
                raise UserError("CVAT for video; export CVAT for images 1.1")
            yield element


def _edges(shape: Element) -> EdgesPx | None:
    """Edges of a shape by its kind; None where a number is missing."""
    if shape.tag not in NUMBERS:
        return around_points(_points(shape))
    numbers = _numbers(shape, NUMBERS[shape.tag])
    degrees = as_number(shape.get("rotation") or 0)  # clockwise, about the center
    if numbers is None or degrees is None:
        return None
    if shape.tag == "ellipse":
        return around_ellipse(numbers[:2], numbers[2:], degrees)
    left, top, right, bottom = numbers
    if shape.tag == "mask":
        right, bottom = left + right, top + bottom
    if not degrees:
        return left, top, right, bottom
    center = ((left + right) / 2, (top + bottom) / 2)
    return around_box(center, (right - left, bottom - top), degrees)


def _points(shape: Element) -> list[list[float]] | None:
    """Corners of a polygon, polyline, cuboid, key points or a skeleton's points."""
    if shape.tag == "cuboid":
        pairs = [_numbers(shape, names) for names in CUBOID]
        return None if None in pairs else pairs
    if shape.tag == "skeleton":
        found = [_points(p) for p in shape.iter("points") if p.get("outside") != "1"]
        return None if None in found else [point for pair in found for point in pair]
    # "x,y;x,y"
    pairs = [as_numbers(p.split(",")) for p in (shape.get("points") or "").split(";")]
    return None if any(p is None or len(p) != 2 for p in pairs) else pairs


def _numbers(shape: Element, names: Sequence[str]) -> list[float] | None:
    return as_numbers([shape.get(name) for name in names])
