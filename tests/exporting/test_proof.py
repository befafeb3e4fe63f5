"""What counts as the same detections, on tables of a few rows."""

import keras
import numpy as np
import pytest

from exporting.proof import Difference, Figures, difference, faults, table

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports need TensorFlow"
)

A = [1, 0.9, 0.1, 0.1, 0.4, 0.4]
B = [2, 0.6, 0.5, 0.5, 0.9, 0.8]


def changed(row, **values):
    names = ("class_id", "score", "left", "top", "right", "bottom")
    return [values.get(name, value) for name, value in zip(names, row, strict=True)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [], (0, 0, 0, 0)),
        ([A, B], [A, B], (0, 0, 4, 0)),
        ([A, B], [B, A], (0, 0, 4, 0)),  # the order of equal scores is free
        ([A], [changed(A, left=0.12)], (0.02, 0, 2, 0)),
        ([A], [changed(A, score=0.8)], (0, 0.1, 2, 0)),
        ([A], [changed(A, class_id=2)], (0, 0, 2, 2)),
        ([A], [changed(A, right=0.2)], (0, 0, 2, 2)),  # IoU 1/3
        ([A, B], [A], (0, 0, 3, 1)),
        ([], [A], (0, 0, 1, 1)),
        ([A], [changed(A, score=0.45)], (0, 0.45, 1, 0)),  # now under the threshold
        ([changed(A, score=0.3)], [], (0, 0, 0, 0)),  # nobody saw it
    ],
)
def test_difference(before, after, expected):
    apart = difference([padded(before)], [padded(after)], threshold=0.5)
    received = (apart.box, apart.score, apart.num_compared, apart.num_unpaired)
    np.testing.assert_allclose(received, expected, atol=1e-6)


def padded(rows):
    """(4, 6): zeros behind the rows, as detections have them."""
    table = np.zeros((4, 6), np.float32)
    table[: len(rows)] = np.reshape(rows, (-1, 6))
    return table


def test_the_greatest_difference_of_all_images():
    before = [padded([A]), padded([B])]
    after = [padded([changed(A, top=0.13)]), padded([changed(B, top=0.51)])]
    assert difference(before, after, 0.5).box == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("map50", "box", "score", "num_unpaired", "precision", "words"),
    [
        (0.80, 0.0, 0.0, 0, "float32", []),
        (0.85, 5e-4, 5e-3, 0, "float32", []),
        (0.7901, 0.0, 0.0, 0, "int8", []),
        (0.7899, 0.1, 0.1, 9, "int8", ["fell by 1.01 points"]),
        (np.nan, 0.0, 0.0, 0, "int8", ["fell by nan points"]),  # nothing is proven
        (0.80, 0.1, 0.1, 9, "float16", []),
        (0.80, 2e-3, 0.0, 0, "float32", ["moved by 2.0e-03"]),
        (0.80, 0.0, 2e-2, 0, "float32", ["score changed by 2.0e-02"]),
        (0.80, 0.0, 0.0, 1, "float32", ["1 detections have no partner"]),
        (0.10, 0.1, 0.0, 2, "float32", ["70.00 points", "moved", "no partner"]),
    ],
)
def test_faults(map50, box, score, num_unpaired, precision, words):
    figures = [Figures(0.80, 1.0, 10), Figures(map50, 1.0, 10)]
    found = faults(figures, Difference(box, score, 10, num_unpaired), precision, 1.0)
    assert len(found) == len(words)
    for fault, word in zip(found, words, strict=True):
        assert word in fault


def test_the_table():
    figures = [Figures(0.8, 12.34, 10_180_000), Figures(0.7, 5.0, 3_100_000)]
    text = table(["a.h5", "a.onnx"], figures, Difference(1.8e-7, 1.5e-6, 2249, 3))
    head, before, after = text.splitlines()
    rows = [" ".join(line.split()) for line in (head, before, after)]
    assert rows == [
        "mAP50 boxes differ scores differ unpaired ms an image MB",
        "a.h5 0.800 12.3 10.18",
        "a.onnx 0.700 1.8e-07 1.5e-06 3 of 2249 5.0 3.10",
    ]
