"""Edges of the smallest upright box around polygons, rotated boxes and ellipses.

All numbers are in pixels; angles are in degrees. The result is None where a number is
missing or not finite.
"""

import math
from collections.abc import Iterable, Sequence
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
    half_w, half_h = size_wh[0] / 2, size_wh[1] / 2
    if degrees % 180 == 0:  # exact, without rounding by the cosine
        return _around(center, half_w, half_h)
    cos, sin = _turn(degrees)
    # corners (+-w/2, +-h/2), turned: the farthest in x and in y
    return _around(
        center,
        abs(half_w * cos) + abs(half_h * sin),
        abs(half_w * sin) + abs(half_h * cos),
    )


def around_ellipse(
    center: Sequence[float], radii: Sequence[float], degrees: float = 0.0
) -> EdgesPx | None:
    """Edges around an ellipse that is turned about its center."""
    if degrees % 180 == 0:
        return _around(center, *radii)
    cos, sin = _turn(degrees)
    # extrema of x(t) = rx cos t cos a - ry sin t sin a, and y(t) alike
    return _around(
        center,
        math.hypot(radii[0] * cos, radii[1] * sin),
        math.hypot(radii[0] * sin, radii[1] * cos),
    )


def _turn(degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return math.cos(angle), math.sin(angle)


def _around(center: Sequence[float], half_w: float, half_h: float) -> EdgesPx | None:
    x, y = center
    return _finite((x - half_w, y - half_h, x + half_w, y + half_h))


def _finite(edges: EdgesPx) -> EdgesPx | None:
    return edges if all(map(math.isfinite, edges)) else None
