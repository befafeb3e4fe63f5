"""The detector that the tests of weights files save and load."""

import keras
import numpy as np

from models import Architecture

ARCHITECTURE = Architecture("squeezenet", 3)
IMAGE = np.random.default_rng(0).integers(0, 255, (1, 300, 300, 3), dtype="uint8")


def infer(model):
    """Raw predictions of one image."""
    return keras.ops.convert_to_numpy(model(IMAGE, training=False))
