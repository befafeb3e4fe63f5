"""--batch-size auto: the largest batch of which a step fits into memory."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras

from base.memory import available_bytes, is_out_of_memory, resident_bytes
from data import Batches, Dataset
from models import Architecture
from training import TrainingConfig
from training.hardware.devices import Device
from training.hardware.memory import peak_bytes
from training.recovery import checkpoint
from training.state import State
from training.variables import assign, copies

AUTO = "auto"
# ours: rates are measured at 8 (docs/results/options.md); above 64 little gets faster
LARGEST = 64
MIN_UPDATES = 16  # ours: in an epoch; a few hundred images keep small batches
FREE_SHARE = 0.8  # ours: the rest is for the loader and for validation


def choose(
    settings: TrainingConfig,
    model: keras.Model,
    architecture: Architecture,
    train_set: Dataset,
    device: Device,
) -> TrainingConfig:
    """Settings with a number in place of AUTO: the largest power of two that fits.

    The model is left as it was. A processor's memory must not run out, since systems
    end a process then: there the next size is tried only if twice what the last one
    took is free.
    """
    if settings.batch_size != AUTO:
        return settings
    free = None if device.capability else available_bytes()
    if not device.capability and free is None:
        default = TrainingConfig.batch_size
        print(f"--batch-size auto: {default}, the free memory is not known")
        return replace(settings, batch_size=default)
    before, kept = resident_bytes(), copies(model.variables)
    # frozen at first or not, the backbone learns in the end
    tried = replace(settings, freeze_epochs=0, batch_size=1)
    trainer = State(model, architecture, tried, num_steps=1).trainer

    def step(size: int) -> None:
        update_size = size * settings.accumulate
        images, truth = Batches(train_set, update_size, settings.seed).batch(0, 0)
        trainer.step(images, truth, rate=0.0)

    def may_double() -> bool:
        return not free or 2 * (peak_bytes(device) - before) <= FREE_SHARE * free

    most = largest_useful(len(train_set), settings.accumulate)
    size = largest_that_fits(step, most, may_double)
    assign(model.variables, kept)
    why = "of which a step fits" if size < most else f"for {len(train_set)} images"
    print(f"--batch-size auto: {size}, the largest {why}")
    return replace(settings, batch_size=size)


def largest_useful(num_images: int, accumulate: int) -> int:
    """The power of two up to 64 that leaves an epoch 16 updates; at least 1.

    >>> [largest_useful(n, accumulate=1) for n in (5, 161, 292, 5000)]
    [1, 8, 16, 64]
    """
    most = min(num_images // (MIN_UPDATES * accumulate), LARGEST)
    return 1 << (max(most, 1).bit_length() - 1)


def largest_that_fits(
    step: Callable[[int], None], most: int, may_double: Callable[[], bool]
) -> int:
    """The last of 1, 2, 4, ..., `most` of which `step(size)` runs.

    The next one is tried as long as `may_double()`. Where not even 1 fits, the error is
    that of the step.
    """
    size = 1
    step(size)
    while size < most and may_double():
        try:
            step(2 * size)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            break
        size *= 2
    return size


def fit_or_halve(
    fit: Callable[[TrainingConfig, bool], list[dict]],
    settings: TrainingConfig,
    folder: Path,
    resume: bool = False,
    halves: bool = True,
) -> tuple[list[dict], TrainingConfig]:
    """`fit(settings, resume)`; if `halves`, with half the batch where memory runs out.

    Again and again as long as the checkpoint in `folder` is that of before the first
    step: from there it begins anew. A training that has made progress ends with its
    error. Returns the history and the settings that it was made with.
    """
    while True:
        try:
            return fit(settings, resume), settings
        except Exception as error:
            may_halve = halves and settings.batch_size > 1 and is_out_of_memory(error)
            if not may_halve or _has_progress(folder):
                raise
        # outside the except: its traceback holds the memory of the failed step
        settings, resume = replace(settings, batch_size=settings.batch_size // 2), True
        print(f"out of memory: going on with --batch-size {settings.batch_size}")


def _has_progress(folder: Path) -> bool:
    path = folder / checkpoint.NAME
    return not path.exists() or checkpoint.read_state(path)["schedule"]["step"] > 0
