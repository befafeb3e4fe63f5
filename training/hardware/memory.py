"""How much memory a training took."""

import math
import sys

import keras

from training.hardware.devices import Device


def peak_bytes(device: Device) -> float:
    """The most that this process ever used: device memory on a GPU, else its own.

    nan where the system does not tell.
    """
    if device.capability is None:
        try:
            import resource
        except ImportError:  # Windows
            return math.nan
        unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2) of each system
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].memory_stats()["peak_bytes_in_use"]
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.max_memory_allocated()
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"]
