"""The doctor's checks of VOC annotation files, before any reader repairs them."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from base.errors import UserError
from data.doctor.findings import Finding, findings
from data.images import image_size
from data.readers.files.text import MISSING
from data.readers.voc import VocSource
from data.readers.voc.xml_file import VocObject

KINDS = {  # id -> severity, text
    "xml": ("error", "annotation files that can't be read"),
    "image-missing": ("error", "annotations or lists without an image"),
    "image-twice": ("error", "annotations that name one image, left out"),
    "image-broken": ("error", "images whose header can't be read"),
    "annotation-missing": ("warning", "images without an annotation file"),
    "size": ("warning", "<size> differs from the image's"),
    "number": ("error", "corners that are missing or not finite"),
    "swapped": ("error", "boxes with swapped corners"),
    "no-area": ("error", "boxes without width or height"),
    "outside": ("error", "boxes wholly outside the image"),
    "reaches-out": ("warning", "boxes that reach out of the image, clipped"),
    "from-zero": ("note", "boxes that begin at 0: half a pixel off, VOC counts from 1"),
    "name-missing": ("error", "objects without a class name"),
}

Places = dict[str, list[str]]  # by id


def check_voc(sources: Sequence[VocSource]) -> list[Finding]:
    """Findings about files and coordinates of all annotations."""
    places: Places = defaultdict(list)
    for source in sources:
        for stem, path in source.annotations.items():
            _check_annotation(source, stem, path, places)
        there = source.annotations.keys() | source.images.keys()
        places["image-missing"] += [
            f"{source.root}: {key!r}, listed in {split}"
            for split, keys in source.splits.items()
            for key in keys
            if key not in there
        ]
        places["annotation-missing"] += map(str, source.unlabelled)
    return [
        finding
        for id, (severity, text) in KINDS.items()
        for finding in findings(id, severity, text, places[id])
    ]


def _check_annotation(source: VocSource, stem: str, path: Path, places: Places) -> None:
    try:
        annotation = source.annotation(path)
    except UserError as error:
        places["xml"].append(str(error))
        return
    image = source.image_of(stem, annotation.filename)
    if image is None:
        places["image-missing"].append(f"{path}: {annotation.filename!r}")
        return
    if source.claims[image] > 1:
        places["image-twice"].append(f"{path}: {annotation.filename!r}")
        return
    try:
        width, height = size_wh = image_size(image)
    except UserError as error:
        places["image-broken"].append(str(error))
        return
    if annotation.size_wh not in (None, size_wh):
        written = "{}x{}".format(*annotation.size_wh)
        places["size"].append(f"{path}: {written}, it is {width}x{height}")
    for number, item in enumerate(annotation.objects, start=1):
        if kind := _kind(item, size_wh):
            shown = " ".join("?" if v is None else f"{v:g}" for v in item.box_px)
            where = f"object {number} ({item.name})"
            places[kind].append(f"{path}: {where}: {shown} of {width}x{height}")


def _kind(item: VocObject, size_wh: tuple[int, int]) -> str | None:
    """The id of what is wrong with an object."""
    if item.name in MISSING:
        return "name-missing"
    if None in item.box_px:
        return "number"
    xmin, ymin, xmax, ymax = item.box_px
    if xmax < xmin or ymax < ymin:
        return "swapped"
    if xmax == xmin or ymax == ymin:
        return "no-area"
    width, height = size_wh
    if xmin > width or ymin > height or xmax <= 0 or ymax <= 0:
        return "outside"
    if xmin < 0 or ymin < 0 or xmax > width or ymax > height:
        return "reaches-out"
    return "from-zero" if min(xmin, ymin) == 0 else None
