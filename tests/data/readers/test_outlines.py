"""Edges around polygons, turned boxes and ellipses, by hand."""

import math

import pytest

from data.readers.outlines import (
    around_box,
    around_ellipse,
    around_points,
    as_number,
    as_numbers,
    as_points,
)

ROOT2 = math.sqrt(2)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        *((3, 3.0), (0, 0.0), ("2.5", 2.5), (" -1 ", -1.0), ("1e3", 1000.0)),
        *((True, None), (None, None), ("x", None), ("", None), ([1], None)),
        *((math.nan, None), ("inf", None), (10**400, None)),
    ],
)
def test_numbers(value, wanted):
    assert as_number(value) == wanted and type(as_number(value)) is type(wanted)
    assert as_numbers([1, value]) == (None if wanted is None else [1.0, wanted])


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        *(([], []), ((1, 2), [1.0, 2.0]), ("12", None), (None, None), ({1: 2}, None)),
    ],
)
def test_lists_of_numbers(values, wanted):
    assert as_numbers(values) == wanted


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([], []),
        ([[1, "2"], (3, 4)], [[1, 2], [3, 4]]),
        ([[1, 2], [3]], None),
        ([[1, 2], [3, 4, 5]], None),
        ([[1, 2], [3, None]], None),
        ([[1, 2], "34"], None),
        (((1, 2), (3, 4)), None),
        ("12", None),
    ],
)
def test_lists_of_points(values, wanted):
    assert as_points(values) == wanted


@pytest.mark.parametrize(
    ("points", "wanted"),
    [
        (None, None),
        ([], None),
        ([(3, 4)], (3, 4, 3, 4)),
        ([(5, 1), (2, 9), (3, 4)], (2, 1, 5, 9)),
        (iter([]), None),
        ([(1, 2), (math.inf, 3)], None),
        ([(1, 2, 3)], None),
    ],
)
def test_points(points, wanted):
    assert around_points(points) == wanted


@pytest.mark.parametrize(
    ("degrees", "half"),
    [
        *((0, (3, 2)), (180, (3, 2)), (-360, (3, 2)), (540, (3, 2))),
        *((90, (2, 3)), (-90, (2, 3)), (270, (2, 3))),
        # 45 degrees: (3 + 2) / sqrt 2 to each side
        *((45, (5 / ROOT2, 5 / ROOT2)), (135, (5 / ROOT2, 5 / ROOT2))),
        # 30: 3 cos + 2 sin, 3 sin + 2 cos
        (30, (1.5 * math.sqrt(3) + 1, 1.5 + math.sqrt(3))),
        (1, (3.0344481, 2.0520526)),
    ],
)
def test_a_turned_box(degrees, half):
    wanted = (10 - half[0], 20 - half[1], 10 + half[0], 20 + half[1])
    assert around_box((10, 20), (6, 4), degrees) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("degrees", "half"),
    [
        *((0, (3, 2)), (180, (3, 2)), (90, (2, 3)), (-270, (2, 3))),
        (45, (math.sqrt(6.5), math.sqrt(6.5))),  # (9 + 4) / 2
        (30, (math.sqrt(9 * 0.75 + 4 * 0.25), math.sqrt(9 * 0.25 + 4 * 0.75))),
        (1, (2.9997462, 2.0003807)),
        (181, (2.9997462, 2.0003807)),
    ],
)
def test_a_turned_ellipse(degrees, half):
    wanted = (10 - half[0], 20 - half[1], 10 + half[0], 20 + half[1])
    assert around_ellipse((10, 20), (3, 2), degrees) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("function", [around_box, around_ellipse])
def test_without_an_angle_it_is_exact(function):
    size = (0.2, 0.6) if function is around_box else (0.1, 0.3)
    for more in ((), (0,), (360,), (180.0,)):
        assert function((0.1, 0.3), size, *more) == (0.0, 0.0, 0.2, 0.6)
    assert (
        function((math.nan, 0), size) is None
        and function((0, 0), (math.inf, 1)) is None
    )
