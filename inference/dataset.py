"""A whole data set through a network, for scoring."""

import numpy as np

from data import Batches, Picture
from inference.detector import InferenceModel


def detect_all(
    network: InferenceModel, batches: Batches
) -> tuple[list[Picture], list[np.ndarray]]:
    """The pictures that can be decoded, and the detections (K, 6) of each.

    `batches` are those of evaluation: all pictures in their order. What can't be
    decoded is in `batches.broken` afterwards.
    """
    detections: list[np.ndarray] = []
    for step, (images, _) in enumerate(batches.epoch(0)):
        detections += list(network(images)[: batches.count(step)])
    scored = [
        (picture, found)
        for picture, found in zip(batches.dataset.pictures, detections, strict=True)
        if picture.path not in batches.broken
    ]
    return [picture for picture, _ in scored], [found for _, found in scored]
