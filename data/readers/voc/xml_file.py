"""One VOC annotation file, read without trusting it.

Annotations travel with downloaded data sets, so they may be hostile: a size
limit, no DOCTYPE, no entities, no numbers that are not finite, and nothing in
the file ever becomes a path.
"""

from pathlib import Path, PurePosixPath
from typing import NamedTuple
from xml.etree.ElementTree import Element

from defusedxml import ElementTree

from base.errors import UserError
from data.readers.files.text import clean_name
from data.readers.files.xml_source import xml_source
from data.readers.outlines import as_number

MAX_XML_BYTES = 1_000_000  # ours: VOC's longest is 23 kB
CORNERS = ("xmin", "ymin", "xmax", "ymax")  # VOC devkit, PASreadrecord.m


class VocObject(NamedTuple):
    """One <object>; box_px holds None for a number missing or not finite."""

    name: str
    box_px: tuple[float | None, ...]
    difficult: bool


class VocAnnotation(NamedTuple):
    """One file: <filename> without folders, <size> if it is there, objects."""

    filename: str
    size_wh: tuple[int, int] | None
    objects: tuple[VocObject, ...]


def read_annotation(path: Path) -> VocAnnotation:
    """The annotation in a file; UserError says what is wrong."""
    with xml_source(path, MAX_XML_BYTES, "broken XML ({})") as source:
        root = ElementTree.parse(source, forbid_dtd=True).getroot()
    if root.tag != "annotation":
        tag = root.tag[:40]
        raise UserError(f"{path}: expected <annotation>, received <{tag}>.")
    filename = base_name(_text(root, "filename"))
    objects = tuple(_object(element) for element in root.findall("object"))
    return VocAnnotation(filename, _size(root), objects)


def base_name(name: str) -> str:
    """What follows the last slash or backslash: never leads out of a folder."""
    return PurePosixPath(name.replace("\\", "/")).name


def _object(element: Element) -> VocObject:
    corners = tuple(as_number(_text(element, f"bndbox/{name}")) for name in CORNERS)
    difficult = bool(as_number(_text(element, "difficult")))
    name = clean_name(_text(element, "name"))
    return VocObject(name, corners, difficult)


def _size(root: Element) -> tuple[int, int] | None:
    width = as_number(_text(root, "size/width"))
    height = as_number(_text(root, "size/height"))
    return (int(width), int(height)) if width and height else None


def _text(element: Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()
