"""Keras without the greeting of its backend."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


def import_keras() -> ModuleType:
    """Keras with its backend, without the backend's greeting.

    TensorFlow's C++ writes some lines about CUDA before any setting can stop it; a GPU
    that is not used is reported by training.devices.unused_gpu in words.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # measured on an EPYC 7003 (AVX2 only), where TensorFlow leaves oneDNN out: a step
    # takes 105 ms a picture with it, 164 without; docs/training.md
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with _native_messages_hidden():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow

            tensorflow.config.list_physical_devices("GPU")
    return keras


@contextmanager
def _native_messages_hidden() -> Iterator[None]:
    """What C++ writes to standard error goes nowhere; exceptions still rise."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
