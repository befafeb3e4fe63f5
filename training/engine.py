"""One training step, one epoch, whatever trains."""

import math
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from base.compiled import compiled
from models.losses import PARTS, loss_of, normaliser_of
from ssd_utils import Tensor, make_priors
from training.hardware import batch_normalization, filter_gradient, silu_gradient
from training.hardware.replicas import Replicas
from training.recovery.non_finite import MAX_IN_A_ROW, are_finite, in_words
from training.schedule import Schedule
from training.variables import assign, copies


class Trainer(keras.Model):
    """A detector with its loss: `step(images, truth, rate)` is one update.

    `detector` maps images (B, 300, 300, 3) to raw predictions; `layout` names its
    priors. An update goes through its batch in `accumulate` parts of equal size, which
    takes the memory of one. `replicas` are the devices that share the work. `options`
    go to the layout's loss (models.losses). Works on every Keras backend, mixed
    precision included.

    A step that leaves something not finite is a FloatingPointError. With
    `skip_non_finite` it is undone and counted in `skipped`, up to ten in a row.
    """

    def __init__(
        self,
        detector: keras.Model,
        layout: str,
        accumulate: int = 1,
        replicas: Replicas | None = None,
        skip_non_finite: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        self.detector = detector
        self.layout, self.priors = layout, make_priors(layout)
        self.accumulate, self.options = accumulate, options
        self.replicas = replicas or Replicas()
        self.skip_non_finite = skip_non_finite
        self.skipped = self._skipped_in_a_row = 0
        # a batch is divided among them, one after another and side by side
        self.shares = accumulate * self.replicas.count
        self.trackers = {name: keras.metrics.Mean(name=name) for name in PARTS[1:]}
        # what the sums of a share of a batch are divided by
        self.normaliser = self.add_weight(name="normaliser", trainable=False)

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
        losses = self.parts(y_pred, y, x)
        for name, tracker in self.trackers.items():
            tracker.update_state(losses[name])
        return losses["loss"]

    def parts(
        self, predictions: Tensor, truth: Tensor, images: Tensor
    ) -> dict[str, Tensor]:
        """The loss of a batch, or of a share of one, and its parts by name."""
        normaliser = None if self.shares == 1 else self.normaliser.value
        losses = loss_of(self.layout)(
            predictions, truth, self.priors, normaliser=normaliser, **self.options
        )
        return {name: losses[name] for name in PARTS}

    def compile_for(self, optimiser: keras.optimizers.Optimizer) -> "Trainer":
        """Compiled with an optimiser; XLA where it is the backend's own way."""
        for part in (filter_gradient, silu_gradient, batch_normalization):
            part.speed_up(self.detector)
        # measured: jit_compile makes TensorFlow's step on a CPU four times slower
        self.compile(optimiser, jit_compile=keras.backend.backend() == "jax")
        self.update = self.replicas.step(self)
        return self

    def step(self, images: np.ndarray, truth: np.ndarray, rate: float) -> dict | None:
        """Update the weights once; the batch's parts of the loss, floats by name.

        `acc` is the mean of that of the shares it went through in. None where the step
        was undone.

        `images` (B, 300, 300, 3), `truth` (B, M, 5), of several workers this one's
        share; `rate` is the learning rate.
        """
        variables = self.detector.variables + self.optimizer.variables
        kept = copies(variables) if self.skip_non_finite else None
        self.optimizer.learning_rate = rate
        parts = self._update_by_parts(images, truth)
        if math.isfinite(parts["loss"]) and are_finite(self.detector.weights):
            self._skipped_in_a_row = 0
            return parts
        if kept is not None:
            assign(variables, kept)
        self._skipped_in_a_row += 1
        if not self.skip_non_finite or self._skipped_in_a_row > MAX_IN_A_ROW:
            raise FloatingPointError(in_words(parts, rate, self._skipped_in_a_row))
        self.skipped += 1
        return None

    def _update_by_parts(self, images: np.ndarray, truth: np.ndarray) -> dict:
        if self.shares > 1:
            # the loss of the whole batch is divided by all its positives; the
            # optimiser takes the mean over the shares
            count = compiled(normaliser_of(self.layout))
            positives = float(count(truth.astype("float32"), self.priors))
            total = self.replicas.sum_over_workers(positives)
            self.normaliser.assign(max(total, 1.0) / self.shares)
        sums = dict.fromkeys(PARTS, 0.0)
        size = len(images) // self.accumulate
        for at in range(0, len(images), size):
            part = slice(at, at + size)
            parts = self.update(images[part], truth[part])
            for name in PARTS:
                sums[name] += float(parts[name]) / self.accumulate
        return sums


@dataclass
class EpochTotals:
    """Sums of the loss's parts over the steps of an epoch that were made.

    `steps` were made, `skipped` of them gave nothing to add.
    """

    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    steps: int = 0
    skipped: int = 0

    def add(self, parts: dict | None) -> None:
        """A step's parts of the loss, None for one that was skipped."""
        self.steps += 1
        self.skipped += parts is None
        for name in PARTS if parts else ():
            self.sums[name] += parts[name]

    def means(self) -> dict:
        """Of each part; 0 where nothing was added."""
        added = max(self.steps - self.skipped, 1)
        return {name: total / added for name, total in self.sums.items()}


def train_epoch(
    trainer: Trainer,
    batches: Iterable,
    schedule: Schedule,
    on_step: Callable[[dict | None], None],
    totals: EpochTotals | None = None,
) -> dict:
    """Means over an epoch of the parts of the loss, images per second, waiting.

    `on_step` gets the parts of each step, None for one that was undone. `batches` gives
    images, truth; the epoch ends with them or with the schedule. `totals` are the part
    of the epoch before `batches` begin; they are kept up to date. `waiting` is the
    share of the time that the batches took.
    """
    totals = totals or EpochTotals()
    num_images, waited, started = 0, 0.0, time.perf_counter()
    batches = iter(batches)
    while True:
        begun = time.perf_counter()
        batch = next(batches, None)
        waited += time.perf_counter() - begun
        if batch is None:
            break
        parts = trainer.step(*batch, schedule.rate())
        num_images += len(batch[0])
        schedule.step += 1
        totals.add(parts)
        on_step(parts)
        if schedule.progress >= 1:
            break
    seconds = max(time.perf_counter() - started, sys.float_info.min)
    return {
        **totals.means(),
        "images_per_second": num_images * trainer.replicas.workers / seconds,
        "waiting": waited / seconds,
    }
