"""Images that tell int8 how large the numbers of each map become."""

import numpy as np

from base.constants import IMAGE_SIZE
from data import Batches, Dataset

NUM_IMAGES = 128  # ours; measured: docs/deploy.md, "int8"


def images(dataset: Dataset | None) -> np.ndarray:
    """uint8 (N, 300, 300, 3): evenly spread over a training split; N = 0 for None.

    As they are, not augmented: what the detector will see. UserError where none can
    be decoded.
    """
    if dataset is None:
        return np.zeros((0, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    batches = Batches(dataset, 1, augmented=False)
    number = min(NUM_IMAGES, len(dataset))
    steps = np.linspace(0, len(dataset) - 1, number).round().astype(int)
    images = np.concatenate([batches.batch(0, int(step))[0] for step in steps])
    is_broken = [dataset.samples[step].path in batches.broken for step in steps]
    return images[~np.array(is_broken)]
