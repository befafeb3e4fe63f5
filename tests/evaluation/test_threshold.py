"""The threshold with the best F1, against hand-worked numbers and every threshold."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import ClassCurve, at_threshold, best_threshold


def curve(num_truth, *rows):
    """A curve from (score, is it right) in falling order of the scores."""
    scores = np.array([score for score, _ in rows], float)
    hits = np.cumsum([right for _, right in rows])
    precision = hits / np.arange(1, len(rows) + 1)
    return ClassCurve(
        "cat", num_truth, scores, precision, hits / max(num_truth, 1), 0.0, 0.0
    )


@pytest.mark.parametrize(
    ("curves", "threshold", "f1"),
    [
        ([], 0.5, 0),
        ([curve(3)], 0.5, 0),
        ([curve(3, (0.9, False))], 0.5, 0),
        ([curve(1, (0.9, True))], 0.9, 1),
        # kept 1: 2*1/(1+2); kept 2: 2*1/(2+2); kept 3: 2*2/(3+2) = 0.8
        ([curve(2, (0.9, True), (0.8, False), (0.7, True))], 0.7, 0.8),
        # equal scores go together: kept 2 has 2*1/(2+1), kept 1 is impossible
        ([curve(1, (0.9, True), (0.9, False))], 0.9, 2 / 3),
        # two classes pooled: 0.9 -> 2/(1+2), 0.8 -> 4/(2+2) = 1, 0.7 -> 4/(3+2)
        ([curve(1, (0.9, True), (0.7, False)), curve(1, (0.8, True))], 0.8, 1),
        # a class without objects: its false alarm at 0.95 counts, 2*1/(2+1)
        ([curve(1, (0.9, True)), curve(0, (0.95, False))], 0.9, 2 / 3),
        # the same F1 twice, 2/(1+3) = 4/(5+3): the higher threshold
        (
            [
                curve(
                    3,
                    (0.9, True),
                    (0.8, False),
                    (0.7, False),
                    (0.6, False),
                    (0.5, True),
                )
            ],
            0.9,
            0.5,
        ),
    ],
)
def test_best_threshold_by_hand(curves, threshold, f1):
    found = best_threshold(curves)
    assert found[0] == threshold
    assert found[1] == pytest.approx(f1)


ROWS = st.lists(st.tuples(st.integers(1, 6), st.booleans()), max_size=12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(ROWS, st.integers(0, 3)), max_size=3))
def test_no_threshold_is_better(parts):
    curves = [
        curve(sum(right for _, right in rows) + missed, *sorted(rows, reverse=True))
        for rows, missed in parts
    ]
    threshold, f1 = best_threshold(curves)
    total = sum(one.num_truth for one in curves)
    pool = [row for rows, _ in parts for row in rows]

    def slow_f1(limit):
        kept = [right for score, right in pool if score >= limit]
        return 2 * sum(kept) / max(len(kept) + total, 1)

    best = max((slow_f1(limit) for limit in range(1, 7)), default=0)
    assert f1 == pytest.approx(best)
    assert slow_f1(threshold) == pytest.approx(best) or best == 0


@pytest.mark.parametrize(
    ("threshold", "precision", "recall"),
    [(0.95, 0, 0), (0.9, 1, 1 / 4), (0.8, 1 / 2, 1 / 4), (0, 2 / 3, 2 / 4)],
)
def test_at_threshold(threshold, precision, recall):
    one = curve(4, (0.9, True), (0.8, False), (0.7, True))
    assert at_threshold(one, threshold) == pytest.approx((precision, recall))


def test_at_threshold_without_objects():
    precision, recall = at_threshold(curve(0, (0.9, False)), 0.5)
    assert precision == 0
    assert math.isnan(recall)
