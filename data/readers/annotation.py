"""The contract between annotation formats and the rest.

A format is one module, named in `recognise.FORMATS`, with two things:

    IN_WORDS: str      its name and its usual layouts, for messages
    find(path: Path) -> list[AnnotationSource]
                       the data sets at a folder or in an annotation file; empty where
                       that is another format

What a source lists is read image by image (`Annotated`); what is wrong with boxes and
classes is reported and mended in one place for all formats, `assemble.py`.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

EdgesPx = tuple[float, float, float, float]  # left, top, right, bottom; from 0


class Object(NamedTuple):
    """One object as its file has it.

    edges_px: edges in pixels of the upright image, counted from its corner: a box
        over the whole image is 0, 0, width, height. None: numbers are missing.
    where: file and line, object or id, for messages.
    raw_values: the numbers in the file, for messages; empty: the edges themselves.
    difficult: VOC's mark: trained on, not counted by evaluation.
    crowd: COCO's mark: neither trained on nor counted.
    area_px: square pixels of the object itself, where the file says so.
    rejected: why the object can't be read at all; it is left out and counted.
    """

    name: str
    edges_px: EdgesPx | None
    where: str
    raw_values: tuple = ()
    difficult: bool = False
    crowd: bool = False
    area_px: float | None = None
    rejected: str = ""


class Problem(str):
    """A complete one-line sentence, under the doctor's id and severity.

    num_objects: how many objects are left out by what it tells, where no image that is
        read has them.
    """

    id: str
    severity: str
    num_objects: int

    def __new__(
        cls,
        text: str,
        id: str = "reader",
        severity: str = "error",
        num_objects: int = 0,
    ) -> "Problem":
        line = super().__new__(cls, text)
        line.id, line.severity, line.num_objects = id, severity, num_objects
        return line


class Annotated(NamedTuple):
    """One image with its objects. image_id: that of COCO JSON."""

    path: Path
    size_wh: tuple[int, int]
    objects: Sequence[Object]
    problems: Sequence[Problem] = ()
    image_id: int | str | None = None


class Missing(ValueError):
    """An image or annotation that isn't there: counted, the first one is named.

    path: the image, where it exists: if another annotation shows it, nothing lacks.
    """

    def __init__(self, what: str, name: str, path: Path | None = None) -> None:
        super().__init__(f"{what}: {name}")
        self.what, self.name, self.path = what, name, path


class AnnotationSource(Protocol):
    """One data set of one format, opened but not yet read.

    format_name: for the screen. root: for messages and the data set's name.
    lists: which of splits.SPLITS the files tell apart, and names of other lists; empty:
        none.
    problems(split): optional, what is wrong with the files as a whole (`Problem`).
    problems_of(keys): optional, what is wrong with these images together.
    names_have_order: whether class_names has an order of its own; if not it is sorted.
    """

    format_name: str
    root: Path
    lists: Collection[str]
    names_have_order: bool

    def keys(self, split: str | None) -> list[str]:
        """A name for each image of a list, or of all (None); its stem is hashed."""

    def class_names(self) -> list[str]:
        """All classes of all splits, without the background."""

    def read(self, key: str) -> Annotated:
        """One image; UserError, naming the file, where it must be left out."""


def same_name_problems(
    where: Path | str, names: Iterable[tuple[int | float | str, str]]
) -> list["Problem"]:
    """A line for each name of several classes, which are read as one; of (id, name)."""
    ids: dict[str, dict[str, None]] = {}
    for number, name in names:
        ids.setdefault(name, {})[f"{number}"] = None
    return [
        Problem(
            f"{where}: classes {', '.join(found)} are all called {name!r}: one class.",
            "class-twice",
            "note",
        )
        for name, found in ids.items()
        if name and len(found) > 1
    ]


def size_problems(
    where: str,
    written_wh: tuple[float | None, float | None],
    size_wh: tuple[int, int],
    scales_boxes: bool = False,
) -> list["Problem"]:
    """A line where the size in a file is not that of the upright image; else none.

    scales_boxes: whether the boxes belong to the written size, as in COCO JSON: they
        are wrong where the image is not that one at another scale.
    """
    if None in written_wh or not all(written_wh) or written_wh == size_wh:
        return []
    width, height = written_wh
    is_wrong = scales_boxes and abs(size_wh[0] * height - size_wh[1] * width) > max(
        written_wh
    )
    believed = "boxes belong to the first" if scales_boxes else "the image was believed"
    turned = (height, width) == size_wh
    text = (
        f"{where} says {width:g}x{height:g}, the image is {size_wh[0]}x{size_wh[1]}; "
        f"{believed}"
        + (" (turned by its EXIF mark? Look at its boxes)." if turned else ".")
    )
    if is_wrong:
        return [Problem(text, "image-size", "error")]
    return [Problem(text, "size", "warning")]
