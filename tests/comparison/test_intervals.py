"""Intervals of a mAP: resampling is scoring again, what can be told apart."""

import numpy as np
import pytest

from comparison import intervals
from evaluation import evaluate_voc, match_detections, mean_ap
from tests.helpers import comparisons


@pytest.mark.parametrize("skill", [0.0, 0.3, 0.8, 1.0])
def test_resampling_is_scoring_the_list_again(skill, tmp_path):
    dataset, found = comparisons.scored(tmp_path, skill)
    truths = [sample.truth for sample in dataset.samples]
    difficult = [sample.difficult for sample in dataset.samples]
    counts = intervals.draw_images(len(dataset), 50)
    matched = match_detections(found, truths, difficult, 3)
    expected = []
    for times in counts:
        chosen = np.repeat(np.arange(len(dataset)), times)
        lists = ([items[i] for i in chosen] for items in (found, truths, difficult))
        expected.append(mean_ap(evaluate_voc(*lists, dataset.class_names))["mAP50"])
    received = intervals.resampled_map(matched, counts)
    np.testing.assert_allclose(received, expected, rtol=1e-12)
    assert received.std() > 0 or skill in (0, 1)


def test_resampling_in_blocks(tmp_path, monkeypatch):
    dataset, found = comparisons.scored(tmp_path)
    truths = [sample.truth for sample in dataset.samples]
    difficult = [sample.difficult for sample in dataset.samples]
    matched = match_detections(found, truths, difficult, 3)
    counts = intervals.draw_images(len(dataset), 30)
    expected = intervals.resampled_map(matched, counts)
    monkeypatch.setattr(intervals, "BLOCK", 7)
    received = intervals.resampled_map(matched, counts)
    np.testing.assert_allclose(received, expected, rtol=1e-12)


def test_a_draw_without_objects_is_no_number(tmp_path):
    dataset, found = comparisons.scored(tmp_path)  # the third image is empty
    truths = [sample.truth for sample in dataset.samples]
    difficult = [sample.difficult for sample in dataset.samples]
    counts = np.zeros((1, len(dataset)), int)
    counts[0, 2] = len(dataset)
    matched = match_detections(found, truths, difficult, 3)
    assert np.isnan(intervals.resampled_map(matched, counts)).all()
    assert np.isnan(intervals.interval(np.array([np.nan]))).all()


def test_the_interval_of_a_share():
    # one class, an image is found whole or not at all: mAP50 is the share of images
    # found, whose draws are binomial: sd sqrt(0.5 * 0.5 / 400) = 0.025
    truth = np.array([[0, 0, 0.5, 0.5, 1]])
    found = np.array([[1, 0.9, 0, 0, 0.5, 0.5]])
    nothing = np.zeros((0, 6))
    lists = [found] * 200 + [nothing] * 200, [truth] * 400, [np.zeros(1, bool)] * 400
    values = intervals.resampled_map(
        match_detections(*lists, 2), intervals.draw_images(400)
    )
    low, high = intervals.interval(values)
    assert low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.005)
    assert high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.005)


@pytest.mark.parametrize(
    ("shift", "points", "expected"),
    [
        (0.0, ([0.5], [0.5]), False),
        (0.001, ([0.5], [0.499]), True),  # small, but the same on all images
        (0.1, ([0.5, 0.6], [0.4, 0.45]), True),
        (0.1, ([0.5, 0.6], [0.4, 0.55]), False),  # a seed reaches the other's
        (-0.1, ([0.4, 0.45], [0.5, 0.6]), True),
        (0.1, ([0.5, 0.6], [0.55]), True),  # one seed has no spread to tell
    ],
)
def test_what_can_be_told_apart(shift, points, expected):
    draws = np.random.default_rng(0).normal(0.5, 0.1, 500)
    assert intervals.is_told_apart((draws, draws - shift), points) == expected
