"""What a training costs before it is begun: seconds of a step, peak of the memory."""

import math
import sys
import time

import keras
import numpy as np

from models import Architecture, build, start
from training.devices import Device
from training.engine import Trainer
from training.optimiser import make_optimiser

OBJECTS = 8  # ours: boxes in each of the made-up pictures


def step_seconds(
    architecture: Architecture, is_frozen: bool, batch_size: int, steps: int
) -> float:
    """Seconds of the fastest of `steps` training steps on noise; the first is traced.

    The detector starts from nothing; the dtype policy is the one that is set.
    """
    model = build(architecture)
    if is_frozen:
        start.freeze(model)
    optimiser = make_optimiser("adamw", model.trainable_variables)
    trainer = Trainer(model, architecture.layout).compile_for(optimiser)
    shape = (batch_size, 300, 300, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    box = np.float32([0.2, 0.2, 0.6, 0.7, 1])
    truth = np.tile(box, (batch_size, OBJECTS, 1))  # (B, M, 5)
    seconds = []
    for _ in range(steps):
        started = time.perf_counter()
        trainer.step(images, truth, 1e-3)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


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
