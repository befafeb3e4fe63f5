"""Candidates, suppression and detection against slow loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import ssd_utils
from ssd_utils import (
    candidates,
    centers_to_corners,
    decode,
    detect,
    encode,
    make_priors,
    suppress,
)
from tests.helpers.random_boxes import (
    EXAMPLES,
    numpy,
    random_boxes,
    relaxed,
    seeds,
    slow_iou,
)

pytestmark = pytest.mark.core


def slow_nms(boxes, scores, class_ids, threshold=0.45):
    """Indices that stay: the best first, per class, one after the other."""
    stay = []
    for index in range(len(boxes)):
        rivals = [i for i in stay if class_ids[i] == class_ids[index]]
        overlaps = [slow_iou(boxes[i], boxes[index]) for i in rivals]
        if scores[index] > 0 and all(overlap <= threshold for overlap in overlaps):
            stay.append(index)
    return stay


def crowded_boxes(rng, count):
    """Boxes (count, 4) in a few heaps, so that they suppress each other in chains."""
    heaps = random_boxes(rng, 3, least=0.2)[rng.integers(0, 3, count)]
    return (heaps + rng.uniform(-0.06, 0.06, (count, 4))).astype("float32")


@relaxed
@given(seeds, st.integers(1, 40))
def test_suppress_equals_a_slow_loop(seed, count):
    rng = np.random.default_rng(seed)
    boxes = np.stack([crowded_boxes(rng, count) for _ in range(3)])
    scores = -np.sort(-rng.uniform(0.1, 1, (3, count))).astype("float32")
    scores[0, count // 2 :] = 0  # never stay
    class_ids = rng.integers(1, 4, (3, count)).astype("int32")
    stay = numpy(suppress(boxes, scores, class_ids))
    for image in range(3):
        expected = slow_nms(boxes[image], scores[image], class_ids[image])
        assert np.flatnonzero(stay[image]).tolist() == expected
        single = slice(image, image + 1)
        alone = numpy(suppress(boxes[single], scores[single], class_ids[single]))
        np.testing.assert_array_equal(alone[0], stay[image])


def test_suppress_chain():
    # each box overlaps its neighbour by 0.6 of its width: IoU 0.6 / 1.4 = 0.43 of 1;
    # 0.7 / 1.3 = 0.54: first kills second, which then can't kill the third
    low = np.float32([0, 0.3, 0.6, 0.9])
    boxes = np.stack([low, 0 * low, low + 1, 0 * low + 0.5], axis=1)[None]
    scores, same = np.float32([[0.9, 0.8, 0.7, 0.6]]), np.ones((1, 4), "int32")
    assert numpy(suppress(boxes, scores, same))[0].tolist() == [1, 0, 1, 0]
    other = np.int32([[1, 2, 1, 2]])
    assert numpy(suppress(boxes, scores, other))[0].tolist() == [1, 1, 1, 1]
    assert numpy(suppress(boxes, scores, same, 0.6))[0].tolist() == [1, 1, 1, 1]
    assert not numpy(suppress(boxes, 0 * scores, same)).any()


@pytest.mark.parametrize(
    ("threshold", "stay"),
    [(0.5, [1, 1]), (0.499, [1, 0])],  # "above the threshold": an equal IoU stays
)
def test_suppress_at_the_threshold(threshold, stay):
    boxes = np.float32([[[0, 0, 0.5, 1], [0, 0, 0.5, 0.5]]])  # half of the other: 0.5
    scores, same = np.float32([[0.9, 0.8]]), np.ones((1, 2), "int32")
    assert numpy(suppress(boxes, scores, same, threshold))[0].tolist() == stay


def random_predictions(rng, images, priors, num_classes=4):
    """Predictions (images, P, 4 + C) with crowded boxes and scores without ties."""
    predictions = np.zeros((images, len(priors), 4 + num_classes), "float32")
    for image in predictions:
        boxes = crowded_boxes(rng, len(priors))
        image[:, :4] = numpy(encode(boxes, priors))
        image[:, 4:] = rng.normal(0, 2, (len(priors), num_classes))
    return predictions


def slow_detect(predictions, priors, threshold, top_k):
    """Rows of class, score, corners of one image, in Python."""
    logits = predictions[:, 4:].astype("float64")
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    boxes = np.clip(numpy(decode(predictions[:, :4], priors)), 0, 1)
    pairs = itertools.product(range(len(priors)), range(1, scores.shape[1]))
    pairs = sorted(pairs, key=lambda pair: -scores[pair])
    pairs = [pair for pair in pairs if scores[pair] >= threshold]
    rows = [(c, scores[p, c], *boxes[p]) for p, c in pairs]
    table = np.array(rows).reshape(-1, 6)
    stay = slow_nms(table[:, 2:], table[:, 1], table[:, 0])
    return table[stay][:top_k]


@settings(deadline=None, max_examples=EXAMPLES // 2)
@given(seeds, st.sampled_from([0.01, 0.3, 0.9, 1.0]), st.sampled_from([1, 5, 200]))
def test_detect_equals_a_slow_loop(seed, threshold, top_k):
    rng = np.random.default_rng(seed)
    priors = make_priors()[rng.choice(8732, 40, replace=False)]
    predictions = random_predictions(rng, 3, priors)
    received = numpy(detect(predictions, priors, threshold, top_k))
    assert received.shape == (3, min(top_k, 40 * 3), 6)
    for image in range(3):
        expected = slow_detect(predictions[image], priors, threshold, top_k)
        rows = received[image]
        assert rows[: len(expected)] == pytest.approx(expected, abs=1e-5)
        assert not rows[len(expected) :].any()  # zeros pad
        assert (np.diff(rows[:, 1]) <= 0).all()  # sorted
        alone = numpy(detect(predictions[image : image + 1], priors, threshold, top_k))
        assert alone[0] == pytest.approx(rows, abs=1e-6)


def test_candidates_are_the_best_pairs(monkeypatch):
    monkeypatch.setattr(ssd_utils, "NUM_CANDIDATES", 20)
    rng = np.random.default_rng(0)
    priors = make_priors()[rng.choice(8732, 400, replace=False)]
    logits = rng.normal(0, 2, (2, 400, 4)).astype("float32")
    offsets = np.zeros((2, 400, 4), "float32")
    found = [numpy(part) for part in candidates(offsets, logits, priors, 0.0)]
    corners = numpy(ops.clip(centers_to_corners(priors), 0, 1))
    for image in range(2):
        shares = np.exp(logits[image])
        scores = (shares / shares.sum(axis=1, keepdims=True))[:, 1:]
        best = np.argsort(-scores, axis=None)[:20]
        rows, class_ids = np.unravel_index(best, scores.shape)
        expected = (corners[rows], scores[rows, class_ids], class_ids + 1)
        for received, wanted in zip(found, expected, strict=True):
            assert received[image] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("threshold", [0.01, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("num_objects", [0, 5, 60, 1000])
def test_few_promising_priors_give_what_all_do(threshold, num_objects, monkeypatch):
    rng = np.random.default_rng(num_objects)
    priors = make_priors()[rng.choice(8732, 1500, replace=False)]
    predictions = rng.normal(0, 0.5, (2, 1500, 4 + 6)).astype("float32")
    predictions[..., 4] += 9  # background, but for some priors of each image
    for image in predictions:
        at = rng.choice(1500, num_objects, replace=False)
        image[at, 5 + rng.integers(0, 5, num_objects)] += 16
    *_, are_all = ssd_utils._promising_priors(predictions[..., 4:], threshold)
    assert bool(are_all) == (num_objects < 1000)
    few = numpy(detect(predictions, priors, threshold))
    monkeypatch.setattr(ssd_utils, "FEW_PRIORS", 1500)  # so all are looked at
    every = numpy(detect(predictions, priors, threshold))
    np.testing.assert_allclose(few, every, rtol=0, atol=1e-6)
    assert few.any() == (num_objects > 0)


def test_detect_keeps_the_score_that_equals_the_threshold():
    priors = make_priors()[[0, 8731]]
    predictions = np.zeros((1, 2, 4 + 2), "float32")  # softmax of equal logits: 0.5
    predictions[0, 1, 4] = 1  # the second prior is below
    found = numpy(detect(predictions, priors, 0.5))[0]
    assert found[:, 0].tolist() == [1, 0]
    assert found[0, 1] == 0.5


def test_detect_without_anything_is_zeros():
    predictions = np.zeros((2, 8732, 4 + 3), "float32")
    predictions[..., 4] = 200  # background: other scores underflow to 0
    assert not numpy(detect(predictions, make_priors(), 0.0)).any()


def test_detect_clips_boxes_to_the_image():
    predictions = np.zeros((1, 8732, 4 + 2), "float32")
    predictions[..., 4] = 50
    predictions[0, 8731, 5] = 100  # the last prior is higher than the image
    found = numpy(detect(predictions, make_priors()))[0]
    left, right = (150 - 93.338) / 300, (150 + 93.338) / 300
    assert found[0] == pytest.approx([1, 1, left, 0, right, 1], abs=1e-5)
    assert not found[1:].any()


def test_detect_leaves_out_what_lies_outside_the_image():
    priors = np.float32([[1.5, 0.5, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2]])
    predictions = np.zeros((1, 2, 6), np.float32)
    predictions[..., 5] = [4.0, 3.0]  # the better score lies outside
    rows = numpy(detect(predictions, priors, top_k=2))[0]
    np.testing.assert_allclose(rows[0, 2:], [0.4, 0.4, 0.6, 0.6], atol=1e-6)
    assert (rows[1] == 0).all()
