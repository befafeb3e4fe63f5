"""An exponential moving average of a model's weights, statistics included."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras import ops

from base.compiled import compiled
from ssd_utils import Tensor
from training.variables import assign, copies

DECAY = 0.99  # ours: remembers some hundred steps; docs/results/options.md
RAMP = 10  # as tf.train.ExponentialMovingAverage: (1 + steps) / (10 + steps) at first


class WeightEMA:
    """Polyak & Juditsky, 1992; `update` after each step, `applied` to score and save.

    Holds one more copy of the weights in memory.
    """

    def __init__(self, model: keras.Model) -> None:
        self.weights = model.weights
        self.steps = 0
        self.values = copies(self.weights)

    def update(self) -> None:
        """The weights of the step that was just made join the average."""
        self.steps += 1
        decay = min(DECAY, (1 + self.steps) / (RAMP + self.steps))
        now = [weight.value for weight in self.weights]
        self.values = compiled(_blend)(self.values, now, ops.convert_to_tensor(decay))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the average's weights inside, its own again afterwards."""
        kept = copies(self.weights)
        try:
            # JAX takes the weights' memory for what it computes from them
            assign(self.weights, [ops.copy(value) for value in self.values])
            yield
        finally:
            assign(self.weights, kept)


def _blend(old: list[Tensor], new: list[Tensor], decay: Tensor) -> list[Tensor]:
    return [
        a + ops.cast(1 - decay, a.dtype) * (b - a)  # what is frozen stays, bit for bit
        for a, b in zip(old, new, strict=True)
    ]
