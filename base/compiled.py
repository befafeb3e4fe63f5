"""A function as one graph of the Keras backend, and which backend it is."""

from collections.abc import Callable
from functools import cache

import keras


@cache
def compiled(function: Callable, jit_compile: bool = False) -> Callable:
    """The function as a graph of the current backend (PyTorch: as it is).

    Kept for the life of the process, so that it is traced once for each shape.
    jit_compile: by XLA where TensorFlow works on a processor. For steps that go through
    large arrays again and again, such as matching: XLA does not write them to memory.
    On a GPU it would need parts of the CUDA toolkit that a plain installation lacks.
    """
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    by_xla = jit_compile and is_tensorflow_on_processor()
    return tf.function(function, jit_compile=by_xla, autograph=False)


def is_tensorflow_on_processor() -> bool:
    """Whether TensorFlow computes, and without a GPU."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")
