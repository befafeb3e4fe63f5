"""Steps that leave something not finite, on every backend."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from models import Architecture, build
from training.engine import Trainer
from training.optimiser import OPTIMISERS, make_optimiser
from training.recovery.non_finite import MAX_IN_A_ROW

GOOD = np.array([0.0, 0.0, 1.0, 1.0, 1.0], "float32")


class Weighted(keras.layers.Layer):
    """Predictions (B, 8732, 4 + 3), each a weight times the image's brightness."""

    def build(self, shape):
        self.slope = self.add_weight(shape=(7,), initializer="ones", name="kernel")
        self.seen = self.add_weight(
            shape=(), initializer="zeros", name="seen", trainable=False
        )

    def call(self, images):
        light = ops.mean(images, axis=(1, 2, 3)) / 255  # (B,)
        self.seen.assign(self.seen + ops.sum(light))  # as a BatchNormalization does
        return ops.repeat((light[:, None] * self.slope)[:, None], 8732, axis=1)


def trainer_of(skip, name="adamw"):
    images = keras.Input((300, 300, 3))
    model = keras.Model(images, Weighted()(images))
    optimiser = make_optimiser(name, model.trainable_variables)
    return Trainer(model, "voc", skip_non_finite=skip).compile_for(optimiser)


def batch(brightness=100.0):
    images = np.full((2, 300, 300, 3), brightness, "float32")
    return images, np.tile(GOOD, (2, 1, 1))


def everything(trainer):
    variables = trainer.detector.variables + trainer.optimizer.variables
    return [ops.convert_to_numpy(variable).copy() for variable in variables]


@pytest.mark.core
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_training(bad):
    watched = trainer_of(skip=False)
    assert math.isfinite(watched.step(*batch(), 1e-3)["loss"])
    with pytest.raises(FloatingPointError, match=r"loss is not finite.*rate 0\.002"):
        watched.step(*batch(bad), 2e-3)


@pytest.mark.core
def test_a_weight_that_is_not_finite_ends_the_training():
    watched = trainer_of(skip=False, name="sgd")
    with pytest.raises(FloatingPointError, match="weights became not finite"):
        watched.step(*batch(), math.inf)  # the loss is that of before


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_bad_step_is_undone_and_counted(name):
    watched, twin = trainer_of(skip=True, name=name), trainer_of(skip=True, name=name)
    for at in range(3):
        assert watched.step(*batch(80.0 + at), 1e-3) == twin.step(
            *batch(80.0 + at), 1e-3
        )
        before = everything(watched)
        assert watched.step(*batch(math.nan), 1e-3) is None
        for now, value in zip(everything(watched), before, strict=True):
            np.testing.assert_array_equal(now, value)
    assert (watched.skipped, twin.skipped) == (3, 0)
    for now, value in zip(everything(watched), everything(twin), strict=True):
        np.testing.assert_array_equal(now, value)
    assert np.abs(before[0] - 1).max() > 1e-4  # it did move


@pytest.mark.core
def test_bad_batches_one_after_another_are_the_end():
    watched = trainer_of(skip=True)
    for _ in range(2):  # a good one in between begins the count anew
        for _ in range(MAX_IN_A_ROW):
            assert watched.step(*batch(math.nan), 1e-3) is None
        assert watched.step(*batch(), 1e-3)
    for _ in range(MAX_IN_A_ROW):
        watched.step(*batch(math.nan), 1e-3)
    with pytest.raises(FloatingPointError, match="11 times in a row"):
        watched.step(*batch(math.nan), 1e-3)


def test_statistics_of_a_bad_batch_are_undone_too(slim_squeezenet):
    model = build(Architecture("squeezenet", 3))
    optimiser = make_optimiser("adamw", model.trainable_variables)
    watched = Trainer(model, "voc", skip_non_finite=True).compile_for(optimiser)
    before = everything(watched)
    truth = np.tile(np.array([0.1, 0.1, np.nan, 0.5, 1.0], "float32"), (1, 8, 1))
    images = np.random.default_rng(0).integers(0, 255, (1, 300, 300, 3), "uint8")
    assert watched.step(images, truth, 1e-3) is None
    for now, value in zip(everything(watched), before, strict=True):
        np.testing.assert_array_equal(now, value)
