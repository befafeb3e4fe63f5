"""A detector's weights file in Keras: one more runtime."""

from pathlib import Path

import numpy as np

import ssd_utils
from models import weights
from models.detection_layer import with_detections


class KerasModel:
    """A weights file, ready: images in, detections out; normalisation folded.

    `class_names` leaves the background out; `threshold` is the score with the best F1
    on the validation split, or the one that was asked for. `metadata` is the file's;
    `plain` the folded network, whose architecture is `metadata.architecture.plain()`.
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
        self.plain = weights.fold_batchnorm(model, architecture)
        layout = architecture.layout
        self._model = with_detections(self.plain, layout, self.threshold, top_k)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Detections (B, K, 6) of uint8 RGB images (B, 300, 300, 3)."""
        return np.asarray(self._model.predict_on_batch(images)[1])
