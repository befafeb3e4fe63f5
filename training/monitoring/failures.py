"""What stopped a training, in one line with a remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from base.errors import UserError
from base.memory import is_out_of_memory
from training import RATES, TrainingConfig
from training.hardware.replicas import Replicas

# times the default rate, ours: above it the rate is blamed before the images; all
# fifteen trainings of docs/results/options.md at four times the rate stayed finite
TOO_HIGH = 4


def explain(
    error: Exception, folder: Path, settings: TrainingConfig, replicas: Replicas
) -> str | None:
    """One line; None for an error that is no accident of a training.

    folder: the run's, whose checkpoint is whole where there is one.
    """
    resume = f"python train.py --resume {quote(str(folder))}"
    if is_out_of_memory(error):
        return _memory_line(settings, replicas, resume)
    if isinstance(error, FloatingPointError):
        lower = f"--lr {settings.lower_rate:g}"
        if settings.lr > TOO_HIGH * RATES[settings.optimiser]:
            return f"{error}. Try {lower} in a new run."
        leave_out = ", or leave such batches out: --skip-non-finite"
        return (
            f"{error}. {folder}/checkpoint.npz is from before it. Look at these "
            f"images, try {lower} or --precision float32 in a new run"
            f"{'' if settings.skip_non_finite else leave_out}."
        )
    if isinstance(error, OSError | UserError):
        if not (folder / "checkpoint.npz").exists():  # not even the first was written
            return f"{error} There is no checkpoint yet; mend it and start again."
        return f"{error} The last checkpoint is whole; then go on: {resume}"
    return None


@contextmanager
def explained(
    folder: Path, settings: TrainingConfig, replicas: Replicas
) -> Iterator[None]:
    """UserError of one line in place of an accident of a training; see `explain`."""
    try:
        yield
    except Exception as error:
        line = explain(error, folder, settings, replicas)
        if line is None:
            raise
        raise UserError(line) from error


def _memory_line(settings: TrainingConfig, replicas: Replicas, resume: str) -> str:
    out_of_memory = f"out of memory at --batch-size {settings.batch_size}"
    close = f"or close other programs and go on: {resume}"
    smaller = settings.batch_size // replicas.devices // 2  # a device's share
    if not smaller:
        return f"{out_of_memory}: choose --freeze or a smaller --backbone, {close}"
    smaller *= replicas.devices
    if not replicas.accumulates:
        return f"{out_of_memory}: try --batch-size {smaller} in a new run, {close}"
    parts = -(-settings.update_size // smaller)
    return (
        f"{out_of_memory}: try --batch-size {smaller} --accumulate {parts} in a new "
        f"run, whose updates see no fewer images, {close}"
    )
