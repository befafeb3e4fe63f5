"""Edges of the smallest upright box around polygons, rotated boxes and ellipses.

All numbers are in pixels; angles are in degrees. The result is None where a number is
missing or not finite.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from data.readers.annotation import EdgesPx


def as_number(value: Any) -> float | None:
    """A finite number, of JSON or written as text; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def as_numbers(values: Any) -> list[float] | None:
    """A list of finite numbers; None where one of them is not, or it is no list."""
    if not isinstance(values, list | tuple):
        return None
    numbers = [as_number(value) for value in values]
    return None if None in numbers else numbers


def as_points(values: Any) -> list[Sequence[float]] | None:
    """Pairs x, y from a list of lists; None where one of them is no pair."""
    if not isinstance(values, list):
        return None
    points = [as_numbers(value) for value in values]
    return None if any(p is None or len(p) != 2 for p in points) else points


def around_points(points: Iterable[Sequence[float]] | None) -> EdgesPx | None:
    """Edges around polygons, polylines and key points; None without any point."""
    xs_ys = list(zip(*points, strict=True)) if points else []
    if len(xs_ys) != 2:
        return None
    xs, ys = xs_ys
    return _finite((min(xs), min(ys), max(xs), max(ys)))


def around_box(
    center: Sequence[float], size_wh: Sequence[float], degrees: float = 0.0
) -> EdgesPx | None:
    """Edges around a box that is turned about its center."""
    halves = size_wh[0] / 2, size_wh[1] / 2
    # corners (+-w/2, +-h/2), turned: the farthest in x and in y
    return _around(center, halves, degrees, lambda a, b: abs(a) + abs(b))


def around_ellipse(
    center: Sequence[float], radii: Sequence[float], degrees: float = 0.0
) -> EdgesPx | None:
    """Edges around an ellipse that is turned about its center."""
    # extrema of x(t) = rx cos t cos a - ry sin t sin a, and y(t) alike
    return _around(center, radii, degrees, math.hypot)


def _around(
    center: Sequence[float],
    halves: Sequence[float],
    degrees: float,
    join: Callable[[float, float], float],
) -> EdgesPx | None:
    """join: how far both halves, each turned, reach along an axis."""
    (x, y), (half_w, half_h) = center, halves
    if degrees % 180:  # else exact, without rounding by the cosine
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        half_w, half_h = (
            join(half_w * cos, half_h * sin),
            join(half_w * sin, half_h * cos),
        )
    return _finite((x - half_w, y - half_h, x + half_w, y + half_h))


def _finite(edges: EdgesPx) -> EdgesPx | None:
    return edges if all(map(math.isfinite, edges)) else None
