"""Every backbone learns, and what is frozen stays as it is."""

import keras
import numpy as np
import pytest

from models import Architecture, build
from models.weights.initialise import freeze
from tests.helpers.each_backbone import EACH, NUM_CLASSES, infer, random_images
from training.engine import Trainer
from training.optimiser import make_optimiser


def train(model, layout, batch, steps):
    """Losses of steps on one batch."""
    optimiser = make_optimiser("adamw", model.trainable_variables)
    trainer = Trainer(model, layout).compile_for(optimiser)
    rates = np.minimum(np.arange(1, steps + 1) / 2, 1) * 1e-3  # warm-up
    return [trainer.step(*batch, rate)["loss"] for rate in rates]


@pytest.mark.parametrize("name", EACH)
def test_training_lowers_the_loss(name):
    keras.utils.set_random_seed(1)
    model = build(Architecture(name, NUM_CLASSES))
    losses = train(model, "voc", random_images(1, seed=6), steps=8)
    assert np.isfinite(losses).all()
    assert min(losses[1:]) < 0.8 * losses[0]


# resnet50 and inceptionv3 have norms of their own in the backbone
@pytest.mark.parametrize("name", ["squeezenet", "resnet50", "inceptionv3"])
def test_frozen_extractor_stays_as_it_is(name):
    model = build(Architecture(name, NUM_CLASSES, neck="light"))
    freeze(model)
    images, truth = random_images(1, seed=7)
    features = keras.Model(model.input, model.get_layer("features").output)
    backbone = [weight for layer in features.layers for weight in layer.weights]
    others = [w for w in model.weights if all(w is not e for e in backbone)]
    assert backbone
    before, others_before = [[np.array(w) for w in ws] for ws in (backbone, others)]
    train(model, "voc", (images, truth), steps=2)
    for weight, value in zip(backbone, before, strict=True):
        np.testing.assert_array_equal(np.array(weight), value, err_msg=weight.path)
    for weight, value in zip(others, others_before, strict=True):
        # a bias or shift before relu or of a far map may well have had no gradient
        if weight.name in ("kernel", "moving_mean"):
            assert (np.array(weight) != value).any(), weight.path
    # moving statistics would have an effect in training mode: it gives the same
    np.testing.assert_allclose(
        infer(features, images, training=True),
        infer(features, images),
        rtol=1e-5,
        atol=1e-5,
    )
