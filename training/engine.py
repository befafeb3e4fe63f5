"""One training step, one epoch, one validation, whatever trains."""

import math
from collections.abc import Callable, Iterable
from functools import cache

import keras
import numpy as np

from data import Batches
from models.multibox_loss import multibox_loss
from ssd_utils import Tensor, make_priors

# what models.multibox_loss gives for a person to look at
PARTS = ("loss", "box_loss", "class_loss", "acc")


class Trainer(keras.Model):
    """A detector with its loss: `train_on_batch(images, truth)` is one step.

    `detector` maps images (B, 300, 300, 3) to raw predictions; `layout` names its
    priors. Works on every Keras backend, mixed precision included.
    """

    def __init__(self, detector: keras.Model, layout: str) -> None:
        super().__init__()
        self.detector = detector
        self.priors = make_priors(layout)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in PARTS[1:]}

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        return self.detector(images, training=training)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        losses = multibox_loss(y_pred, y, self.priors)
        for name, tracker in self.trackers.items():
            tracker.update_state(losses[name])
        return losses["loss"]

    def compile_for(self, optimiser: keras.optimizers.Optimizer) -> "Trainer":
        """Compiled with an optimiser; XLA where it is the backend's own way."""
        # measured: jit_compile makes TensorFlow's step on a CPU four times slower
        self.compile(optimiser, jit_compile=keras.backend.backend() == "jax")
        # measured: TensorFlow would trace the first step twice, 16 s instead of 7 s
        self.optimizer.build(self.trainable_variables)
        return self


def train_epoch(
    trainer: Trainer, batches: Iterable, on_step: Callable[[dict], None]
) -> dict:
    """Means over an epoch of the parts of the loss; `on_step` gets those of each step.

    `batches` gives images, truth. Raises FloatingPointError with the step and the parts
    of the loss where it is not finite.
    """
    sums = dict.fromkeys(PARTS, 0.0)
    steps = 0
    for images, truth in batches:
        parts = trainer.train_on_batch(images, truth, return_dict=True)
        parts = {name: float(parts[name]) for name in PARTS}
        steps += 1
        if not math.isfinite(parts["loss"]):
            raise FloatingPointError(f"step {steps}: the loss is not finite: {parts}")
        for name in PARTS:
            sums[name] += parts[name]
        on_step(parts)
    return {name: total / max(steps, 1) for name, total in sums.items()}


def validate(
    model: keras.Model, layout: str, batches: Batches
) -> tuple[list[np.ndarray], dict]:
    """Detections (K, 6) of each picture, in order, and the loss's parts over all.

    The parts are those that one batch of all pictures would have, whatever the batch
    size: each batch counts by its positives, `acc` by its scored priors.

    `model` gives predictions and detections (models.detector.with_detections);
    `batches` all pictures once (data.Batches, not augmented).
    """
    priors = make_priors(layout)
    loss = compiled(multibox_loss)
    detections: list[np.ndarray] = []
    sums, counts = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)
    for step, (images, truth) in enumerate(batches.epoch(0)):
        predictions, found = model.predict_on_batch(images)
        count = batches.count(step)  # the last batch is padded
        parts = loss(predictions[:count], truth[:count], priors)
        for name in PARTS:
            counted = "num_scored" if name == "acc" else "num_positives"
            sums[name] += float(parts[name]) * float(parts[counted])
            counts[name] += float(parts[counted])
        detections += list(found[:count])
    return detections, {name: sums[name] / counts[name] for name in PARTS}


@cache
def compiled(function: Callable) -> Callable:
    """The function as one graph of the current backend (PyTorch: as it is).

    Kept for the life of the process, so that it is traced once for each shape.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function
