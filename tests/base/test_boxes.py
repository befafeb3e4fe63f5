"""Overlap and pixels of boxes in numpy, by hand."""

import numpy as np
import pytest

from base.boxes import area, intersection, iou, to_pixels, to_whole_pixels


@pytest.mark.parametrize(
    ("box", "other", "shared", "expected"),
    [
        ([0, 0, 2, 1], [1, 0, 3, 1], 1, 1 / 3),  # 1 of 2 + 2 - 1
        ([0, 0, 2, 4], [0, 0, 2, 4], 8, 1),
        ([0, 0, 1, 1], [1, 0, 2, 1], 0, 0),  # they touch
        ([0, 0, 1, 1], [3, 3, 4, 4], 0, 0),
        ([1, 1, 1, 1], [1, 1, 1, 1], 0, 0),  # without area
        ([0, 0, 4, 4], [1, 1, 2, 3], 2, 2 / 16),  # inside
    ],
)
def test_pairs(box, other, shared, expected):
    box, other = np.array(box, float), np.array(other, float)
    assert intersection(box, other) == shared == intersection(other, box)
    assert iou(box, other) == pytest.approx(expected) == iou(other, box)


def test_all_pairs_and_none():
    boxes = np.array([[0, 0, 2, 1], [0, 0, 1, 1], [5, 5, 6, 7]], float)
    assert area(boxes).tolist() == [2, 1, 2]
    table = iou(boxes[:, None], boxes[None, :2])
    assert table.tolist() == [[1, 0.5], [0.5, 1], [0, 0]]
    assert iou(np.zeros((0, 1, 4)), boxes).shape == (0, 3)


def test_pixels_of_an_image_that_is_not_square():
    boxes = np.float32([[0.1, 0.2, 1, 1], [0, 0, 0.5, 0.5]])
    assert to_pixels(boxes, (400, 300)).dtype == np.float32
    expected = [[40, 60, 400, 300], [0, 0, 200, 150]]
    np.testing.assert_allclose(to_pixels(boxes, (400, 300)), expected, atol=1e-4)
    assert to_whole_pixels(boxes, (400, 300)).tolist() == expected
    assert to_whole_pixels(np.zeros((0, 4)), (400, 300)).shape == (0, 4)
