"""An exported file as a network: images in, detections out."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from data import Batches
from models.weights.metadata import ModelMetadata

# uint8 (B, 300, 300, 3) -> boxes (B, K, 4), scores, classes (B, K), count (B,)
Run: TypeAlias = Callable[[np.ndarray], Mapping[str, np.ndarray]]
XY_OF_YX = [1, 0, 3, 2]  # ymin, xmin, ymax, xmax -> xmin, ymin, xmax, ymax


class ExportedModel:
    """An exported file in its runtime, called like a KerasModel."""

    def __init__(
        self, metadata: ModelMetadata, run: Run, threshold: float, top_k: int
    ) -> None:
        self.metadata, self.class_names = metadata, metadata.class_names
        self.threshold = threshold
        self._run, self._top_k = run, top_k

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Detections (B, K, 6) of uint8 RGB images (B, 300, 300, 3).

        Class from 1, score, corners in 0..1; rows of zeros pad the end.
        """
        outputs = self._run(np.ascontiguousarray(images))
        boxes = outputs["boxes"]
        if self.metadata.output_format == "frigate":
            boxes = boxes[..., XY_OF_YX]
        scores = outputs["scores"][..., None]  # (B, K, 1)
        class_ids = outputs["classes"][..., None].astype(np.float32) + 1
        rows = np.concatenate([class_ids, scores, boxes], axis=-1)  # (B, K, 6)
        counts = np.reshape(outputs["count"], (-1, 1))  # (B, 1)
        is_found = np.arange(rows.shape[1]) < counts  # (B, K)
        is_shown = is_found[..., None] & (scores >= self.threshold)
        return np.where(is_shown, rows, np.float32(0))[:, : self._top_k]

    def validate(self, batches: Batches) -> tuple[list[np.ndarray], dict[str, float]]:
        """Detections (K, 6) of each image, in order; no losses are known."""
        detections: list[np.ndarray] = []
        for step, (images, _) in enumerate(batches.epoch(0)):
            detections += list(self(images)[: batches.count(step)])
        return detections, {}
