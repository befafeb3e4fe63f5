"""Priors, boxes, matching and suppression against oracles and slow loops."""

import doctest
import itertools

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import ssd_utils
from base.fused import fused
from ssd_utils import (
    LAYOUTS,
    MAP_SIZES,
    NUM_WISHES,
    candidates,
    centers_to_corners,
    corners_to_centers,
    decode,
    detect,
    encode,
    iou,
    make_priors,
    match,
    suppress,
)

pytestmark = pytest.mark.core

# JAX compiles again for each shape
EXAMPLES = 10 if keras.backend.backend() == "jax" else 40
relaxed = settings(deadline=None, max_examples=EXAMPLES)
seeds = st.integers(0, 2**32 - 1)


def numpy(*arrays):
    found = [np.asarray(ops.convert_to_numpy(array)) for array in arrays]
    return found[0] if len(found) == 1 else found


def random_boxes(rng, count, least=0.02):
    """Corners (count, 4) in 0..1, sides from `least` on, mostly not square."""
    sides = rng.uniform(least, 0.7, (count, 2))
    low = rng.uniform(0, 1, (count, 2)) * (1 - sides)
    return np.concatenate([low, low + sides], axis=1).astype("float32")


def random_truth(rng, pictures, rows, classes=4):
    """Truth (pictures, rows, 5); some rows, of any place, are padding."""
    truth = np.zeros((pictures, rows, 5), "float32")
    for picture in truth:
        picture[:, :4] = random_boxes(rng, rows)
        picture[:, 4] = rng.integers(1, classes, rows)
        picture[rng.random(rows) < 0.25] = 0
    return truth


def slow_iou(a, b):
    """IoU of two boxes in Python's own arithmetic."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = map(float, a[:4]), map(float, b[:4])
    width = min(ax1, bx1) - max(ax0, bx0)
    height = min(ay1, by1) - max(ay0, by0)
    overlap = max(width, 0.0) * max(height, 0.0)
    union = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - overlap
    return overlap / union if union > 0 else 0.0


def slow_match(truth, priors):
    """The rule in a loop: matches, positives of one picture, truth (M, 5).

    IoU comes from ssd_utils (tested below), so that float32 can't break ties
    another way.
    """
    overlaps = numpy(iou(truth[:, :4], centers_to_corners(priors))).copy()
    overlaps[truth[:, 4] == 0] = 0
    matches, positives = overlaps.argmax(axis=0), overlaps.max(axis=0) > 0.5
    pairs = zip(*np.nonzero(overlaps > 0), strict=True)
    served, taken = set(), set()
    for row, prior in sorted(pairs, key=lambda pair: (-overlaps[pair], *pair)):
        if row not in served and prior not in taken:
            served.add(row)
            taken.add(prior)
            matches[prior], positives[prior] = row, True
    return matches, positives


# priors


@pytest.mark.parametrize(
    ("layout", "file"),
    [("coco", "ssd300_coco_priors_8732.npz"), ("legacy", "rykov8_priors_7308.npz")],
)
def test_priors_equal_the_published_ones(shared, layout, file):
    expected = np.load(shared / f"reference/{file}")["priors"][:, :4]
    received = numpy(centers_to_corners(make_priors(layout)))
    assert received.shape == expected.shape
    assert np.abs(received - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("layout", "count"), [("voc", 8732), ("coco", 8732), ("legacy", 7308)]
)
def test_prior_counts(layout, count):
    priors = make_priors(layout)
    assert priors.shape == (count, 4)
    assert priors.dtype == np.float32
    per_cell = LAYOUTS[layout].priors_per_cell
    assert count == sum(n * n * k for n, k in zip(MAP_SIZES, per_cell, strict=True))


@pytest.mark.parametrize(
    ("index", "prior_px"),
    [
        (0, (4, 4, 30, 30)),  # first cell of the 38 map: (0 + 0.5) * 8
        (1, (4, 4, 42.42641, 42.42641)),  # sqrt(30 * 60)
        (2, (4, 4, 42.42641, 21.21320)),  # 30 * sqrt(2), 30 / sqrt(2): wide
        (3, (4, 4, 21.21320, 42.42641)),  # tall
        (4, (12, 4, 30, 30)),  # one cell to the right, not down
        (38 * 4, (4, 12, 30, 30)),  # the next row
        (5776, (8, 8, 60, 60)),  # 38 * 38 * 4: first cell of the 19 map
        (5776 + 4, (8, 8, 103.92305, 34.64102)),  # 60 * sqrt(3), 60 / sqrt(3)
        (8728, (150, 150, 264, 264)),  # 8732 - 4: the only cell of the last map
        (8729, (150, 150, 288.37476, 288.37476)),  # sqrt(264 * 315)
        (8731, (150, 150, 186.67619, 373.35238)),  # 264 / sqrt(2), * sqrt(2): over 300
    ],
)
def test_voc_priors_by_hand(index, prior_px):
    assert make_priors("voc")[index] * 300 == pytest.approx(prior_px, abs=1e-3)


def test_voc_priors_are_not_clipped_but_coco_sides_are():
    assert make_priors("voc")[:, 2:].max() > 1
    assert make_priors("coco")[:, 2:].max() == 1


# boxes


@relaxed
@given(seeds)
def test_conversions_there_and_back(seed):
    boxes = random_boxes(np.random.default_rng(seed), 9)
    assert numpy(centers_to_corners(corners_to_centers(boxes))) == pytest.approx(
        boxes, abs=1e-6
    )
    centers = numpy(corners_to_centers(boxes))
    assert centers[:, 2] == pytest.approx(boxes[:, 2] - boxes[:, 0], abs=1e-6)
    assert centers[:, 1] == pytest.approx((boxes[:, 1] + boxes[:, 3]) / 2, abs=1e-6)


@relaxed
@given(seeds)
def test_encode_then_decode_gives_the_box(seed):
    rng = np.random.default_rng(seed)
    priors = make_priors()[rng.integers(0, 8732, 50)]
    boxes = random_boxes(rng, 50, least=0.005)
    assert np.abs(numpy(decode(encode(boxes, priors), priors)) - boxes).max() < 1e-5


def test_encode_by_hand():
    prior = np.float32([[0.5, 0.5, 0.2, 0.4]])  # width 0.2, height 0.4
    box = np.float32([[0.42, 0.34, 0.62, 0.74]])  # center 0.52, 0.54, as large
    # 0.02 / 0.2 / 0.1 = 1; 0.04 / 0.4 / 0.1 = 1: each axis by its own side
    assert numpy(encode(box, prior))[0] == pytest.approx([1, 1, 0, 0], abs=1e-5)
    box = np.float32([[0.3, 0.4, 0.7, 0.6]])  # twice as wide, half as high
    stretch = np.log(2) / 0.2
    expected = [0, 0, stretch, -stretch]
    assert numpy(encode(box, prior))[0] == pytest.approx(expected, abs=1e-4)


def test_encode_of_a_box_without_area_is_finite():
    assert np.isfinite(
        numpy(encode(np.zeros((3, 4), "float32"), make_priors()[:3]))
    ).all()


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 0.5, 0.5), (0, 0, 0.5, 0.5), 1),
        ((0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5), 0),  # they touch
        ((0, 0, 0.2, 0.2), (0.5, 0.5, 1, 1), 0),  # apart on both axes
        ((0, 0, 0.8, 0.2), (0, 0, 0.2, 0.8), 0.04 / 0.28),  # wide and tall
        ((0, 0, 0.8, 0.2), (0.4, 0, 1.2, 0.2), 0.08 / 0.24),  # shifted along x only
        ((0, 0, 0.2, 0.8), (0, 0.4, 0.2, 1.2), 0.08 / 0.24),  # along y only
        ((0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5), 0),  # no area
    ],
)
def test_iou_by_hand(a, b, expected):
    received = numpy(iou(np.float32([a]), np.float32([b])))
    assert received.shape == (1, 1)
    assert received[0, 0] == pytest.approx(expected, abs=1e-5)


@relaxed
@given(seeds, st.integers(1, 6), st.integers(1, 9))
def test_iou_equals_a_slow_loop(seed, num_a, num_b):
    rng = np.random.default_rng(seed)
    a, b = random_boxes(rng, num_a), random_boxes(rng, num_b)
    expected = [[slow_iou(x, y) for y in b] for x in a]
    assert numpy(iou(a, b)) == pytest.approx(np.array(expected), abs=1e-5)
    batch = numpy(iou(np.stack([a, a]), b))  # (B, M, P)
    assert batch[1] == pytest.approx(np.array(expected), abs=1e-5)


# matching


def check_match(truth, priors):
    matches, positives = numpy(*match(truth, priors))
    assert matches.shape == positives.shape == (len(truth), len(priors))
    for picture, rows in enumerate(truth):
        expected, expected_positives = slow_match(rows, priors)
        np.testing.assert_array_equal(positives[picture], expected_positives)
        there = expected_positives
        np.testing.assert_array_equal(matches[picture][there], expected[there])
        single_matches, single_positives = numpy(*match(rows[None], priors))
        np.testing.assert_array_equal(single_positives[0], positives[picture])
        np.testing.assert_array_equal(single_matches[0], matches[picture])
    return matches, positives


@relaxed
@given(seeds, st.sampled_from([1, 3]), st.integers(1, 12))
def test_match_equals_the_rule_in_a_loop(seed, pictures, rows):
    rng = np.random.default_rng(seed)
    priors = make_priors()[rng.choice(8732, 300, replace=False)]
    check_match(random_truth(rng, pictures, rows), priors)


@relaxed
@given(seeds, st.integers(2, 14))
def test_match_where_many_want_the_same_prior(seed, rows):
    rng = np.random.default_rng(seed)
    priors = make_priors()[rng.choice(8732, 60, replace=False)]
    truth = np.zeros((3, rows, 5), "float32")
    for picture in truth:  # all objects lie around one place, some are equal
        center = rng.uniform(0.3, 0.7, 2)
        sides = rng.uniform(0.2, 0.3, (rows, 2))
        low = center - sides / 2 + rng.uniform(-0.02, 0.02, (rows, 2))
        picture[:, :4] = np.concatenate([low, low + sides], axis=1)
        picture[1] = picture[0]
        picture[:, 4] = rng.integers(1, 4, rows)
    matches, positives = check_match(truth, priors)
    reachable = numpy(iou(truth[..., :4], centers_to_corners(priors))) > 0
    for picture in range(3):
        if reachable[picture].all():  # enough priors for everybody
            found = set(matches[picture][positives[picture]])
            assert found == set(range(rows))


@pytest.mark.parametrize("rows", [NUM_WISHES, NUM_WISHES + 1, 5 * NUM_WISHES])
def test_match_where_more_want_the_same_than_there_are_wishes(rows):
    """Equal objects refuse each other one by one: the last has rows - 1 refusals."""
    priors = make_priors()[-200:]
    truth = np.zeros((2, rows, 5), "float32")
    truth[:] = [0.3, 0.3, 0.7, 0.7, 1]
    truth[1, :, 2] += np.linspace(0, 0.01, rows)
    matches, positives = check_match(truth, priors)
    for picture in range(2):
        assert set(matches[picture][positives[picture]]) == set(range(rows))


@relaxed
@given(seeds, st.sampled_from([1, 3, 20]))
def test_match_as_one_kernel_keeps_the_rule(seed, rows):
    """Of priors that hold a box whole all are equally good but for the rounding, which
    is the compiler's: the rule is asked, not which of them an object got."""
    truth, priors = random_truth(np.random.default_rng(seed), 2, rows), make_priors()
    overlaps = numpy(iou(truth[..., :4], centers_to_corners(priors)))  # (B, M, P)
    for matching in (match, fused(match)):
        matches, positives = numpy(*matching(truth, priors))
        for each, rows_of, is_positive in zip(
            overlaps, matches, positives, strict=True
        ):
            best, taken = each.max(axis=0), each[rows_of, np.arange(len(priors))]
            assert is_positive[best > 0.5 + 1e-5].all()
            is_own = is_positive & ((best < 0.5 - 1e-5) | (taken < best - 1e-5))
            owners = rows_of[is_own]
            assert len(set(owners)) == len(owners)  # one for each object at most
            assert set(rows_of[is_positive]) == set(np.flatnonzero(each.any(axis=1)))


def test_second_object_whose_only_prior_went_to_a_better_one():
    priors = np.float32(
        [[0.2, 0.2, 0.2, 0.2], [0.3, 0.2, 0.2, 0.2], [0.8, 0.8, 0.1, 0.1]]
    )
    best = [0.1, 0.1, 0.3, 0.3, 1]  # prior 0 exactly
    second = [0.1, 0.1, 0.31, 0.3, 2]  # wants prior 0 as well, gets prior 1
    matches, positives = numpy(*match(np.float32([[second, best]]), priors))
    assert positives.tolist() == [[True, True, False]]
    assert matches[0, :2].tolist() == [1, 0]


def test_object_keeps_its_only_prior_against_a_much_better_one():
    priors = np.float32([[0.2, 0.2, 0.2, 0.2], [0.205, 0.2, 0.2, 0.2]])
    rival = [0.1, 0.1, 0.3, 0.3, 1]  # IoU 1 with prior 0, 0.95 with prior 1
    weak = [0.28, 0.1, 0.6, 0.3, 2]  # IoU 0.04 with prior 0, 0.05 with prior 1
    matches, positives = numpy(*match(np.float32([[rival, weak]]), priors))
    assert positives.tolist() == [[True, True]]
    assert matches.tolist() == [[0, 1]]


def test_match_with_all_priors_gives_every_object_one():
    rng = np.random.default_rng(5)
    truth = random_truth(rng, 3, 20)
    small = rng.uniform(0, 0.99, (20, 2))  # 1 to 3 pixels, down to the corners
    truth[2, :, :4] = np.concatenate([small, small + 0.005], axis=1)
    truth[2, :, 4] = 1
    matches, positives = check_match(truth, make_priors())
    for picture, rows in enumerate(truth):
        found = set(matches[picture][positives[picture]])
        assert found == set(np.flatnonzero(rows[:, 4]))


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("pictures", [1, 3])
def test_match_of_padding_only(pictures, rows):
    _, positives = numpy(
        *match(np.zeros((pictures, rows, 5), "float32"), make_priors())
    )
    assert positives.shape == (pictures, 8732)
    assert not positives.any()


def test_padding_with_a_box_is_still_padding():
    truth = np.float32([[[0.1, 0.1, 0.9, 0.9, 0], [0.2, 0.3, 0.6, 0.5, 2]]])
    matches, positives = numpy(*match(truth, make_priors()))
    assert positives.any()
    assert (matches[positives] == 1).all()


# suppression and detection


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
    for picture in range(3):
        expected = slow_nms(boxes[picture], scores[picture], class_ids[picture])
        assert np.flatnonzero(stay[picture]).tolist() == expected
        single = slice(picture, picture + 1)
        alone = numpy(suppress(boxes[single], scores[single], class_ids[single]))
        np.testing.assert_array_equal(alone[0], stay[picture])


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


def random_predictions(rng, pictures, priors, num_classes=4):
    """Predictions (pictures, P, 4 + C) with crowded boxes and scores without ties."""
    predictions = np.zeros((pictures, len(priors), 4 + num_classes), "float32")
    for picture in predictions:
        boxes = crowded_boxes(rng, len(priors))
        picture[:, :4] = numpy(encode(boxes, priors))
        picture[:, 4:] = rng.normal(0, 2, (len(priors), num_classes))
    return predictions


def slow_detect(predictions, priors, threshold, top_k):
    """Rows of class, score, corners of one picture, in Python."""
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
    for picture in range(3):
        expected = slow_detect(predictions[picture], priors, threshold, top_k)
        rows = received[picture]
        assert rows[: len(expected)] == pytest.approx(expected, abs=1e-5)
        assert not rows[len(expected) :].any()  # zeros pad
        assert (np.diff(rows[:, 1]) <= 0).all()  # sorted
        alone = numpy(
            detect(predictions[picture : picture + 1], priors, threshold, top_k)
        )
        assert alone[0] == pytest.approx(rows, abs=1e-6)


def test_candidates_are_the_best_pairs(monkeypatch):
    monkeypatch.setattr(ssd_utils, "NUM_CANDIDATES", 20)
    rng = np.random.default_rng(0)
    priors = make_priors()[rng.choice(8732, 400, replace=False)]
    logits = rng.normal(0, 2, (2, 400, 4)).astype("float32")
    offsets = np.zeros((2, 400, 4), "float32")
    found = [numpy(part) for part in candidates(offsets, logits, priors, 0.0)]
    corners = numpy(ops.clip(centers_to_corners(priors), 0, 1))
    for picture in range(2):
        shares = np.exp(logits[picture])
        scores = (shares / shares.sum(axis=1, keepdims=True))[:, 1:]
        best = np.argsort(-scores, axis=None)[:20]
        rows, class_ids = np.unravel_index(best, scores.shape)
        expected = (corners[rows], scores[rows, class_ids], class_ids + 1)
        for received, wanted in zip(found, expected, strict=True):
            assert received[picture] == pytest.approx(wanted, abs=1e-6)


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


def test_detect_clips_boxes_to_the_picture():
    predictions = np.zeros((1, 8732, 4 + 2), "float32")
    predictions[..., 4] = 50
    predictions[0, 8731, 5] = 100  # the last prior is higher than the picture
    found = numpy(detect(predictions, make_priors()))[0]
    left, right = (150 - 93.338) / 300, (150 + 93.338) / 300
    assert found[0] == pytest.approx([1, 1, left, 0, right, 1], abs=1e-5)
    assert not found[1:].any()


def test_examples_in_the_docstrings():
    failed, attempted = doctest.testmod(ssd_utils)
    assert attempted >= 8
    assert failed == 0


@pytest.mark.core
def test_detect_leaves_out_what_lies_outside_the_picture():
    priors = np.float32([[1.5, 0.5, 0.2, 0.2], [0.5, 0.5, 0.2, 0.2]])
    predictions = np.zeros((1, 2, 6), np.float32)
    predictions[..., 5] = [4.0, 3.0]  # the better score lies outside
    rows = numpy(detect(predictions, priors, top_k=2))[0]
    np.testing.assert_allclose(rows[0, 2:], [0.4, 0.4, 0.6, 0.6], atol=1e-6)
    assert (rows[1] == 0).all()
