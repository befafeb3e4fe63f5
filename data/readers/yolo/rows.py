"""Rows of YOLO labels: boxes, polygons, key points.

https://docs.ultralytics.com/datasets: a class number, then middle x, middle y, width
and height in 0..1 (detect), the corners of a polygon (segment), or a box and its key
points (pose), which only `kpt_shape` in data.yaml tells from a polygon.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from base.errors import UserError
from data.readers.annotation import EdgesPx
from data.readers.outlines import as_numbers

ROW = "a class number and 4 numbers in 0..1, or a polygon of 3 or more corners"
UNSAID = ("", "null", "Null", "NULL", "~", "none", "None")  # kpt_shape without a value
POSE_SHARE = 0.9  # ours: so many rows look like a box with its key points
POSE_MARGIN = 0.1  # ours: of a side, by which key points leave their box
SQUARE = 1e-3  # ours: rounding of oriented boxes' corners


def parse_row(words: Sequence[str]) -> tuple[int, EdgesPx] | None:
    """Class number and corners in 0..1 of a row; None where it is no box."""
    numbers = as_numbers(words)
    if not numbers or numbers[0] < 0 or numbers[0] % 1:
        return None
    class_number, numbers = int(numbers[0]), numbers[1:]
    if len(numbers) == 4:
        x, y, width, height = numbers
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return class_number, corners
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        xs, ys = numbers[0::2], numbers[1::2]
        return class_number, (min(xs), min(ys), max(xs), max(ys))
    return None


def key_point_numbers(value: Any, path: Path) -> int | None:
    """How many numbers of key points follow a box; None where kpt_shape says nothing.

    >>> key_point_numbers(["17", "3"], Path()), key_point_numbers("0", Path())
    (51, 0)
    """
    if value in UNSAID:
        return None
    texts = value if isinstance(value, list) else [value]
    is_flat = all(isinstance(text, str) for text in texts)
    text = " ".join(texts) if is_flat else "nested values"
    numbers = [word for word in re.split(r"[\s,x()\[\]]+", text) if word]
    if not numbers:
        return None
    if numbers in (["false"], ["False"]) or numbers[:1] == ["0"]:
        return 0
    if len(numbers) == 2 and all(map(str.isdecimal, numbers)) and numbers[1] in "23":
        return int(numbers[0]) * int(numbers[1])
    raise UserError(
        f"{path}: kpt_shape: expected a number of points and 2 or 3, such as [17, 3]. "
        f"Received: {text:.80}"
    )


def check_not_pose(lines: Iterable[str], where: str) -> None:
    """UserError where rows look like boxes with key points, which read as polygons."""
    parsed = (as_numbers(line.split()) for line in lines)
    rows = [numbers[1:] for numbers in parsed if numbers and len(numbers) > 6]
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        return  # polygons have corners as they need them
    (length,) = lengths
    if length == 8 and all(map(_is_oriented_box, rows)):
        return
    for size in (n for n in (2, 3) if (length - 4) % n == 0):
        fitting = sum(_is_pose(row, size) for row in rows)
        if fitting >= POSE_SHARE * len(rows):
            shape = f"[{(length - 4) // size}, {size}]"
            raise UserError(
                f"{where}: rows look like a box and its key points; say kpt_shape: "
                f"{shape} in data.yaml, or kpt_shape: 0 where they are polygons."
            )


def _is_pose(row: Sequence[float], size: int) -> bool:
    """Whether points of `size` numbers after a box lie in it, or are 0, 0 (unseen)."""
    x, y, width, height = row[:4]
    half_x, half_y = width / 2, height / 2
    near = SQUARE - min(x - half_x, y - half_y, 1 - x - half_x, 1 - y - half_y)
    if near > 2 * SQUARE or width <= 0 or height <= 0:
        return False  # the box leaves the image: that is no box
    points = [row[at : at + size] for at in range(4, len(row), size)]
    marks = [mark for _, _, *marks in points for mark in marks]
    if max(marks, default=0) == 2 and set(marks) <= {0, 1, 2}:
        return True  # no corner lies at 2
    reach = 1 + 2 * POSE_MARGIN
    return all(
        (px == 0 == py)
        or (abs(px - x) <= half_x * reach and abs(py - y) <= half_y * reach)
        for px, py, *_ in points
    ) and set(marks) <= {0, 1, 2}


def _is_oriented_box(row: Sequence[float]) -> bool:
    # opposite corners of a parallelogram have one middle, also in shares of the sides
    x1, y1, x2, y2, x3, y3, x4, y4 = row
    return max(abs(x1 + x3 - x2 - x4), abs(y1 + y3 - y2 - y4)) < 2 * SQUARE
