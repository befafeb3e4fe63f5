"""From a model of raw predictions to one of detections, and to one that is at hand."""

from typing import Any

import keras

import ssd_utils
from ssd_utils import Tensor


class DetectionLayer(keras.Layer):
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
    detect = DetectionLayer(layout, score_threshold, top_k, name="detections")
    return keras.Model(model.input, [model.output, detect(model.output)])
