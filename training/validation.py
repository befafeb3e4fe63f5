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


def looks_at_nothing(detections: Sequence[np.ndarray]) -> bool:
    """Whether nearly all pictures have the same best box: (K, 6) in each picture.

    A network whose features no longer depend on the picture, after a much too high
    rate, finds the one box that fits most pictures: among large objects in the middle
    it scores far above 0 with it (benchmarks/floor.py).
    """
    best = [rows[rows[:, 1].argmax()] for rows in detections if (rows[:, 0] > 0).any()]
    if len(best) < SAME_FROM:
        return False
    away = np.abs(np.stack(best) - np.median(best, axis=0))  # (N, 6)
    same = (away[:, 0] == 0) & (away[:, 2:] <= SAME_PLACE).all(axis=1)
    return bool(same.mean() >= SAME_SHARE)
