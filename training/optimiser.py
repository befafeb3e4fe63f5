"""Optimisers: AdamW or SGD, decay on kernels only, a slower rate for some variables."""

import re
from collections.abc import Iterable

import keras

from training.variable_groups import GroupedUpdates, SlowerVariables

CLIP_NORM = 10.0  # ours: a guard; trainings without it: docs/results/options.md
# scales and shifts are not decayed: He et al., "Bag of Tricks", 2018, sec. 3.1
NOT_DECAYED = re.compile("bias|gamma|beta")
OPTIMISERS = {  # those of training.RATES: their arguments
    # Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2017; the number
    # is ours: docs/results/options.md
    "adamw": {"weight_decay": 1e-4},
    # the paper's numbers, sec. 3.1, whose decay goes through the momentum; Keras' not
    "sgd": {"momentum": 0.9, "weight_decay": 5e-4},
}


class AdamW(SlowerVariables, keras.optimizers.AdamW):
    """Variable by variable."""


class SGD(SlowerVariables, keras.optimizers.SGD):
    """Variable by variable."""


class GroupedAdamW(GroupedUpdates, keras.optimizers.AdamW):
    """Few long variables in place of many short ones."""


class GroupedSGD(GroupedUpdates, keras.optimizers.SGD):
    """Few long variables in place of many short ones."""


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
    # tf.distribute asks for each variable by itself
    grouped, single = {"adamw": (GroupedAdamW, AdamW), "sgd": (GroupedSGD, SGD)}[name]
    optimiser = (single if _is_mirrored() else grouped)(
        0.0,
        global_clipnorm=CLIP_NORM,
        gradient_accumulation_steps=accumulate if accumulate > 1 else None,
        **OPTIMISERS[name],
    )
    slow_ids = {id(variable) for variable in slow}
    for at, variable in enumerate(variables):
        if id(variable) in slow_ids:
            optimiser.slow |= {at}
        if not NOT_DECAYED.search(variable.name):
            optimiser.decayed |= {at}
    optimiser.slower_by = slower_by
    # measured: TensorFlow would trace the first step twice, 16 s instead of 7 s
    optimiser.build(variables)
    return optimiser


def _is_mirrored() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return tf.distribute.has_strategy()
