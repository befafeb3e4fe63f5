"""SimOTA's matching against a slow loop, and the loss of the prior layout yolox."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from base.compiled import compiled
from models.losses import loss_of, normaliser_of
from models.losses.simota_loss import (
    CENTRE_RADIUS,
    MAX_POSITIVES,
    POSITIVES_PER_OBJECT,
    match_simota,
    simota_loss,
)
from ssd_utils import LAYOUTS, decode, encode, iou, make_priors
from tests.helpers.each_backbone import numpy

PRIORS = make_priors("yolox")
NUM_CLASSES = 4
STRIDES = np.repeat(LAYOUTS["yolox"].steps, [38**2, 19**2, 10**2]) / 300


def objects(*rows, size=4):
    truth = np.zeros((1, size, 5), "float32")
    for at, row in enumerate(rows):
        truth[0, at] = row
    return truth


def predictions(seed, batch=1):
    """Boxes some way off their priors, classes at random."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1.5, (batch, len(PRIORS), 4 + NUM_CLASSES)).astype("float32")


def matched(raw, truth, matching=None):
    boxes = decode(raw[..., :4], PRIORS)
    scores = ops.log_softmax(raw[..., 4:], axis=-1)
    matching = matching or compiled(match_simota, jit_compile=True)
    return [numpy(t) for t in matching(boxes, scores, truth, PRIORS)]


def slow_match(raw, truth):
    """Megvii's get_assignments for one image, object by object."""
    boxes = numpy(decode(raw[..., :4], PRIORS))[0]
    log_scores = numpy(ops.log_softmax(raw[..., 4:], axis=-1))[0]
    costs, takers = {}, {}
    for row, (*box, class_id) in enumerate(truth[0]):
        if not class_id:
            continue
        middle = (np.array(box[:2]) + box[2:]) / 2
        away = np.abs(PRIORS[:, :2] - middle).max(axis=1)
        near = np.flatnonzero(away < CENTRE_RADIUS * STRIDES)
        overlaps = numpy(iou(np.float32([box]), boxes[near]))[0]
        cost = -log_scores[near, int(class_id)] - 3 * np.log(overlaps + 1e-8)
        count = max(int(np.sort(overlaps)[::-1][:MAX_POSITIVES].sum()), 1)
        for at in np.argsort(cost, kind="stable")[:count]:
            prior = near[at]
            if prior not in costs or cost[at] < costs[prior]:
                costs[prior], takers[prior] = cost[at], row
    return takers


def test_layout_has_one_prior_in_each_cell():
    assert len(PRIORS) == 38**2 + 19**2 + 10**2
    np.testing.assert_allclose(PRIORS[0] * 300, [4, 4, 32, 32], rtol=1e-6)
    np.testing.assert_allclose(PRIORS[-1] * 300, [304, 304, 128, 128], rtol=1e-6)


@pytest.mark.core
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [[0.1, 0.1, 0.5, 0.6, 1]],
        [[0.1, 0.1, 0.5, 0.6, 1], [0.13, 0.1, 0.52, 0.6, 2], [0.4, 0.4, 1, 1, 3]],
        [[0.0, 0.0, 0.01, 0.01, 2], [0.98, 0.99, 1, 1, 2]],  # small, at the borders
    ],
)
def test_matching_is_the_slow_one(rows):
    truth, raw = objects(*rows), predictions(len(rows))
    expected = slow_match(raw, truth)
    # as the loss has it; and not compiled: mutmut sees only tests that trace anew
    for matching in (compiled(match_simota, jit_compile=True), match_simota):
        matches, positives = matched(raw, truth, matching)
        assert np.flatnonzero(positives[0]).tolist() == sorted(expected)
        for prior, row in expected.items():
            assert matches[0, prior] == row


def test_every_object_has_a_positive_and_good_boxes_have_more():
    truth = objects([0.2, 0.2, 0.8, 0.8, 1])
    raw = predictions(0)
    perfect = raw.copy()
    perfect[0, :, :4] = numpy(encode(truth[0, :1, :4], PRIORS))
    bad = raw.copy()
    bad[0, :, 2:4] = -30.0  # boxes of no size
    assert matched(perfect, truth)[1].sum() == MAX_POSITIVES
    assert matched(bad, truth)[1].sum() == 1


def test_batch_is_its_images_one_by_one():
    truth = np.concatenate(
        [objects([0.1, 0.1, 0.5, 0.6, 1]), objects(), objects([0.3, 0.5, 0.9, 0.6, 3])]
    )
    raw = predictions(5, 3)
    together = matched(raw, truth)
    for at in range(3):
        alone = matched(raw[at : at + 1], truth[at : at + 1])
        np.testing.assert_array_equal(together[1][at], alone[1][0])
        positives = alone[1][0]
        np.testing.assert_array_equal(
            together[0][at][positives], alone[0][0][positives]
        )


@pytest.mark.core
def test_loss_of_no_objects_and_of_perfect_boxes():
    raw = predictions(0)
    losses = simota_loss(raw, objects(), PRIORS)
    assert float(losses["box_loss"]) == 0
    assert np.isfinite(float(losses["loss"]))
    truth = objects([0.2, 0.2, 0.8, 0.8, 1])
    raw[0, :, :4] = numpy(encode(truth[0, :1, :4], PRIORS))
    raw[0, :, 4:] = [30.0, 0, 0, 0]
    _, positives = matched(raw, truth)
    raw[0, positives[0], 4:] = [0, 30.0, 0, 0]
    losses = simota_loss(raw, truth, PRIORS)
    assert float(losses["box_loss"]) == pytest.approx(0, abs=1e-4)
    assert float(losses["class_loss"]) == pytest.approx(0, abs=1e-3)
    assert float(losses["acc"]) == 1
    assert float(losses["num_positives"]) == POSITIVES_PER_OBJECT


def test_score_learns_the_overlap():
    """The class's target is the IoU: at a box of IoU 0.5, a score of 0.5 is best."""
    truth = objects([0.2, 0.2, 0.8, 0.8, 1])
    raw = predictions(0)
    half = np.float32([0.2, 0.2, 0.8, 0.5])  # IoU 0.5
    raw[0, :, :4] = numpy(encode(half[None], PRIORS))

    noise = np.random.default_rng(1).uniform(0, 1e-3, len(PRIORS))  # no ties

    def class_loss(logit):
        raw[0, :, 4:] = [0, logit, -30, -30]
        raw[0, :, 5] += noise
        return float(simota_loss(raw, truth, PRIORS)["class_loss"])

    # all priors say the same, so background pulls down: compare the positives' share
    count = matched(raw, truth)[1].sum()
    assert count == 5  # ten of IoU 0.5
    rise = (class_loss(0.01) - class_loss(-0.01)) / 0.02 * POSITIVES_PER_OBJECT
    assert rise == pytest.approx((len(PRIORS) - count) * 0.5, rel=1e-2)


def test_class_weights_multiply_what_each_prior_adds():
    truth, raw = objects([0.2, 0.2, 0.8, 0.8, 1]), predictions(0)

    def losses(*weights):
        found = simota_loss(raw, truth, PRIORS, class_weights=weights or None)
        return np.array([float(found["box_loss"]), float(found["class_loss"])])

    plain, background, cat = losses(), losses(3, 1, 1, 1), losses(1, 3, 1, 1)
    np.testing.assert_allclose(losses(2, 2, 2, 2), 2 * plain, rtol=1e-5)
    np.testing.assert_allclose(losses(1, 1, 9, 9), plain, rtol=1e-5)  # no such object
    assert background[0] == pytest.approx(plain[0], rel=1e-5)
    assert cat[0] == pytest.approx(3 * plain[0], rel=1e-5)
    # each prior is of the background or of class 1
    added = background[1] + cat[1] - 2 * plain[1]
    assert added == pytest.approx(2 * plain[1], rel=1e-4)


def test_gradient_is_finite_for_wild_predictions():
    raw = keras.Variable(predictions(0) * 100)
    losses = simota_loss(raw.value, objects([0.2, 0.2, 0.8, 0.8, 1]), PRIORS)
    assert np.isfinite(float(losses["loss"]))


def test_shares_of_a_batch_add_up():
    truth = np.concatenate([objects([0.1, 0.1, 0.5, 0.6, 1]), objects()])
    raw = predictions(3, 2)
    whole = simota_loss(raw, truth, PRIORS)
    normaliser = normaliser_of("yolox")(truth, PRIORS)
    parts = [
        simota_loss(raw[at : at + 1], truth[at : at + 1], PRIORS, normaliser)
        for at in (0, 1)
    ]
    total = sum(float(part["loss"]) for part in parts)
    assert total == pytest.approx(float(whole["loss"]), rel=1e-5)


def test_layouts_have_their_losses():
    assert loss_of("voc").__name__ == "multibox_loss"
    assert loss_of("yolox") is simota_loss


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_losses_normaliser_becomes_a_graph_without_a_warning(layout):
    """TensorFlow names the nodes of a graph by arguments, and warns of such a name."""
    names = inspect.signature(normaliser_of(layout)).parameters
    assert list(names) == ["truth", "priors"]
