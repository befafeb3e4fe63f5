"""The training step and its epochs, accumulation, precisions, validation."""

import keras
import numpy as np
import pytest
from keras import ops

from inference.runtimes.keras_file import validate
from models import Architecture, build
from models.losses.multibox_loss import multibox_loss
from ssd_utils import make_priors
from training.engine import PARTS, Trainer, train_epoch
from training.optimiser import OPTIMISERS, make_optimiser
from training.schedule import Schedule


def batch_of(count, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 255, (count, 300, 300, 3), dtype="uint8")
    truth = np.zeros((count, 8, 5), "float32")
    truth[:, 0] = [0.1, 0.2, 0.5, 0.9, 1 + seed % 2]
    return images, truth


class Sequence:
    """Batches of made-up images, with the interface of data.Batches."""

    def __init__(self, batches, counts=None):
        self.batches = batches
        self.counts = counts or [len(images) for images, _ in batches]

    def epoch(self, _):
        return iter(self.batches)

    def count(self, step):
        return self.counts[step]


class PerCell(keras.layers.Layer):
    """Predictions (B, 8732, 4 + 3) of the image's mean: a detector of one weight."""

    def build(self, shape):
        self.slope = self.add_weight(shape=(7,), initializer="ones", name="kernel")

    def call(self, images):
        brightness = ops.mean(ops.cast(images, "float32"), axis=(1, 2, 3)) / 255
        return ops.repeat(
            (brightness[:, None] * self.slope)[:, None, :], len(make_priors()), axis=1
        )


def tiny_detector():
    images = keras.Input((300, 300, 3), dtype="uint8")
    return keras.Model(images, PerCell()(images))


def still(model, accumulate=1):
    """A trainer that changes nothing."""
    optimiser = make_optimiser("sgd", model.trainable_variables, accumulate=accumulate)
    return Trainer(model, "voc", accumulate).compile_for(optimiser)


def at_rest(steps):
    """A schedule of so many steps at the rate 0."""
    return Schedule(0.0, steps, None)


@pytest.mark.core
def test_train_epoch_gives_each_step_and_their_means():
    model = tiny_detector()
    trainer = still(model)
    batches = [batch_of(2, seed) for seed in range(3)]
    batches[1][0][:] //= 2  # losses differ
    steps = []
    means = train_epoch(trainer, batches, at_rest(9), steps.append)
    expected = []
    for images, truth in batches:
        parts = multibox_loss(model(images), truth, make_priors())
        expected.append({k: float(ops.convert_to_numpy(parts[k])) for k in PARTS})
    for received, parts in zip(steps, expected, strict=True):
        assert received == pytest.approx(parts, rel=1e-4)
    assert expected[0]["loss"] != pytest.approx(expected[1]["loss"], rel=1e-3)
    for name in PARTS:
        mean = np.mean([parts[name] for parts in expected])
        assert means[name] == pytest.approx(mean, rel=1e-4)


def test_train_epoch_of_nothing():
    means = train_epoch(still(tiny_detector()), [], at_rest(1), print)
    assert means.pop("waiting") <= 1
    assert means == dict.fromkeys((*PARTS, "images_per_second"), 0.0)


def test_the_schedule_ends_an_epoch():
    steps, schedule = [], at_rest(2)
    batch = batch_of(1, 0)
    train_epoch(still(tiny_detector()), [batch] * 5, schedule, steps.append)
    assert len(steps) == schedule.step == 2


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("accumulate", [2, 4])
def test_accumulated_update_equals_that_of_the_large_batch(name, accumulate):
    images = np.concatenate([batch_of(2, seed)[0] for seed in (0, 1)])
    truth = np.concatenate([batch_of(2, seed)[1] for seed in (0, 1)])
    images[1:] //= np.array([2, 3, 4], "uint8")[:, None, None, None]
    truth[1, 1] = [0.2, 0.2, 0.9, 0.9, 1]  # unequal numbers of positives
    truth[3] = 0  # and none
    results = []
    for parts in (1, accumulate):
        model = tiny_detector()
        optimiser = make_optimiser(name, model.trainable_variables, accumulate=parts)
        trainer = Trainer(model, "voc", parts).compile_for(optimiser)
        losses = [trainer.step(images, truth, 1e-2) for _ in range(3)]
        weights = ops.convert_to_numpy(model.layers[-1].slope)
        results.append((weights, [step["loss"] for step in losses]))
    (whole, whole_losses), (parts, parts_losses) = results
    assert abs(whole - 1).min() > 1e-4  # it moved
    assert parts == pytest.approx(whole, abs=1e-5)
    assert parts_losses == pytest.approx(whole_losses, rel=1e-5)


def test_accumulated_update_of_a_detector(slim_squeezenet):
    images = np.concatenate([batch_of(1, seed)[0] for seed in range(4)])
    truth = np.concatenate([batch_of(1, seed)[1] for seed in range(4)])
    truth[2] = 0
    kernels = []
    for parts in (1, 4):
        keras.utils.set_random_seed(0)
        model = build(Architecture("squeezenet", 3, norm="none"))
        optimiser = make_optimiser("sgd", model.trainable_variables, accumulate=parts)
        Trainer(model, "voc", parts).compile_for(optimiser).step(images, truth, 0.01)
        kernels.append([ops.convert_to_numpy(w) for w in model.weights])
    keras.utils.set_random_seed(0)
    start = build(Architecture("squeezenet", 3, norm="none")).get_weights()
    assert max(abs(a - b).max() for a, b in zip(kernels[0], start, strict=True)) > 1e-3
    for whole, parts in zip(*kernels, strict=True):
        assert parts == pytest.approx(whole, abs=1e-5)


PRECISIONS = {  # and steps; float16's first are lost to finding the scale of the loss
    "float32": 4,
    "mixed_bfloat16": 4,
    "mixed_float16": 12,
}


@pytest.mark.parametrize(
    "precision",
    [
        pytest.param("float32", marks=pytest.mark.core),
        "mixed_bfloat16",
        "mixed_float16",
    ],
)
def test_steps_in_each_precision_lower_the_loss(precision, slim_squeezenet):
    check_steps(precision, PRECISIONS[precision])


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "steps"), PRECISIONS.items())
def test_so_they_do_in_the_whole_network(precision, steps):
    check_steps(precision, steps)


def check_steps(precision, steps):
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(0)
    model = build(Architecture("squeezenet", 3))
    assert model.output.dtype == "float32"
    optimiser = make_optimiser("adamw", model.trainable_variables)
    trainer = Trainer(model, "voc").compile_for(optimiser)
    schedule = Schedule(1e-3, 30, None)
    batch = batch_of(1, 0)
    before = [np.array(weight) for weight in model.trainable_weights]
    losses = []
    batches = [batch] * steps
    train_epoch(trainer, batches, schedule, lambda parts: losses.append(parts["loss"]))
    assert np.isfinite(losses).all()
    assert min(losses) < 0.9 * losses[0]
    changed = [
        (np.array(weight) != value).any()
        for weight, value in zip(model.trainable_weights, before, strict=True)
    ]
    assert np.mean(changed) > 0.5
    assert all(np.isfinite(np.array(weight)).all() for weight in model.weights)
    assert float(trainer.optimizer.learning_rate) > 0  # through the loss scaling too


@pytest.mark.core
def test_validate_leaves_padding_out():
    from models.detection_layer import with_detections

    model = with_detections(tiny_detector(), "voc", 0.0)
    images, truth = batch_of(3, 0)
    images[1] //= 3
    detections, means = validate(model, "voc", Sequence([(images, truth)]))
    assert [rows.shape for rows in detections] == [(200, 6)] * 3
    twice = [
        (images[:2], truth[:2]),
        (images[[2, 0]], truth[[2, 0]] * 0),  # the second image is padding
    ]
    twice[1][1][0] = truth[2]
    padded, padded_means = validate(model, "voc", Sequence(twice, [2, 1]))
    assert len(padded) == 3
    for rows, expected in zip(padded, detections, strict=True):
        assert rows == pytest.approx(expected, abs=1e-6)
    # as many positives in each image: the mean over images is the batch's
    assert padded_means == pytest.approx(means, rel=1e-4)


@pytest.mark.core
def test_validate_weighs_acc_by_scored_priors():
    from models.detection_layer import with_detections

    model = with_detections(tiny_detector(), "voc", 0.0)
    images, truth = batch_of(5, 0)
    truth[1:] = 0  # four images without objects: 3 scored priors each, 1 positive
    parts = [(images[:1], truth[:1]), (images[1:], truth[1:])]
    _, means = validate(model, "voc", Sequence(parts))
    # equal logits: the background wins, so negatives are right and positives wrong; n
    # positives have 3 n negatives
    one = multibox_loss(tiny_detector()(images[:1]), truth[:1], make_priors())
    n = float(ops.convert_to_numpy(one["num_positives"]))
    assert n > 1
    assert means["acc"] == pytest.approx((3 * n + 12) / (4 * n + 12), rel=1e-5)
