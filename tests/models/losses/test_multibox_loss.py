"""The loss against a plain float64 loop, and its edges."""

from unittest import mock

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from models.losses.multibox_loss import (
    MIN_NEGATIVES,
    NEGATIVE_RATIO,
    _hard_negatives,
    multibox_loss,
)
from ssd_utils import centers_to_corners, iou, make_priors, match
from training.engine import Trainer

pytestmark = pytest.mark.core

VARIANCES = np.array([0.1, 0.1, 0.2, 0.2])  # weiliu89/caffe, written out again
NUM_CLASSES = 4


@pytest.fixture(autouse=True, scope="module")
def plain_matching():
    """Matching as one kernel may take another of equally good priors than the loop.

    tests/ssd_utils/test_matching.py asks it for the rule.
    """
    with mock.patch(
        "models.losses.multibox_loss.compiled", lambda function, **_: function
    ):
        yield


def numpy(array):
    return np.asarray(ops.convert_to_numpy(array))


def loss_of(predictions, truth, priors):
    parts = multibox_loss(predictions, truth, priors)
    return {name: float(numpy(value)) for name, value in parts.items()}


def some_priors(rng, count=200):
    return make_priors()[rng.choice(8732, count, replace=False)]


def random_batch(rng, priors, images=3, rows=5, scale=3.0):
    """Predictions and truth; the last image of several has no objects."""
    truth = np.zeros((images, rows, 5), "float32")
    for image in truth[: max(images - 1, 1)]:
        sides = rng.uniform(0.05, 0.7, (rows, 2))
        low = rng.uniform(0, 1, (rows, 2)) * (1 - sides)
        image[:, :4] = np.concatenate([low, low + sides], axis=1)
        image[:, 4] = rng.integers(1, NUM_CLASSES, rows)
        image[rng.random(rows) < 0.2] = 0
    shape = (images, len(priors), 4 + NUM_CLASSES)
    return rng.normal(0, scale, shape).astype("float32"), truth


def slow_loss(predictions, truth, priors):
    """The paper's loss prior by prior, in float64; its own greedy matching."""
    predictions, priors64 = predictions.astype("float64"), priors.astype("float64")
    box_loss = class_loss = 0.0
    num_positives = num_right = num_scored = 0
    for offsets_logits, rows in zip(predictions, truth.astype("float64"), strict=True):
        owner = greedy_owners(rows, priors)  # prior -> row, or absent
        surprises = {}
        for prior, values in enumerate(offsets_logits):
            logits = values[4:]
            top = logits.max()
            log_sum = top + np.log(np.exp(logits - top).sum())
            label = int(rows[owner[prior], 4]) if prior in owner else 0
            surprises[prior] = log_sum - logits[label], logits.argmax() == label
            if prior in owner:
                wanted = slow_encode(rows[owner[prior], :4], priors64[prior])
                distance = np.abs(values[:4] - wanted)
                small = distance < 1
                box_loss += np.where(small, distance**2 / 2, distance - 0.5).sum()
        rest = sorted(
            (p for p in surprises if p not in owner), key=lambda p: -surprises[p][0]
        )
        scored = [*owner, *rest[: max(NEGATIVE_RATIO * len(owner), MIN_NEGATIVES)]]
        class_loss += sum(surprises[prior][0] for prior in scored)
        num_right += sum(surprises[prior][1] for prior in scored)
        num_scored += len(scored)
        num_positives += len(owner)
    divisor = max(num_positives, 1)
    return {
        "loss": (box_loss + class_loss) / divisor,
        "box_loss": box_loss / divisor,
        "class_loss": class_loss / divisor,
        "acc": num_right / num_scored,
        "num_positives": divisor,
        "num_scored": num_scored,
    }


def slow_encode(box, prior):
    center = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    sides = np.array([box[2] - box[0], box[3] - box[1]])
    shift = (center - prior[:2]) / prior[2:]
    return np.concatenate([shift, np.log(sides / prior[2:])]) / VARIANCES


def greedy_owners(rows, priors):
    """Row of the truth for each positive prior of one image."""
    overlaps = numpy(iou(rows[:, :4].astype("float32"), centers_to_corners(priors)))
    overlaps = np.where(rows[:, 4:] > 0, overlaps, 0)
    best = overlaps.argmax(axis=0)
    over_half = np.flatnonzero(overlaps.max(axis=0) > 0.5)
    owner = {int(p): int(best[p]) for p in over_half}
    served, taken = set(), set()
    pairs = zip(*np.nonzero(overlaps > 0), strict=True)
    for row, prior in sorted(pairs, key=lambda pair: (-overlaps[pair], *pair)):
        if row not in served and prior not in taken:
            served.add(row)
            taken.add(prior)
            owner[int(prior)] = int(row)
    return owner


@settings(deadline=None, max_examples=8 if keras.backend.backend() == "jax" else 25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 7))
def test_loss_equals_a_slow_loop(seed, images, rows):
    rng = np.random.default_rng(seed)
    priors = some_priors(rng)
    predictions, truth = random_batch(rng, priors, images, rows)
    expected = slow_loss(predictions, truth, priors)
    assert loss_of(predictions, truth, priors) == pytest.approx(
        expected, rel=1e-5, abs=1e-6
    )


def test_loss_with_all_priors_equals_a_slow_loop():
    rng = np.random.default_rng(1)
    predictions, truth = random_batch(rng, make_priors(), images=2)
    expected = slow_loss(predictions, truth, make_priors())
    assert loss_of(predictions, truth, make_priors()) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("images", [1, 3])
def test_images_without_objects_learn_the_background_only(images):
    rng = np.random.default_rng(2)
    priors = some_priors(rng)
    predictions, _ = random_batch(rng, priors, images)
    parts = loss_of(predictions, np.zeros((images, 2, 5), "float32"), priors)
    assert parts["box_loss"] == 0
    logits = predictions[..., 4:].astype("float64")
    surprise = np.log(np.exp(logits).sum(axis=-1)) - logits[..., 0]  # (B, P)
    hardest = -np.sort(-surprise, axis=1)[:, :MIN_NEGATIVES]
    assert parts["class_loss"] == pytest.approx(hardest.sum(), rel=1e-5)  # / 1
    assert parts["loss"] == parts["class_loss"]


def test_padding_rows_change_nothing():
    rng = np.random.default_rng(3)
    priors = some_priors(rng)
    predictions, truth = random_batch(rng, priors)
    more = np.concatenate([truth, np.zeros((3, 11, 5), "float32")], axis=1)
    assert loss_of(predictions, more, priors) == loss_of(predictions, truth, priors)
    first = np.concatenate([np.zeros((3, 2, 5), "float32"), truth], axis=1)
    assert loss_of(predictions, first, priors) == pytest.approx(
        loss_of(predictions, truth, priors), rel=1e-6
    )


def test_divided_by_the_positives_of_the_batch_not_of_the_image():
    rng = np.random.default_rng(4)
    priors = some_priors(rng)
    predictions, truth = random_batch(rng, priors, images=3)
    whole = loss_of(predictions, truth, priors)
    _, positives = match(truth, priors)
    counts = numpy(positives).sum(axis=1)
    assert counts[0] != counts[1]  # the mean of the images' losses is another number
    assert counts[2] == 0
    summed = 0
    for image, count in enumerate(counts):
        single = slice(image, image + 1)
        part = loss_of(predictions[single], truth[single], priors)
        summed += part["loss"] * max(count, 1)
    assert whole["loss"] == pytest.approx(summed / counts.sum(), rel=1e-5)


def diagonal_priors():
    """Priors along a diagonal, far apart; truth of one object exactly at the first."""
    centers = np.linspace(0.06, 0.94, 12)
    priors = np.stack([centers, centers, *([np.full(12, 0.05)] * 2)], axis=1)
    box = numpy(centers_to_corners(priors[:1]))[0]
    return priors.astype("float32"), np.float32([[[*box, 2]]])


@pytest.mark.parametrize("seed", range(5))
def test_hard_negatives_equal_those_by_ranks(seed):
    """Few different numbers, so many are equal: the first of them are taken."""
    rng = np.random.default_rng(seed)
    surprise = rng.integers(0, 6, (4, 50)).astype("float32")
    positives = rng.random((4, 50)) < np.array([[0.0], [0.02], [0.2], [0.6]])
    hardness = np.where(positives, -1, surprise)
    ranks = np.argsort(np.argsort(-hardness, axis=1, kind="stable"), axis=1)
    wanted = np.maximum(NEGATIVE_RATIO * positives.sum(1, keepdims=True), MIN_NEGATIVES)
    negatives = numpy(_hard_negatives(surprise, ops.convert_to_tensor(positives)))
    np.testing.assert_array_equal(negatives, (ranks < wanted) & ~positives)


def test_three_negatives_for_each_positive_and_acc():
    priors, truth = diagonal_priors()
    predictions = np.zeros((1, 12, 4 + 3), "float32")
    predictions[0, :, 4] = 1  # background by 1, all alike
    hard = [5, 7, 9]  # the hardest negatives
    predictions[0, hard, 4:] = [[0, 4, 0], [3, 2.9, 2.9], [0, 3, 0]]
    predictions[0, 0, 4:] = [0, 0, 6]  # the positive is right
    parts = loss_of(predictions, truth, priors)

    def surprise(logits, label):
        logits = np.array(logits, float)
        return np.log(np.exp(logits).sum()) - logits[label]

    expected = surprise([0, 0, 6], 2) + sum(
        surprise(predictions[0, prior, 4:], 0) for prior in hard
    )
    assert parts["class_loss"] == pytest.approx(expected, rel=1e-5)
    assert parts["box_loss"] == pytest.approx(0, abs=1e-6)
    # scored: 1 positive (right) and 3 negatives, of which one, logits 3 > 2.9, is right
    assert parts["acc"] == pytest.approx(2 / 4)


def test_box_loss_by_hand():
    priors, truth = diagonal_priors()
    predictions = np.zeros((1, 12, 4 + 3), "float32")
    predictions[0, 0, :4] = [0.5, -2, 1, 0]  # off by: 0.125, 2 - 0.5, 0.5, 0
    assert loss_of(predictions, truth, priors)["box_loss"] == pytest.approx(
        0.125 + 1.5 + 0.5, abs=1e-4
    )


@pytest.mark.parametrize("scale", [1e2, 1e4, 1e8])
def test_extreme_logits_stay_finite(scale):
    rng = np.random.default_rng(6)
    priors = some_priors(rng)
    predictions, truth = random_batch(rng, priors, scale=1.0)
    predictions[..., 4:] *= scale
    parts = loss_of(predictions, truth, priors)
    assert all(np.isfinite(list(parts.values())))
    if scale > 1e3:  # softmax is a step then: the loss is linear in the logits
        halved = predictions.copy()
        halved[..., 4:] /= 2
        half = loss_of(halved, truth, priors)
        assert parts["class_loss"] == pytest.approx(2 * half["class_loss"], rel=1e-3)


class Offsets(layers.Layer):
    """Predictions (B, P, 4 + C) that are weights; images are ignored."""

    def __init__(self, start):
        super().__init__()
        self.start = start

    def build(self, shape):
        def start(shape, dtype=None):
            return ops.convert_to_tensor(self.start, dtype)

        self.values = self.add_weight(shape=self.start.shape, initializer=start)

    def call(self, images):
        return self.values + 0 * ops.sum(images)


def after_one_step(predictions, truth):
    """The predictions after a step of rate 1 down the gradient."""
    images = keras.Input(batch_shape=(len(truth), 2, 2, 1))
    layer = Offsets(predictions)
    trainer = Trainer(keras.Model(images, layer(images)), "voc")
    trainer.compile_for(keras.optimizers.SGD(1.0))
    trainer.train_on_batch(np.zeros((len(truth), 2, 2, 1), "float32"), truth)
    return numpy(layer.values)


def test_gradient_of_offsets_is_zero_but_for_positives():
    rng = np.random.default_rng(7)
    predictions, truth = random_batch(rng, make_priors(), images=2)
    moved = after_one_step(predictions, truth) - predictions
    assert np.isfinite(moved).all()
    _, positives = match(truth, make_priors())
    positives = numpy(positives)
    assert positives.any()
    assert not moved[~positives][:, :4].any()
    # smooth l1: a gradient of at most 1 / N, exactly that for large distances
    assert np.abs(moved[positives][:, :4]).max() == pytest.approx(
        1 / positives.sum(), rel=1e-3
    )
    # class logits: positives and three times as many negatives per image
    touched = np.abs(moved[..., 4:]).max(axis=-1) > 0  # (B, P)
    count = positives.sum(axis=1)
    assert (touched.sum(axis=1) <= count + np.maximum(3 * count, MIN_NEGATIVES)).all()
    assert touched[positives].all()


# options


def test_class_weights_multiply_what_each_prior_adds():
    rng = np.random.default_rng(5)
    priors = some_priors(rng)
    predictions, truth = random_batch(rng, priors, images=1)
    whole = loss_of(predictions, truth, priors)
    weighted = [
        multibox_loss(predictions, truth, priors, class_weights=weights)
        for weights in np.eye(NUM_CLASSES)
    ]
    for name in ("box_loss", "class_loss"):
        parts = [float(numpy(one[name])) for one in weighted]
        assert sum(parts) == pytest.approx(whole[name], rel=1e-5)
        assert sum(part > 0 for part in parts) > 1
    assert float(numpy(weighted[0]["box_loss"])) == 0  # background has no boxes


@pytest.mark.parametrize(
    ("num_objects", "num_scored"),
    [(0, 3), (1, 1 + 3), (2, 2 + 6)],  # the paper: 3 negatives to a positive; ours: 3
)
def test_three_negatives_for_each_positive(num_objects, num_scored):
    middles = np.stack(np.meshgrid(*[np.arange(0.1, 1, 0.2)] * 2), axis=-1)
    sides = np.full((25, 2), 0.15)  # squares that don't touch
    priors = np.float32(np.concatenate([middles.reshape(25, 2), sides], axis=1))
    truth = np.zeros((1, 2, 5), "float32")
    for row in range(num_objects):
        truth[0, row] = [*numpy(centers_to_corners(priors))[7 * row], 1]
    predictions = np.zeros((1, len(priors), 4 + NUM_CLASSES), "float32")
    parts = loss_of(predictions, truth, priors)
    assert parts["num_positives"] == max(num_objects, 1)
    assert parts["num_scored"] == num_scored
