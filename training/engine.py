"""One training step, one epoch, one validation, whatever trains."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from base.compiled import compiled
from data import Batches
from models.losses import loss_of, normaliser_of
from ssd_utils import Tensor, make_priors
from training.hardware.filter_gradient import speed_up
from training.hardware.replicas import Replicas
from training.schedule import Schedule

# what models.losses give for a person to look at
PARTS = ("loss", "box_loss", "class_loss", "acc")


class Trainer(keras.Model):
    """A detector with its loss: `step(images, truth, rate)` is one update.

    `detector` maps images (B, 300, 300, 3) to raw predictions; `layout` names its
    priors. An update goes through its batch in `accumulate` parts of equal size, which
    takes the memory of one. `replicas` are the devices that share the work. `options`
    go to the layout's loss (models.losses). Works on every Keras backend, mixed
    precision included.
    """

    def __init__(
        self,
        detector: keras.Model,
        layout: str,
        accumulate: int = 1,
        replicas: Replicas | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.detector = detector
        self.layout, self.priors = layout, make_priors(layout)
        self.accumulate, self.options = accumulate, options
        self.replicas = replicas or Replicas()
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
        losses = self.parts(y_pred, y)
        for name, tracker in self.trackers.items():
            tracker.update_state(losses[name])
        return losses["loss"]

    def parts(self, predictions: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """The loss of a batch, or of a share of one, and its parts by name."""
        normaliser = None if self.shares == 1 else self.normaliser.value
        losses = loss_of(self.layout)(
            predictions, truth, self.priors, normaliser=normaliser, **self.options
        )
        return {name: losses[name] for name in PARTS}

    def compile_for(self, optimiser: keras.optimizers.Optimizer) -> "Trainer":
        """Compiled with an optimiser; XLA where it is the backend's own way."""
        speed_up(self.detector)
        # measured: jit_compile makes TensorFlow's step on a CPU four times slower
        self.compile(optimiser, jit_compile=keras.backend.backend() == "jax")
        self.update = self.replicas.step(self)
        return self

    def step(self, images: np.ndarray, truth: np.ndarray, rate: float) -> dict:
        """Update the weights once; the batch's parts of the loss, floats by name.

        `acc` is the mean of that of the shares it went through in.

        `images` (B, 300, 300, 3), `truth` (B, M, 5), of several workers this one's
        share; `rate` is the learning rate.
        """
        self.optimizer.learning_rate = rate
        if self.shares > 1:
            # the loss of the whole batch is divided by all its positives; the
            # optimiser takes the mean over the shares
            count = compiled(normaliser_of(self.layout))
            positives = float(count(truth.astype("float32"), self.priors))
            total = self.replicas.total(positives)
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
    step: Callable[[np.ndarray, np.ndarray, float], dict | None],
    batches: Iterable,
    schedule: Schedule,
    on_step: Callable[[dict | None], None],
    epoch_totals: EpochTotals | None = None,
) -> dict:
    """Means over an epoch of the parts of the loss; `on_step` gets those of each step.

    `step(images, truth, rate)` trains
    (training.recovery.non_finite.NonFiniteGuard.step) and gives the parts of the loss,
    None where it skipped the batch. `batches` gives images, truth; the epoch ends with
    them or with the schedule. `so_far` is the part of the epoch before `batches`
    begin; it is kept up to date.
    """
    epoch_totals = epoch_totals or EpochTotals()
    for images, truth in batches:
        parts = step(images, truth, schedule.rate())
        schedule.step += 1
        epoch_totals.add(parts)
        on_step(parts)
        if schedule.progress >= 1:
            break
    return epoch_totals.means()


def validate(
    model: keras.Model, layout: str, batches: Batches
) -> tuple[list[np.ndarray], dict]:
    """Detections (K, 6) of each image, in order, and the loss's parts over all.

    The parts are those that one batch of all images would have, whatever the batch
    size: each batch counts by its positives (at least 1), `acc` by its scored priors.
    The loss is the default one whatever the training's options, so runs compare.

    `model` gives predictions and detections (models.detection_layer.with_detections);
    `batches` all images once (data.Batches, not augmented).
    """
    priors = make_priors(layout)
    loss = compiled(loss_of(layout))
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
