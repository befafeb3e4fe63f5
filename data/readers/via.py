"""VGG Image Annotator: JSON (project or annotations alone) and CSV of VIA 1 and 2, and
the project JSON of VIA 3.

https://gitlab.com/vgg/via: via-2.x.y/CodeDoc.md (shape_attributes, region_attributes),
via.js (the three exports) and via-3.x.y/src/js/_via_metadata.js (numbers of shapes).
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from base.errors import UserError
from data.images import image_size, is_image_name
from data.readers.annotation import Annotated, EdgesPx, Object
from data.readers.files.image_splits import split_told
from data.readers.files.json_file import MAX_BYTES, decode, files_of, holds
from data.readers.files.paths import Finder, image_folders
from data.readers.files.text import table_rows
from data.readers.listed import ListedFile, ListedSource, listed_sources
from data.readers.outlines import around_ellipse, around_points, as_number, as_numbers

IN_WORDS = "VIA: via_project.json, via_export.csv"
FORMAT = "VIA JSON"
KEYS = (  # a project of VIA 2; annotations alone; a project of VIA 3
    (b'"_via_img_metadata"',),
    (b'"regions"', b'"filename"', b'"file_attributes"'),
    (b'"regions"', b'"filename"', b'"shape_attributes"'),
    (b'"metadata"', b'"fid_list"', b'"fname"'),
)
HEADER = {"filename", "file_size", "region_shape_attributes", "region_attributes"}
OF_FILE = "file_attributes"  # of the image
# attributes that hold the class; a single one may have any name
CLASS_ATTRIBUTES = ("class", "label")  # ours: the first that occurs
PERHAPS_CLASS = {"name", "type", "category", "object"}  # ours: where one of them occurs
TWICE = (
    "stands in the file twice, with different sizes: which of them is right can't be "
    "known. Remove one in VIA."
)
ONLY_CLASS = "object"  # ours: where no region has any attribute
# via-3.x.y/src/js/_via_metadata.js, _VIA_RSHAPE: names of VIA 2 for numbers of VIA 3
NUMBERS = {  # CodeDoc.md: attributes of shapes without lists of points
    "rect": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "point": ("cx", "cy"),
}
VIA3_SHAPES = {1: "point", 2: "rect", 3: "circle", 4: "ellipse", 5: "line"}


class _Region(NamedTuple):
    shape: Any
    attributes: dict[str, Any]
    where: str


def find(path: Path) -> list[ListedSource]:
    files = [file for file in files_of(path, ".json") if holds(file, *KEYS)]
    files += [file for file in files_of(path, ".csv") if _is_table(file)]
    return listed_sources("VIA", path, files, _File)


def _is_table(path: Path) -> bool:
    try:
        _, cells = next(table_rows(path, MAX_BYTES), (0, []))
    except UserError:
        return False
    return set(_header(cells)) >= HEADER


def _header(cells: list[str]) -> list[str]:
    return [cell.strip().lstrip("#") for cell in cells]  # VIA 1 wrote #filename


class _File(ListedFile):
    """One file of any version: the regions of each image."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        is_csv = path.suffix.lower() == ".csv"
        self.images: dict[str, str | None] = {}
        read = _from_table if is_csv else _from_json
        self._regions = read(path, self.images)
        regions = [r for regions in self._regions.values() for r in regions]
        self._attribute = _class_attribute(path, regions)
        self.class_names = sorted({n for r in regions if (n := self._name(r))})
        self.paths = Finder(image_folders(path, root)).find_all(self.images)

    def _name(self, region: _Region) -> str:
        if self._attribute is None:
            return ONLY_CLASS
        return _text(region.attributes.get(self._attribute))

    def annotated(self, name: str, path: Path) -> Annotated:
        objects = [
            Object(self._name(region), _edges(region.shape), region.where)
            for region in self._regions[name]
        ]
        return Annotated(path, image_size(path), objects)


def _from_json(path: Path, splits: dict[str, str | None]) -> dict[str, list[_Region]]:
    """The regions of each image; what tells its split is put into `splits`."""
    content = decode(path, dict[str, Any], FORMAT)
    if "view" in content and "metadata" in content:
        found = _from_via3(path, content)
        splits |= dict.fromkeys(found)
        return found
    images = content.get("_via_img_metadata", content)
    if not isinstance(images, dict):
        raise UserError(f"{path}: _via_img_metadata: expected an object of images.")
    found: dict[str, list[_Region]] = {}
    for key, image in images.items():
        name = image.get("filename") if isinstance(image, dict) else None
        if not isinstance(name, str) or not name:
            raise UserError(f"{path}: {key!r:.80}: expected an image with filename.")
        if name in found:
            raise UserError(f"{path}: {name} {TWICE}")
        regions = image.get("regions") or []
        if isinstance(regions, dict):  # VIA 1: {"0": region}
            regions = list(regions.values())
        found[name] = list(_regions(regions, f"{path}: {name}"))
        attributes = image.get(OF_FILE)
        splits[name] = split_told(attributes if isinstance(attributes, dict) else {})
    return found


def _regions(regions: Any, where: str) -> Iterator[_Region]:
    for number, region in enumerate(regions if isinstance(regions, list) else []):
        region = region if isinstance(region, dict) else {}
        attributes = region.get("region_attributes")
        yield _Region(
            region.get("shape_attributes"),
            attributes if isinstance(attributes, dict) else {},
            f"{where}: region {number}",
        )


def _from_via3(path: Path, content: dict[str, Any]) -> dict[str, list[_Region]]:
    """Images and regions of VIA 3; those of a time in a video are no image's."""
    files = _objects(content, "file")
    names = {fid: str(file.get("fname")) for fid, file in files.items()}
    of_view: dict[str, str] = {}
    for vid, view in _objects(content, "view").items():
        fids = view.get("fid_list")
        name = names.get(str(fids[0]), "") if isinstance(fids, list) and fids else ""
        if name in of_view.values():
            raise UserError(f"{path}: {name} stands in the file twice; remove one.")
        if is_image_name(name):
            of_view[vid] = name
    found: dict[str, list[_Region]] = {name: [] for name in of_view.values()}
    for key, item in _objects(content, "metadata").items():
        name, xy = of_view.get(str(item.get("vid"))), item.get("xy")
        if name and xy and not item.get("z"):
            attributes = _via3_attributes(item.get("av"), content)
            found[name].append(
                _Region(_via3_shape(xy), attributes, f"{path}: metadata {key}")
            )
    return found


def _objects(content: dict[str, Any], key: str) -> dict[str, dict[str, Any]]:
    value = content.get(key)
    items = value.items() if isinstance(value, dict) else ()
    return {name: item for name, item in items if isinstance(item, dict)}


def _via3_shape(values: Any) -> dict[str, Any]:
    """[number of the shape, coordinates...] as VIA 2 writes it."""
    xy = as_numbers(values)
    if not xy:
        return {}
    name = VIA3_SHAPES.get(int(xy[0]), "polygon")
    if name in NUMBERS:
        return {"name": name, **dict(zip(NUMBERS[name], xy[1:], strict=False))}
    return {"name": name, "all_points_x": xy[1::2], "all_points_y": xy[2::2]}


def _via3_attributes(values: Any, content: dict[str, Any]) -> dict[str, Any]:
    """Names of attributes and of options for their numbers."""
    attributes = _objects(content, "attribute")
    found = {}
    for key, value in values.items() if isinstance(values, dict) else ():
        attribute = attributes.get(key, {})
        options = attribute.get("options")
        if isinstance(options, dict) and options:  # several checked: no one class
            value = options.get(str(value), "")
        found[str(attribute.get("aname", key))] = value
    return found


def _from_table(path: Path, splits: dict[str, str | None]) -> dict[str, list[_Region]]:
    rows = table_rows(path, MAX_BYTES)
    header = _header(next(rows, (0, []))[1])
    at = {name: header.index(name) for name in header if name in (*HEADER, OF_FILE)}
    found: dict[str, list[_Region]] = {}
    sizes: dict[str, str] = {}
    for line, cells in rows:
        if not cells:
            continue
        where = f"{path}: line {line}"
        if len(cells) <= max(at.values()):
            raise UserError(f"{where}: expected {len(header)} cells: {len(cells)}.")
        name, size = cells[at["filename"]], cells[at["file_size"]]
        if sizes.setdefault(name, size) != size:
            raise UserError(f"{where}: {name} {TWICE}")
        regions = found.setdefault(name, [])
        attributes = _cell(cells[at[OF_FILE]], where) if OF_FILE in at else {}
        splits[name] = split_told(attributes)
        shape = _cell(cells[at["region_shape_attributes"]], where)
        if shape:  # {}: an image without regions
            attributes = _cell(cells[at["region_attributes"]], where)
            regions.append(_Region(shape, attributes, where))
    return found


def _cell(text: str, where: str) -> dict[str, Any]:
    """A cell is JSON itself."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: a cell is no JSON: {text!r:.60}.") from error
    if not isinstance(value, dict):
        raise UserError(f"{where}: expected an object in {text!r:.60}.")
    return value


def _class_attribute(path: Path, regions: list[_Region]) -> str | None:
    """The attribute that holds the class; None where no region has any attribute."""
    names = list(
        dict.fromkeys(name for region in regions for name in region.attributes)
    )
    by_word = {name.lower(): name for name in reversed(names)}
    known = [by_word[word] for word in CLASS_ATTRIBUTES if word in by_word]
    perhaps = [name for word, name in by_word.items() if word in PERHAPS_CLASS]
    known = known or perhaps * (len(perhaps) == 1)
    if len(names) > 1 and not known:
        raise UserError(
            f"{path}: which of the attributes {', '.join(names[:8])} is the class? "
            "Name one of them class in VIA."
        )
    return next(iter(known or names), None)


def _text(value: Any) -> str:
    """A class name: a text, or the one box that is checked (VIA 2: {"cat": true})."""
    if isinstance(value, dict):
        checked = [name for name, is_on in value.items() if is_on is True]
        return checked[0] if len(checked) == 1 else ""
    return value if isinstance(value, str) else ""


def _edges(shape: Any) -> EdgesPx | None:
    """Edges of shape_attributes; None where a number is missing."""
    shape = shape if isinstance(shape, dict) else {}
    name = str(shape.get("name"))
    if name not in NUMBERS:
        xs, ys = (as_numbers(shape.get(f"all_points_{axis}")) for axis in "xy")
        if xs is None or ys is None or len(xs) != len(ys):
            return None
        return around_points(list(zip(xs, ys, strict=True)))
    numbers = as_numbers([shape.get(key) for key in NUMBERS[name]])
    theta = as_number(shape.get("theta", 0))  # radians, via.js: of an ellipse
    if numbers is None or theta is None:
        return None
    x, y, *sides = numbers
    if name == "rect":
        return x, y, x + sides[0], y + sides[1]
    # a circle has one radius, a point has none
    radii = (sides or [0.0])[0], (sides or [0.0])[-1]
    return around_ellipse((x, y), radii, math.degrees(theta))
