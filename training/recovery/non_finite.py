"""A step that leaves something that is not finite: undone, or the end."""

import math

import keras
import numpy as np
from keras import ops

from base.compiled import compiled
from ssd_utils import Tensor
from training.engine import Trainer

MAX_IN_A_ROW = 10  # ours: so many bad batches are no accident, the training is lost


class NonFiniteGuard:
    """The steps of a trainer; `step` gives what the trainer's own gives.

    A step is bad when its loss or any weight after it is not finite. With `skip` it is
    undone, counted in `skipped`, and `step` gives None; without, and after ten in a
    row, FloatingPointError says what was not finite, at which rate.
    """

    def __init__(self, trainer: Trainer, skip: bool = False) -> None:
        self.trainer, self.skip = trainer, skip
        self.skipped = 0
        self._in_a_row = 0

    def step(self, images: np.ndarray, truth: np.ndarray, rate: float) -> dict | None:
        """One update; the parts of the loss, None where it was undone."""
        kept = self._copies() if self.skip else []
        parts = self.trainer.step(images, truth, rate)
        if math.isfinite(parts["loss"]) and are_finite(self.trainer.detector.weights):
            self._in_a_row = 0
            return parts
        for variable, value in zip(self._variables, kept, strict=self.skip):
            variable.assign(value)
        self._in_a_row += 1
        if not self.skip or self._in_a_row > MAX_IN_A_ROW:
            raise FloatingPointError(_in_words(parts, rate, self._in_a_row))
        self.skipped += 1
        return None

    @property
    def _variables(self) -> list[keras.Variable]:
        return self.trainer.detector.variables + self.trainer.optimizer.variables

    def _copies(self) -> list[Tensor]:
        return compiled(_copy)([variable.value for variable in self._variables])


def are_finite(variables: list[keras.Variable]) -> bool:
    """Whether no number in any of them is NaN or infinite."""
    return bool(compiled(_all_finite)([variable.value for variable in variables]))


def _copy(values: list[Tensor]) -> list[Tensor]:
    return [ops.copy(value) for value in values]


def _all_finite(values: list[Tensor]) -> Tensor:
    return ops.all(ops.stack([ops.all(ops.isfinite(value)) for value in values]))


def _in_words(parts: dict, rate: float, in_a_row: int) -> str:
    what = "the loss is" if not math.isfinite(parts["loss"]) else "weights became"
    figures = ", ".join(f"{name} {value:.4g}" for name, value in parts.items())
    again = f" {in_a_row} times in a row" if in_a_row > 1 else ""
    return f"{what} not finite{again} ({figures}) at the learning rate {rate:.3g}"
