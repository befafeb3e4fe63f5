"""A detector's mistakes, kind by kind."""

import numpy as np
import pytest

from comparison.page import confusion
from comparison.scores import Detected, Score
from data import Sample
from evaluation import at_threshold, evaluate_voc, match_detections
from tests.helpers import comparisons

LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]


def classified(found, samples, threshold):
    truths = [sample.truth for sample in samples]
    difficult = [sample.difficult for sample in samples]
    matched = match_detections(found, truths, difficult, 3)
    score = Score(Detected(found, 0, threshold), matched, 0, 0, {})
    return confusion.classify_errors(score, samples)


def judged(found, truth, difficult=None, threshold=0.5):
    truth = np.array(truth, np.float32).reshape(-1, 5)
    hard = np.zeros(len(truth), bool) if difficult is None else np.array(difficult)
    image = Sample("x", (10, 10), truth, hard)
    rows = np.array(found, float).reshape(-1, 6)
    (boxes,) = classified([rows], [image], threshold)
    return boxes


@pytest.mark.parametrize(
    ("found", "truth", "difficult", "kinds"),
    [
        ([], [], None, []),
        ([], [[*LEFT, 1]], None, ["FN"]),
        ([], [[*LEFT, 1]], [True], []),
        ([[1, 0.9, *LEFT]], [], None, ["FP"]),
        ([[1, 0.4, *LEFT]], [], None, []),  # below the threshold
        ([[0, 0.9, *LEFT]], [], None, []),  # padding
        ([[1, 0.9, *LEFT]], [[*LEFT, 1]], None, ["TP"]),
        ([[1, 0.9, *LEFT]], [[*LEFT, 1]], [True], []),
        ([[1, 0.9, *LEFT], [1, 0.8, *LEFT]], [[*LEFT, 1]], None, ["TP", "FP"]),
        ([[2, 0.9, *LEFT]], [[*LEFT, 1]], None, ["class error"]),
        ([[2, 0.9, *LEFT]], [[*RIGHT, 1]], None, ["FP", "FN"]),
        # the surer box of the wrong class does not take what the right one finds
        ([[2, 0.9, *LEFT], [1, 0.6, *LEFT]], [[*LEFT, 1]], None, ["FP", "TP"]),
        # an object is confused once
        ([[2, 0.9, *LEFT], [2, 0.8, *LEFT]], [[*LEFT, 1]], None, ["class error", "FP"]),
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
    boxes = classified(found, samples, 0.4)
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
