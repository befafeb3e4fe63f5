"""A whole data set through a network, for scoring."""

import numpy as np

from data import Batches, Sample
from inference.detector import InferenceModel


def detect_all(
    network: InferenceModel, batches: Batches
) -> tuple[list[Sample], list[np.ndarray]]:
    """The images that can be decoded, and the detections (K, 6) of each.

    `batches` are those of evaluation: all images in their order. What can't be
    decoded is in `batches.broken` afterwards.
    """
    detections: list[np.ndarray] = []
    for step, (images, _) in enumerate(batches.epoch(0)):
        detections += list(network(images)[: batches.count(step)])
    scored = [
        (sample, found)
        for sample, found in zip(batches.dataset.samples, detections, strict=True)
        if sample.path not in batches.broken
    ]
    return [sample for sample, _ in scored], [found for _, found in scored]
