"""A detector's weights file in Keras."""

from pathlib import Path

import numpy as np

import ssd_utils
from models import weights
from models.detection_layer import with_detections


class Detector:
    """A weights file, ready: pictures in, detections out; normalisation folded.

    `class_names` leaves the background out; `threshold` is the score with the best F1
    on the validation split, or the one that was asked for.
    """

    def __init__(
        self,
        path: Path | str,
        threshold: float | None = None,
        top_k: int = ssd_utils.TOP_K,
    ) -> None:
        model, self.description = weights.load(path)
        self.class_names = self.description.class_names
        self.threshold = self.description.threshold if threshold is None else threshold
        architecture = self.description.architecture
        plain = weights.fold(model, architecture)
        self._model = with_detections(plain, architecture.layout, self.threshold, top_k)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Detections (B, K, 6) of uint8 RGB images (B, 300, 300, 3)."""
        return np.asarray(self._model.predict_on_batch(images)[1])
