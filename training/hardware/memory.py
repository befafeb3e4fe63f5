"""What a training costs before it is begun: seconds and memory of a step."""

import math
import sys
import time
from collections.abc import Iterator
from itertools import dropwhile
from typing import Any

import keras
import numpy as np

from models import Architecture, build
from models.weights import initialise
from training.engine import Trainer
from training.hardware.devices import Device
from training.optimiser import make_optimiser

OBJECTS = 8  # ours: boxes in each of the made-up pictures

# what a step needs: of itself; for each byte of weights (they, the gradient, AdamW's
# two moments, what else a step copies); for each byte that the trained part puts out.
# Ours: above every row of the two tables of docs/experiments.md
STEP_BYTES, PER_WEIGHT, PER_OUTPUT = 2**29, 6, 2


def untrained(architecture: Architecture, is_frozen: bool) -> keras.Model:
    """A detector from nothing; its dtype policy is the one that is set."""
    model = build(architecture)
    if is_frozen:
        initialise.freeze(model)
    return model


def step_seconds(model: keras.Model, layout: str, batch_size: int, steps: int) -> float:
    """Seconds of the fastest of `steps` training steps on noise; the first is traced.

    layout: that of the model's priors.
    """
    optimiser = make_optimiser("adamw", model.trainable_variables)
    trainer = Trainer(model, layout).compile_for(optimiser)
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


def largest_batch(model: keras.Model, device: Device) -> int:
    """How many pictures a step is expected to have room for, with nothing beside it.

    0 where there is too little for a single one.
    """
    if not device.memory_gib:  # the system does not tell
        return sys.maxsize
    fixed = step_bytes(model, 0)
    each = step_bytes(model, 1) - fixed
    return max(int((device.memory_gib * 2**30 - fixed) / each), 0)


def step_bytes(model: keras.Model, batch_size: int) -> float:
    """What a training step is expected to take of the memory.

    What comes before the first trained layer is not kept for the gradient.
    """
    operations = list(_operations(model))
    kept = list(
        dropwhile(lambda one: not getattr(one, "trainable_weights", ()), operations)
    )
    outputs = PER_OUTPUT * sum(map(_output_bytes, kept))
    if keras.backend.backend() == "torch":
        # without a graph Keras holds all outputs until the last one is there
        frozen = operations[: len(operations) - len(kept)]
        outputs += sum(map(_output_bytes, frozen))
    weights = sum(_bytes(weight) for weight in model.weights)
    return STEP_BYTES + PER_WEIGHT * weights + outputs * batch_size


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


def _operations(model: keras.Model) -> Iterator[keras.Operation]:
    """Layers and sums in the order in which they compute; of models inside it too."""
    for one in getattr(model, "operations", model.layers):  # a Sequential has no sums
        yield from _operations(one) if isinstance(one, keras.Model) else [one]


def _output_bytes(operation: keras.Operation) -> int:
    """Of one picture."""
    return sum(_bytes(output) for output in keras.tree.flatten(operation.output))


def _bytes(tensor: Any) -> int:
    """Without the dimension of the batch, which is None."""
    is_half = "16" in keras.backend.standardize_dtype(tensor.dtype)
    return math.prod(n for n in tensor.shape if n) * (2 if is_half else 4)
