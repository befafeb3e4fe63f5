"""Matching against its rule, written as a loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.compiled import compiled
from ssd_utils import NUM_PROPOSALS, centers_to_corners, iou, make_priors, match
from tests.helpers.random_boxes import numpy, random_boxes, relaxed, seeds

pytestmark = pytest.mark.core


def random_truth(rng, images, rows, classes=4):
    """Truth (images, rows, 5); some rows, of any place, are padding."""
    truth = np.zeros((images, rows, 5), "float32")
    for image in truth:
        image[:, :4] = random_boxes(rng, rows)
        image[:, 4] = rng.integers(1, classes, rows)
        image[rng.random(rows) < 0.25] = 0
    return truth


def slow_match(truth, priors):
    """The rule in a loop: matches, positives of one image, truth (M, 5).

    IoU comes from ssd_utils (see test_boxes), so that float32 can't break ties
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


def check_match(truth, priors):
    matches, positives = numpy(*match(truth, priors))
    assert matches.shape == positives.shape == (len(truth), len(priors))
    for image, rows in enumerate(truth):
        expected, expected_positives = slow_match(rows, priors)
        np.testing.assert_array_equal(positives[image], expected_positives)
        there = expected_positives
        np.testing.assert_array_equal(matches[image][there], expected[there])
        single_matches, single_positives = numpy(*match(rows[None], priors))
        np.testing.assert_array_equal(single_positives[0], positives[image])
        np.testing.assert_array_equal(single_matches[0], matches[image])
    return matches, positives


@relaxed
@given(seeds, st.sampled_from([1, 3]), st.integers(1, 12))
def test_match_equals_the_rule_in_a_loop(seed, images, rows):
    rng = np.random.default_rng(seed)
    priors = make_priors()[rng.choice(8732, 300, replace=False)]
    check_match(random_truth(rng, images, rows), priors)


@relaxed
@given(seeds, st.integers(2, 14))
def test_match_where_many_want_the_same_prior(seed, rows):
    rng = np.random.default_rng(seed)
    priors = make_priors()[rng.choice(8732, 60, replace=False)]
    truth = np.zeros((3, rows, 5), "float32")
    for image in truth:  # all objects lie around one place, some are equal
        center = rng.uniform(0.3, 0.7, 2)
        sides = rng.uniform(0.2, 0.3, (rows, 2))
        low = center - sides / 2 + rng.uniform(-0.02, 0.02, (rows, 2))
        image[:, :4] = np.concatenate([low, low + sides], axis=1)
        image[1] = image[0]
        image[:, 4] = rng.integers(1, 4, rows)
    matches, positives = check_match(truth, priors)
    reachable = numpy(iou(truth[..., :4], centers_to_corners(priors))) > 0
    for image in range(3):
        if reachable[image].all():  # enough priors for everybody
            found = set(matches[image][positives[image]])
            assert found == set(range(rows))


@pytest.mark.parametrize("rows", [NUM_PROPOSALS, NUM_PROPOSALS + 1, 5 * NUM_PROPOSALS])
def test_match_where_more_want_the_same_than_there_are_wishes(rows):
    """Equal objects refuse each other one by one: the last has rows - 1 refusals."""
    priors = make_priors()[-200:]
    truth = np.zeros((2, rows, 5), "float32")
    truth[:] = [0.3, 0.3, 0.7, 0.7, 1]
    truth[1, :, 2] += np.linspace(0, 0.01, rows)
    matches, positives = check_match(truth, priors)
    for image in range(2):
        assert set(matches[image][positives[image]]) == set(range(rows))


@relaxed
@given(seeds, st.sampled_from([1, 3, 20]))
def test_match_as_one_kernel_keeps_the_rule(seed, rows):
    """Of priors that hold a box whole all are equally good but for the rounding, which
    is the compiler's: the rule is asked, not which of them an object got."""
    truth, priors = random_truth(np.random.default_rng(seed), 2, rows), make_priors()
    overlaps = numpy(iou(truth[..., :4], centers_to_corners(priors)))  # (B, M, P)
    for matching in (match, compiled(match, jit_compile=True)):
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
    for image, rows in enumerate(truth):
        found = set(matches[image][positives[image]])
        assert found == set(np.flatnonzero(rows[:, 4]))


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("images", [1, 3])
def test_match_of_padding_only(images, rows):
    _, positives = numpy(*match(np.zeros((images, rows, 5), "float32"), make_priors()))
    assert positives.shape == (images, 8732)
    assert not positives.any()


def test_padding_with_a_box_is_still_padding():
    truth = np.float32([[[0.1, 0.1, 0.9, 0.9, 0], [0.2, 0.3, 0.6, 0.5, 2]]])
    matches, positives = numpy(*match(truth, make_priors()))
    assert positives.any()
    assert (matches[positives] == 1).all()
