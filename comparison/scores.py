"""What a network's detections on a split are worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data import Sample
from evaluation import Matched, curves_of, match_detections, mean_ap
from inference.dataset import coco_figures


@dataclass(frozen=True)
class Detected:
    """What a network found: `detections` (K, 6) for each of the images of a split.

    `threshold` is its score of best F1, `val_acc` the share of scored priors whose
    class is right.
    """

    detections: list[np.ndarray]
    val_acc: float
    threshold: float


@dataclass(frozen=True)
class Score:
    """Its figures: `mAP50`, COCO's `AP`, and `per_class` mAP50 and AP by class name."""

    detected: Detected
    matched: Matched
    mAP50: float
    AP: float
    per_class: dict[str, dict[str, float]]


def score(
    detected: Detected, samples: Sequence[Sample], class_names: Sequence[str]
) -> Score:
    """The figures of a network's detections on `samples`."""
    truths = [sample.truth for sample in samples]
    difficult = [sample.difficult for sample in samples]
    found = detected.detections
    matched = match_detections(found, truths, difficult, len(class_names) + 1)
    curves = curves_of(matched, class_names)
    coco = coco_figures(samples, found, class_names)
    aps = coco["per_class"]
    per_class = {
        c.class_name: {"mAP50": c.ap_area, "AP": aps[c.class_name]["AP"]}
        for c in curves
    }
    return Score(detected, matched, mean_ap(curves)["mAP50"], coco["AP"], per_class)
