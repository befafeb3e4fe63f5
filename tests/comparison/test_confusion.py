"""A detector's mistakes, kind by kind."""

import numpy as np
import pytest

from comparison.page import confusion
from comparison.scores import Detected
from data import Sample
from evaluation import at_threshold, evaluate_voc
from tests.helpers import comparisons

LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]


def judged(found, truth, difficult=None, threshold=0.5):
    truth = np.array(truth, np.float32).reshape(-1, 5)
    hard = np.zeros(len(truth), bool) if difficult is None else np.array(difficult)
    image = Sample("x", (10, 10), truth, hard)
    rows = np.array(found, float).reshape(-1, 6)
    (boxes,) = confusion.classify_errors(Detected([rows], 0, threshold), [image], 3)
    return boxes


@pytest.mark.parametrize(
    ("found", "truth", "difficult", "kinds"),
    [
        ([], [], None, []),
        ([], [[*LEFT, 1]], None, ["missed"]),
        ([], [[*LEFT, 1]], [True], []),
        ([[1, 0.9, *LEFT]], [], None, ["false"]),
        ([[1, 0.4, *LEFT]], [], None, []),  # below the threshold
        ([[0, 0.9, *LEFT]], [], None, []),  # padding
        ([[1, 0.9, *LEFT]], [[*LEFT, 1]], None, ["right"]),
        ([[1, 0.9, *LEFT]], [[*LEFT, 1]], [True], []),
        ([[1, 0.9, *LEFT], [1, 0.8, *LEFT]], [[*LEFT, 1]], None, ["right", "false"]),
        ([[2, 0.9, *LEFT]], [[*LEFT, 1]], None, ["confused"]),
        ([[2, 0.9, *LEFT]], [[*RIGHT, 1]], None, ["false", "missed"]),
        # the surer box of the wrong class does not take what the right one finds
        ([[2, 0.9, *LEFT], [1, 0.6, *LEFT]], [[*LEFT, 1]], None, ["false", "right"]),
        # an object is confused once
        ([[2, 0.9, *LEFT], [2, 0.8, *LEFT]], [[*LEFT, 1]], None, ["confused", "false"]),
    ],
)
def test_mistakes_of_a_image(found, truth, difficult, kinds):
    assert [box.kind for box in judged(found, truth, difficult)] == kinds


def test_confusion_by_hand():
    boxes = judged(
        [[1, 0.9, *LEFT], [2, 0.8, *RIGHT], [2, 0.7, 0, 0, 0.1, 0.1]],
        [[*LEFT, 1], [*RIGHT, 1], [0.4, 0.4, 0.6, 0.6, 2]],
    )
    expected = [[0, 0, 1], [0, 1, 1], [1, 0, 0]]  # nothing, class 1, class 2
    assert confusion.confusion([boxes], 3).tolist() == expected


def test_what_is_right_is_what_voc_counts(tmp_path):
    dataset, found = comparisons.scored(tmp_path, num_images=40)
    samples = dataset.samples
    boxes = confusion.classify_errors(Detected(found, 0, 0.4), samples, 3)
    counts = confusion.confusion(boxes, 3)
    curves = evaluate_voc(
        found,
        [p.truth for p in samples],
        [p.difficult for p in samples],
        dataset.class_names,
    )
    for class_id, curve in enumerate(curves, start=1):
        precision, recall = at_threshold(curve, 0.4)
        right = counts[class_id, class_id]
        assert right == pytest.approx(recall * curve.num_truth)
        assert right == pytest.approx(precision * counts[:, class_id].sum())
        assert counts[class_id].sum() == curve.num_truth
    assert counts[1, 2] + counts[2, 1] > 0


def test_the_worst_images_come_first():
    good = judged([[1, 0.9, *LEFT]], [[*LEFT, 1]])
    unsure = judged([[1, 0.6, *LEFT]], [])
    sure = judged([[1, 0.9, *LEFT]], [])
    two = judged([], [[*LEFT, 1], [*RIGHT, 1]])
    assert confusion.worst([good, unsure, sure, two], 6) == [3, 2, 1]
    assert confusion.worst([good, unsure, sure, two], 1) == [3]
