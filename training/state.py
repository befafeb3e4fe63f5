"""All that a training changes while it runs: what a checkpoint holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from models import Architecture
from models.weights.initialise import backbone_variables, freeze, thaw
from training import TrainingConfig
from training.ema import WeightEMA
from training.engine import EpochTotals, Trainer
from training.hardware.replicas import Replicas
from training.optimiser import make_optimiser
from training.recovery import checkpoint
from training.schedule import Schedule
from training.variable_groups import assign_state, read_state
from training.variables import assign


class State:
    """Weights, optimiser, their average, schedule, place in the epoch, history.

    `history` has a row per epoch that is over; `epoch_totals` is the one under way.
    `warned` says that the user was told that the training is stuck.
    """

    def __init__(
        self,
        model: keras.Model,
        architecture: Architecture,
        settings: TrainingConfig,
        num_steps: int | None,
        replicas: Replicas | None = None,
    ) -> None:
        self.model, self.architecture = model, architecture
        self.replicas = replicas or Replicas()
        self.settings = settings
        self.schedule = Schedule(settings.lr, num_steps, settings.minutes)
        self.ema = WeightEMA(model) if settings.ema else None
        self.history: list[dict] = []
        self.epoch_totals = EpochTotals()
        self.warned = False
        self.frozen = settings.freeze_epochs > 0
        self.trainer = self._new_trainer()

    @property
    def epoch(self) -> int:
        """The one under way, from 0."""
        return len(self.history)

    @property
    def is_over(self) -> bool:
        """Whether all steps are made, or enough, and the last epoch has its row.

        A time that ends before the first step still gets one.
        """
        if not self.history or self.epoch_totals.steps:
            return False
        return self.schedule.progress >= 1 or self.settings.has_stalled(self.history)

    def enter_epoch(self) -> None:
        """Let the backbone learn where its time has come."""
        if self.frozen and self.epoch >= self.settings.freeze_epochs:
            self._thaw()
            self.schedule.warm_up()

    def end_epoch(self, row: dict) -> None:
        """The epoch under way is over and came to `row`."""
        self.history.append(row)
        self.epoch_totals = EpochTotals()

    def save(self, path: Path, header: dict) -> None:
        """Write a checkpoint; `header` (for JSON) is what does not change."""
        state = {
            "schedule": self.schedule.state(),
            "history": self.history,
            "so_far": vars(self.epoch_totals),
            "told": self.warned,
            "frozen": self.frozen,
            "skipped": self.trainer.skipped,
            "average_steps": self.ema.steps if self.ema else 0,
        }
        arrays = {
            group: [ops.convert_to_numpy(value) for value in values]
            for group, values in self._values().items()
        }
        checkpoint.save(path, {**header, **state}, arrays)

    def restore(self, path: Path) -> None:
        """Be what another process saved; UserError where the file does not fit."""
        state = checkpoint.read_state(path)
        if self.frozen and not state["frozen"]:
            self._thaw()
        dtype = keras.backend.standardize_dtype
        expected = {
            group: [(tuple(v.shape), dtype(v.dtype)) for v in values]
            for group, values in self._values().items()
        }
        arrays = checkpoint.read_arrays(path, expected)
        assign(self.model.variables, arrays["model"])
        assign_state(self.trainer.optimizer, arrays["optimiser"])
        if self.ema:
            self.ema.values = [ops.convert_to_tensor(a) for a in arrays["average"]]
            self.ema.steps = state["average_steps"]
        self.schedule.restore(state["schedule"])
        self.history, self.warned = state["history"], state["told"]
        self.epoch_totals = EpochTotals(**state["so_far"])
        self.trainer.skipped = state["skipped"]

    def _thaw(self) -> None:
        """The backbone learns from now on, by a new optimiser."""
        self.frozen = False
        skipped = self.trainer.skipped
        self.trainer = self._new_trainer()
        self.trainer.skipped = skipped

    def _new_trainer(self) -> Trainer:
        """A new optimiser; the backbone is frozen, or learns at its own rate."""
        settings = self.settings
        if self.frozen:
            freeze(self.model)
        elif settings.freeze_epochs:
            thaw(self.model, self.architecture)
        with self.replicas.scope():
            weights = (self.model.trainable_variables, backbone_variables(self.model))
            rates = (settings.backbone_lr_scale, settings.accumulate)
            optimiser = make_optimiser(settings.optimiser, *weights, *rates)
            form = (self.architecture.layout, settings.accumulate, self.replicas)
            options = {"skip_non_finite": settings.skip_non_finite, **settings.loss}
            return Trainer(self.model, *form, **options).compile_for(optimiser)

    def _values(self) -> dict[str, Sequence[Any]]:
        state = read_state(self.trainer.optimizer)
        groups = {"model": self.model.variables, "optimiser": state}
        return {**groups, "average": self.ema.values} if self.ema else groups
