"""What reading gives: images with their boxes, and what was wrong with the files.

Every format ends in a `Dataset`; everything behind it (batches, evaluation, reports)
knows this one shape and no file format.
"""

import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from base import grouped
from base.errors import UserError
from data.images import read_image

MOST_LINES = 10  # ours: about the data, before a training or an evaluation


@dataclass(frozen=True)
class Sample:
    """One image of a data set.

    path: the image's file.
    size_wh: width and height in pixels, upright (EXIF orientation applied).
    truth: (M, 5) float32, rows of xmin, ymin, xmax, ymax in 0..1 and the class
        index 1..C-1; M may be 0.
    difficult: (M,) bool, objects that evaluation doesn't count: VOC's mark, and crowds.
    crowd: (M,) bool, COCO's mark for a group in one box, which training ignores as
        well; None: there are none.
    areas_px: (M,) square pixels of the objects' outlines, by which COCO tells small
        from large; None: the boxes' own.
    window_px: left, top, right, bottom of the part of the file that this image is,
        upright; None: all of it. See tiles.py.
    image_id: that of COCO JSON, which other detectors' results name.
    """

    path: Path
    size_wh: tuple[int, int]
    truth: np.ndarray
    difficult: np.ndarray
    crowd: np.ndarray | None = None
    areas_px: np.ndarray | None = None
    window_px: tuple[int, int, int, int] | None = None
    image_id: int | str | None = None

    def read_image(self, min_side: int = 0) -> np.ndarray:
        """uint8 (H, W, 3) RGB; `min_side` and UserError as of `read_image`."""
        if self.window_px is None:
            return read_image(self.path, min_side)
        left, top, right, bottom = self.window_px
        return read_image(self.path)[top:bottom, left:right].copy()


@dataclass(frozen=True)
class Dataset:
    """The images of one split.

    class_names: without the background; index i of `truth` is class_names[i - 1].
    problems: complete one-line sentences: file, object, expected, received, what
        was done about it.
    notes: one-line sentences about how the split came about; nothing is wrong.
    split_was_made: whether names were split by their hash.
    category_ids: class names by the ids of COCO JSON.
    """

    name: str
    split: str
    class_names: list[str]
    samples: list[Sample]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_images_left_out: int = 0
    num_objects_left_out: int = 0
    format_name: str = ""
    split_was_made: bool = False
    category_ids: dict[int | float | str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.samples)

    def check_boxes(self) -> "Dataset":
        """The data set itself; UserError where no image has a box of any class."""
        if not any(self.boxes_per_class().values()):
            reason = next(iter(self.problems), "All their annotations are empty.")
            raise UserError(
                f"{self.name} {self.split}: no boxes of any class of "
                f"{', '.join(self.class_names)} in {len(self)} images. {reason}"
            )
        return self

    def fingerprint(self, with_marks: bool = True) -> str:
        """Hash of names, sizes, boxes and marks of the images, wherever they lie.

        with_marks: whether of difficult objects and crowds too; checkpoints of earlier
            versions hold the hash without.
        """
        digest = hashlib.sha256(repr(self.class_names).encode())
        for sample in self.samples:
            digest.update(repr((sample.path.name, sample.size_wh)).encode())
            digest.update(sample.truth.tobytes())
            if with_marks:
                digest.update(sample.difficult.tobytes())
                digest.update(b"" if sample.crowd is None else sample.crowd.tobytes())
        return digest.hexdigest()

    def boxes_per_class(self) -> dict[str, int]:
        """Number of boxes of each class, in the order of class_names."""
        class_ids = Counter(int(i) for s in self.samples for i in s.truth[:, 4])
        return {n: class_ids[i] for i, n in enumerate(self.class_names, start=1)}

    def describe(self) -> str:
        """Two or three lines for the screen: how much of what, what is left out."""
        boxes = self.boxes_per_class()
        num_difficult = sum(int(sample.difficult.sum()) for sample in self.samples)
        num_empty = sum(not len(sample.truth) for sample in self.samples)
        lines = [
            f"{self.name} {self.split}: {self.format_name}, {len(self)} images "
            f"({num_empty} without objects), {sum(boxes.values())} boxes "
            f"({num_difficult} difficult)",
            "  " + ", ".join(f"{name} {count}" for name, count in boxes.items()),
        ]
        if self.num_images_left_out or self.num_objects_left_out:
            lines.append(
                f"  left out: {self.num_images_left_out} images, "
                f"{self.num_objects_left_out} objects"
            )
        return "\n".join(lines)


def report_problems(*datasets: Dataset) -> None:
    """Notes and problems to standard error, a line for each kind of problem."""
    lines = [line for dataset in datasets for line in dataset.notes]
    lines += [line for dataset in datasets for line in dataset.problems]
    ids = {line: getattr(line, "id", "reader") for line in lines}  # each line once
    kinds = grouped((line if i == "reader" else i, line) for line, i in ids.items())
    shown = [
        f"{first} And {len(more)} more of this kind." if more else first
        for first, *more in kinds.values()
    ]
    if len(shown) > MOST_LINES:
        rest = len(shown) - MOST_LINES + 1
        shown[MOST_LINES - 1 :] = [f"... and {rest} lines more: python -m data FOLDER"]
    for line in shown:
        print(f"  {line}", file=sys.stderr)


def truth_array(rows: Sequence[Sequence[float]]) -> np.ndarray:
    """(M, 5) float32 of rows xmin, ymin, xmax, ymax, class index; M may be 0."""
    return np.asarray(rows, np.float32).reshape(-1, 5)  # (M, 5)
