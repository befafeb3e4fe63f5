"""From a model of raw predictions to one of detections, and to one that is at hand."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

import ssd_utils
from models import weights
from ssd_utils import Tensor


class Detect(keras.Layer):
    """Detections (B, K, 6) from raw predictions (B, P, 4 + C); see ssd_utils.detect."""

    def __init__(
        self, layout: str, score_threshold: float, top_k: int, **kwargs: Any
    ) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.priors = ssd_utils.make_priors(layout)
        self.score_threshold = score_threshold
        self.top_k = top_k

    def call(self, predictions: Tensor) -> Tensor:
        return ssd_utils.detect(
            predictions, self.priors, self.score_threshold, self.top_k
        )


def with_detections(
    model: keras.Model,
    layout: str,
    score_threshold: float = ssd_utils.MIN_SCORE,
    top_k: int = ssd_utils.TOP_K,
) -> keras.Model:
    """The model with a second output: images -> predictions, detections (B, K, 6).

    The default threshold is the one for scoring.
    """
    detect = Detect(layout, score_threshold, top_k, name="detections")
    return keras.Model(model.input, [model.output, detect(model.output)])


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
