"""A split's figures of a model, as often as a training asks for them."""

from collections.abc import Sequence

import keras
import numpy as np

from data import Batches, Dataset
from evaluation import best_threshold, evaluate_voc, mean_ap
from models import Architecture
from models.detector import with_detections
from training.engine import validate

# ours: pictures from which on their sameness tells something, the share of them, and
# how far apart corners in 0..1 may lie to be the same
SAME_FROM, SAME_SHARE, SAME_PLACE = 8, 0.9, 0.02


class Validation:
    """A split's figures of a model, as often as it is called.

    Each call leaves the `pictures` that could be decoded, their `detections` (K, 6) and
    the `curves` of all classes.
    """

    def __init__(
        self,
        model: keras.Model,
        architecture: Architecture,
        dataset: Dataset,
        batch_size: int,
    ) -> None:
        self.layout = architecture.layout
        self.dataset = dataset
        self.predictor = with_detections(model, self.layout)
        self.batches = Batches(dataset, batch_size, augmented=False)

    def __call__(self) -> tuple[dict, float, float]:
        """Figures (`val_loss` and its parts, `val_acc`, `mAP50`), threshold, F1."""
        detections, means = validate(self.predictor, self.layout, self.batches)
        # a picture that could not be decoded is reported, not scored
        scored = [
            (picture, found)
            for picture, found in zip(self.dataset.pictures, detections, strict=True)
            if picture.path not in self.batches.broken
        ]
        self.pictures = [picture for picture, _ in scored]
        self.detections = [found for _, found in scored]
        self.curves = evaluate_voc(
            self.detections,
            [picture.truth for picture in self.pictures],
            [picture.difficult for picture in self.pictures],
            self.dataset.class_names,
        )
        figures = {f"val_{name}": value for name, value in means.items()}
        mean = np.nan_to_num(mean_ap(self.curves)["mAP50"])
        return {**figures, "mAP50": float(mean)}, *best_threshold(self.curves)


def looks_at_nothing(
    detections: Sequence[np.ndarray], truths: Sequence[np.ndarray]
) -> bool:
    """Whether nearly all pictures have the same best box though their objects differ.

    One array per picture: `detections` (K, 6), `truths` (M, 5), as in evaluation.

    A network whose features no longer depend on the picture, after a much too high
    rate, finds the one box that fits most pictures: among large objects in the middle
    it scores far above 0 with it (benchmarks/floor.py).
    """
    best = [r[r[:, 1].argmax(), [2, 3, 4, 5, 0]] for r in detections if r[:, 0].any()]
    first = [rows[0] for rows in truths if len(rows)]
    return _are_alike(best, len(detections)) and not _are_alike(first, len(truths))


def _are_alike(boxes: Sequence[np.ndarray], num_pictures: int) -> bool:
    """Whether nearly all pictures have one of the boxes (5,), corners and class."""
    if len(boxes) < SAME_FROM:
        return False
    away = np.abs(np.stack(boxes) - np.median(boxes, axis=0))  # (N, 5)
    same = (away[:, :4] <= SAME_PLACE).all(axis=1) & (away[:, 4] == 0)
    return bool(same.sum() >= SAME_SHARE * num_pictures)
