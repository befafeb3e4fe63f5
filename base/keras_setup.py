"""Keras, TensorFlow and other native libraries without their greetings."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


def import_keras() -> ModuleType:
    """Keras with its backend, without the backend's greeting.

    TensorFlow's C++ writes some lines about CUDA before any setting can stop it; a GPU
    that is not used is reported by training.hardware.devices.unused_gpu in words.
    """
    _set_up_tensorflow()
    with native_messages_hidden(), _gc_disabled():
        import keras

    if keras.backend.backend() == "tensorflow":
        import_tensorflow()
    return keras


def import_tensorflow() -> ModuleType:
    """TensorFlow as Keras has it here: as quiet and as fast."""
    _set_up_tensorflow()
    with native_messages_hidden(), _gc_disabled():
        import tensorflow

        tensorflow.config.list_physical_devices("GPU")
    return tensorflow


def _set_up_tensorflow() -> None:
    """What its C++ reads once, when it is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # with AVX2 only (EPYC 7003) TensorFlow leaves oneDNN out; measured: a step takes
    # 164 ms an image without it, 105 with
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def keep_weights_in_order() -> None:
    """For a process that only detects: weights stay in the order that kernels want.

    TensorFlow asks once, at the first convolution; a training in the same process would
    go on with the weights it had then. measured: one image takes 370 ms in place of
    610 with vgg16, 30 in place of 44 with squeezenet, light; docs/performance.md.
    """
    os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")


@contextmanager
def precision_kept() -> Iterator[None]:
    """Keras' dtype policy is afterwards what it was, for what the process does next."""
    import keras

    policy = keras.config.dtype_policy()
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


@contextmanager
def _gc_disabled() -> Iterator[None]:
    """No garbage collection while modules are imported.

    What TensorFlow makes lives as long as the process, and a collection goes through
    all of it. measured: with none at the end either (base.command_line), python -c
    "import tensorflow" takes 1.8 s in place of 2.5.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def native_messages_hidden() -> Iterator[None]:
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
