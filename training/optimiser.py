"""Optimisers: AdamW or SGD, decay on kernels only, a slower rate for some variables."""

from collections.abc import Iterable
from typing import Any

import keras

from ssd_utils import Tensor

CLIP_NORM = 10.0  # ours: a guard; trainings without it: docs/results/options.md
# scales and shifts are not decayed: He et al., "Bag of Tricks", 2018, sec. 3.1
NOT_DECAYED = ["bias", "gamma", "beta"]


class _SomeSlower:
    """An optimiser whose steps on some variables are `slower_by` as large.

    Their decay, which Keras applies apart from the steps, keeps the whole rate.
    It takes the gradients of the whole batch, wherever they were computed.
    """

    slow: frozenset[int] = frozenset()  # positions among the variables
    slower_by = 1.0

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Any) -> None:
        if self._get_variable_index(variable) in self.slow:
            learning_rate = learning_rate * self.slower_by
        super().update_step(gradient, variable, learning_rate)

    def _all_reduce_sum_gradients(self, grads_and_vars: list) -> list:
        # Keras' own sum over TensorFlow's devices comes after the clipping;
        # training.hardware.replicas averages before it, as one device would
        return grads_and_vars


class AdamW(_SomeSlower, keras.optimizers.AdamW):
    """Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2017."""


class SGD(_SomeSlower, keras.optimizers.SGD):
    """With the paper's momentum, sec. 3.1."""


# those of training.RATES: class and arguments
OPTIMISERS = {
    "adamw": (AdamW, {"weight_decay": 1e-4}),  # ours: docs/results/options.md
    # the paper's numbers, sec. 3.1, whose decay goes through the momentum; Keras' not
    "sgd": (SGD, {"momentum": 0.9, "weight_decay": 5e-4}),
}


def make_optimiser(
    name: str,
    variables: list[keras.Variable],
    slow: Iterable[keras.Variable] = (),
    slower_by: float = 1.0,
    accumulate: int = 1,
) -> keras.optimizers.Optimizer:
    """A row of OPTIMISERS for `variables`, those of `slow` at `slower_by` of its rate.

    Its rate is 0 until it is assigned. It updates once in `accumulate` steps, by the
    mean of their gradients.
    """
    kind, arguments = OPTIMISERS[name]
    optimiser = kind(
        0.0,
        global_clipnorm=CLIP_NORM,
        gradient_accumulation_steps=accumulate if accumulate > 1 else None,
        **arguments,
    )
    optimiser.exclude_from_weight_decay(var_names=NOT_DECAYED)
    slow_ids = {id(variable) for variable in slow}
    optimiser.slow = frozenset(
        at for at, variable in enumerate(variables) if id(variable) in slow_ids
    )
    optimiser.slower_by = slower_by
    # measured: TensorFlow would trace the first step twice, 16 s instead of 7 s
    optimiser.build(variables)
    return optimiser
