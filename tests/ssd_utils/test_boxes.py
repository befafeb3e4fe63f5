"""Priors, offsets, IoU against published arrays and loops; ssd_utils' examples."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ssd_utils
from ssd_utils import (
    LAYOUTS,
    MAP_SIZES,
    centers_to_corners,
    corners_to_centers,
    decode,
    encode,
    iou,
    make_priors,
)
from tests.helpers.random_boxes import numpy, random_boxes, relaxed, seeds, slow_iou

pytestmark = pytest.mark.core


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


def test_examples_in_the_docstrings():
    failed, attempted = doctest.testmod(ssd_utils)
    assert attempted >= 6
    assert failed == 0
