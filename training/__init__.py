"""How a detector learns, from train.py's options to a run's folder.

- options.py, prepare.py: from a command line to images, model and settings
- fit.py: a whole training; engine.py: a step and an epoch; state.py: what changes
- schedule.py: the learning rate; optimiser.py, variable_groups.py, variables.py
- ema.py: the average of the weights; distillation.py: graft.py's training
- runs.py: the folder; recovery/: resuming; monitoring/: progress, validation, samples
- hardware/: devices, precision, memory

The defaults that scripts share stand here, without Keras.
"""

from dataclasses import dataclass, field
from pathlib import Path

# ours: the peak of the rate at batch 8; the rates beside them: docs/results/options.md
RATES = {"adamw": 1e-3, "sgd": 1e-2}
# ours: where the neck yolox brings a trained detector, a factor of the rate and the
# backbone's share of it, by whether it knows a class of the data by its name;
# docs/results/default_detector.md
FINE_TUNING = {True: (1.0, 0.1), False: (2.0, 0.3)}
# ours: auto, and Keras' dtype policies
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
# ours: 292 images gain next to nothing after 45, docs/training.md; the demo's fit
# into three minutes on two cores
EPOCHS, DEMO_EPOCHS = 60, 14
TILE_PX = 300  # ours: a tile's pixels are those of the network's input
# 160 photographs of blood cells from BCCD, whose licence lies beside them
DEMO = Path(__file__).resolve().parents[1] / "examples/blood_cells"
RUNS = Path("runs")  # ours: where runs go that nobody names a folder for


@dataclass(frozen=True)
class TrainingConfig:
    """How long and how a training learns.

    epochs, minutes: its length; one of them is None.
    patience: it ends earlier after so many epochs without a better mAP50.
    batch_size, accumulate: an update sees their product, in `accumulate` parts.
    lr, optimiser: the rate's peak, and who uses it.
    freeze_epochs: so long the backbone stays as it is; from then on it learns at
        `backbone_lr_scale` of the rate.
    ema: score and save the moving average of the weights.
    skip_non_finite: undo steps that are not finite and go on.
    loss: options of models.losses.multibox_loss.
    """

    epochs: int | None
    minutes: float | None = None
    batch_size: int = 8
    accumulate: int = 1
    lr: float = 1e-3
    optimiser: str = "adamw"
    freeze_epochs: int = 0
    backbone_lr_scale: float = 1.0
    ema: bool = True
    skip_non_finite: bool = False
    loss: dict = field(default_factory=dict)
    seed: int = 0
    patience: int | None = None

    @property
    def length(self) -> str:
        """In words."""
        return f"{self.epochs} epochs" if self.epochs else f"{self.minutes:g} minutes"

    def is_over(self, history: list[dict]) -> bool:
        """Whether these epochs are the whole training."""
        if self.has_stalled(history):
            return True
        if self.epochs:
            return len(history) >= self.epochs
        return bool(history) and history[-1]["seconds"] >= 60 * self.minutes

    def has_stalled(self, history: list[dict]) -> bool:
        """Whether `patience` epochs have passed without a better validation mAP50.

        Epochs before the first mAP50 above 0 don't count, nor those of a frozen
        backbone that is still to learn.
        """
        if not self.patience or not history:
            return False
        best = max(history, key=lambda row: row["mAP50"])  # the first of equals
        since = max(best["epoch"], self.freeze_epochs)
        return best["mAP50"] > 0 and len(history) - since >= self.patience

    @property
    def lower_rate(self) -> float:
        """What to try where this rate is too high."""
        return min(self.lr / 4, RATES[self.optimiser])

    @property
    def other_rate(self) -> float | None:
        """What to try where nothing is learned; None where the rate is a usual one.

        Down to a quarter of AdamW's default it learns, if slowly;
        docs/results/options.md.
        """
        default = RATES[self.optimiser]
        if self.lr >= default:
            return self.lower_rate
        return default if self.lr < default / 4 else None

    @property
    def update_size(self) -> int:
        """How many images an update sees."""
        return self.batch_size * self.accumulate
