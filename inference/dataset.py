"""A whole data set through a network, for scoring."""

from collections.abc import Sequence

import numpy as np

from data import Batches, Sample
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


def decoded(
    batches: Batches, detections: Sequence[np.ndarray]
) -> tuple[list[Sample], list[np.ndarray]]:
    """Without the images that could not be decoded: they are reported, not scored."""
    pairs = zip(batches.dataset.samples, detections, strict=True)
    scored = [pair for pair in pairs if pair[0].path not in batches.broken]
    return [sample for sample, _ in scored], [found for _, found in scored]
