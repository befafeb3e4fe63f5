"""What tests of boxes share: random ones, their IoU in Python, how many examples."""

import os

import keras
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

# JAX compiles again for each shape; benchmarks/mutation.py runs them for each mutant
FEW = keras.backend.backend() == "jax" or "MUTANT_UNDER_TEST" in os.environ
EXAMPLES = 10 if FEW else 40
relaxed = settings(deadline=None, max_examples=EXAMPLES)
seeds = st.integers(0, 2**32 - 1)


def numpy(*arrays):
    found = [np.asarray(ops.convert_to_numpy(array)) for array in arrays]
    return found[0] if len(found) == 1 else found


def random_boxes(rng, count, least=0.02):
    """Corners (count, 4) in 0..1, sides from `least` on, mostly not square."""
    sides = rng.uniform(least, 0.7, (count, 2))
    low = rng.uniform(0, 1, (count, 2)) * (1 - sides)
    return np.concatenate([low, low + sides], axis=1).astype("float32")


def slow_iou(a, b):
    """IoU of two boxes in Python's own arithmetic."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = map(float, a[:4]), map(float, b[:4])
    width = min(ax1, bx1) - max(ax0, bx0)
    height = min(ay1, by1) - max(ay0, by0)
    overlap = max(width, 0.0) * max(height, 0.0)
    union = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - overlap
    return overlap / union if union > 0 else 0.0
