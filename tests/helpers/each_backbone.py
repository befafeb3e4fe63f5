"""Every backbone, and images to show it."""

import numpy as np
import pytest
from keras import ops

from models import BACKBONES

NUM_CLASSES = 4
# one backbone is enough for the other Keras backends
EACH = [
    pytest.param(name, marks=pytest.mark.core if name == "squeezenet" else ())
    for name in BACKBONES
]


def random_images(count=1, seed=0):
    """Images (count, 300, 300, 3) of two bright rectangles each, and their truth."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 60, (count, 300, 300, 3), dtype="uint8")
    truth = np.zeros((count, 8, 5), "float32")
    for image, rows in zip(images, truth, strict=True):
        for row in range(2):
            x, y = rng.integers(0, 150, 2)
            width, height = rng.integers(60, 150, 2)
            image[y : y + height, x : x + width, row] += 150
            corners = np.array([x, y, x + width, y + height]) / 300
            rows[row] = [*corners, row + 1]
    return images, truth


def numpy(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


def infer(model, images, training=False):
    return numpy(model(images, training=training))
