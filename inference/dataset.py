"""A whole data set through a network, for scoring."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from data import Batches, Sample
from evaluation import ClassCurve, evaluate_coco, evaluate_voc
from inference.detector import InferenceModel


def evaluate_detector(
    network: InferenceModel, batches: Batches
) -> tuple[list[Sample], list[np.ndarray], dict[str, float]]:
    """The samples that can be decoded, the detections (K, 6) in each, losses.

    `batches` are those of evaluation: all images in their order. What can't be
    decoded is in `batches.broken` afterwards. The losses are `val_acc` and `val_loss`,
    none of an exported file.
    """
    detections, losses = network.validate(batches)
    return *decoded(batches, detections), losses


def voc_curves(
    samples: Sequence[Sample], detections: Sequence[np.ndarray], names: Sequence[str]
) -> list[ClassCurve]:
    """evaluate_voc of detections (K, 6) in samples, of classes by these names."""
    truths = [sample.truth for sample in samples]
    difficult = [sample.difficult for sample in samples]
    return evaluate_voc(detections, truths, difficult, names)


def coco_figures(
    samples: Sequence[Sample], detections: Sequence[np.ndarray], names: Sequence[str]
) -> dict[str, Any]:
    """The same by evaluate_coco."""
    truths = [sample.truth for sample in samples]
    difficult = [sample.difficult for sample in samples]
    sizes_wh = [sample.size_wh for sample in samples]
    areas_px = [sample.areas_px for sample in samples]
    return evaluate_coco(detections, truths, difficult, sizes_wh, names, areas_px)


def decoded(
    batches: Batches, detections: Sequence[np.ndarray]
) -> tuple[list[Sample], list[np.ndarray]]:
    """Without the images that could not be decoded: they are reported, not scored."""
    pairs = zip(batches.dataset.samples, detections, strict=True)
    scored = [pair for pair in pairs if pair[0].path not in batches.broken]
    return [sample for sample, _ in scored], [found for _, found in scored]
