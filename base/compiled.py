"""A function as one kernel, where that is faster."""

from collections.abc import Callable
from functools import cache

import keras


@cache
def fused(function: Callable) -> Callable:
    """The function, compiled by XLA where TensorFlow works on a processor.

    For steps that go through large arrays again and again, such as matching: XLA does
    not write them to memory. On a GPU it would need parts of the CUDA toolkit that a
    plain installation lacks. JAX compiles a step as a whole; PyTorch runs it as it is.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return function
    return tf.function(function, jit_compile=True, autograph=False)
