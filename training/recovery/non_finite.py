"""A step is bad when its loss, or any weight after it, is not finite."""

import math
from collections.abc import Sequence

import keras
from keras import ops

from base.compiled import compiled
from ssd_utils import Tensor

MAX_IN_A_ROW = 10  # ours: so many bad batches are no accident, the training is lost


def are_finite(variables: Sequence[keras.Variable]) -> bool:
    """Whether no number in any of them is NaN or infinite."""
    return bool(compiled(_all_finite)([variable.value for variable in variables]))


def in_words(parts: dict, rate: float, in_a_row: int) -> str:
    """What was not finite in a step with these parts of the loss, at which rate."""
    what = "the loss is" if not math.isfinite(parts["loss"]) else "weights became"
    figures = ", ".join(f"{name} {value:.4g}" for name, value in parts.items())
    again = f" {in_a_row} times in a row" if in_a_row > 1 else ""
    return f"{what} not finite{again} ({figures}) at the learning rate {rate:.3g}"


def _all_finite(values: list[Tensor]) -> Tensor:
    return ops.all(ops.stack([ops.all(ops.isfinite(value)) for value in values]))
