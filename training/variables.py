"""The values of variables, taken and put back."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from base.compiled import compiled
from ssd_utils import Tensor


def copies(variables: Sequence[keras.Variable]) -> list[Tensor]:
    """Their values, which a later assignment leaves alone."""
    return compiled(_copy)([variable.value for variable in variables])


def assign(variables: Sequence[keras.Variable], values: Sequence[Any]) -> None:
    """Give each its value, in order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _copy(values: list[Tensor]) -> list[Tensor]:
    return [ops.copy(value) for value in values]
