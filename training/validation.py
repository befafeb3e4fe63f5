"""A split's figures of a model, as often as a training asks for them."""

from collections.abc import Sequence

import keras
import numpy as np

from data import Batches, Dataset
from evaluation import best_threshold, evaluate_voc, mean_ap
from models import Architecture
from models.detector import with_detections
from ssd_utils import iou
from training.engine import validate

# ours: pictures from which on their sameness tells something, the share of them, how
# far apart corners in 0..1 may lie to be the same, and the IoU from which on a box is
# right
SAME_FROM, SAME_SHARE, SAME_PLACE, RIGHT_IOU = 8, 0.9, 0.02, 0.5


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
    """Whether SAME_SHARE of the pictures have the same best box, but fewer a right one.

    One array per picture: `detections` (K, 6), `truths` (M, 5), as in evaluation. Only
    pictures with objects count.

    A network whose features no longer depend on the picture, after a much too high
    rate, finds the one box that fits most pictures: among large objects in the middle
    it scores far above 0 with it (benchmarks/floor.py). Where the box is right nearly
    always, as under a fixed camera, that is no fault.
    """
    pairs = zip(detections, truths, strict=True)
    judged = [(found, truth) for found, truth in pairs if len(truth)]
    found = [(rows[rows[:, 1].argmax()], t) for rows, t in judged if rows[:, 0].any()]
    if len(found) < SAME_FROM:
        return False
    best = np.stack([row for row, _ in found])  # (N, 6)
    away = np.abs(best - np.median(best, axis=0))
    same = (away[:, 2:] <= SAME_PLACE).all(axis=1) & (away[:, 0] == 0)
    if same.sum() < SAME_SHARE * len(judged):
        return False
    right = sum(_is_right(row, truth) for row, truth in found)
    return right < SAME_SHARE * len(judged)


def _is_right(row: np.ndarray, truth: np.ndarray) -> bool:
    """Whether a detection (6,) lies on one of the objects (M, 5) of its class."""
    others = truth[truth[:, 4] == row[0], :4].astype("float32")
    overlap = iou(row[None, 2:].astype("float32"), others)
    return bool((keras.ops.convert_to_numpy(overlap) >= RIGHT_IOU).any())
