"""A detector's weights file in Keras: one more runtime."""

from functools import cached_property
from pathlib import Path

import keras
import numpy as np

import ssd_utils
from base.compiled import compiled
from data import Batches
from models import weights
from models.detection_layer import DetectionLayer, with_detections
from models.losses import PARTS, loss_of


class KerasModel:
    """A weights file, ready: images in, detections out; normalisation folded.

    `class_names` leaves the background out; `threshold` is the score with the best F1
    on the validation split, or the one that was asked for. `metadata` is the file's;
    `folded` the network without normalisation.
    """

    def __init__(
        self,
        path: Path | str,
        threshold: float | None = None,
        top_k: int = ssd_utils.TOP_K,
    ) -> None:
        model, self.metadata = weights.load(path)
        self.class_names = self.metadata.class_names
        self.threshold = self.metadata.threshold if threshold is None else threshold
        architecture = self.metadata.architecture
        self.folded = weights.fold_batchnorm(model, architecture)
        self._settings = (architecture.layout, self.threshold, top_k)
        # with TensorFlow a graph takes longer to trace than one image layer by layer,
        # and a process may see no second one
        self._is_traced = keras.backend.backend() != "tensorflow"

    @cached_property
    def _predictor(self) -> keras.Model:
        return with_detections(self.folded, *self._settings)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Detections (B, K, 6) of uint8 RGB images (B, 300, 300, 3)."""
        if self._is_traced or len(images) > 1:
            return np.asarray(self._predictor.predict_on_batch(images)[1])
        self._is_traced = True
        detect = DetectionLayer(*self._settings)
        return np.asarray(detect(self.folded(images, training=False)))

    def validate(self, batches: Batches) -> tuple[list[np.ndarray], dict[str, float]]:
        """Detections (K, 6) of each image, in order; `val_acc` and `val_loss`."""
        layout = self.metadata.architecture.layout
        detections, means = validate(self._predictor, layout, batches)
        return detections, {f"val_{name}": means[name] for name in ("acc", "loss")}


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
    priors = ssd_utils.make_priors(layout)
    detections: list[np.ndarray] = []
    sums, counts = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)
    for step, (images, truth) in enumerate(batches.epoch(0)):
        predictions, found = model.predict_on_batch(images)
        count = batches.count(step)  # the last batch is padded
        # XLA takes a second for each shape: not for that of one batch
        loss = compiled(loss_of(layout), jit_compile=count == len(images))
        parts = loss(predictions[:count], truth[:count], priors)
        for name in PARTS:
            counted = "num_scored" if name == "acc" else "num_positives"
            sums[name] += float(parts[name]) * float(parts[counted])
            counts[name] += float(parts[counted])
        detections += list(found[:count])
    return detections, {name: sums[name] / counts[name] for name in PARTS}
