"""What stopped a training, in one line with a remedy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from base.memory import is_out_of_memory
from training.state import Settings


def explain(
    error: Exception, folder: Path, settings: Settings, room: Callable[[], int]
) -> str | None:
    """One line; None for an error that is no accident of a training.

    folder: the run's, whose checkpoint is whole where there is one. room: how many
    pictures a step is expected to have memory for; asked only where that ran out.
    """
    resume = f"python train.py --resume {quote(str(folder))}"
    if is_out_of_memory(error):
        return _memory_line(settings, room(), resume)
    if isinstance(error, FloatingPointError):
        leave_out = ", or leave such batches out: --skip-bad-batches"
        return (
            f"{error}. {folder}/checkpoint.npz is from before it, the weights files "
            f"too. Look at these pictures, try --lr {settings.lr / 4:g} or --precision "
            f"float32 in a new run{'' if settings.skip_bad_batches else leave_out}."
        )
    if isinstance(error, OSError | ValueError):
        if not (folder / "checkpoint.npz").exists():  # not even the first was written
            return f"{error} There is no checkpoint yet; mend it and start again."
        return f"{error} The last checkpoint is whole; then go on: {resume}"
    return None


@contextmanager
def explained(
    folder: Path, settings: Settings, room: Callable[[], int]
) -> Iterator[None]:
    """ValueError of one line in place of an accident of a training; see `explain`."""
    try:
        yield
    except Exception as error:
        line = explain(error, folder, settings, room)
        if line is None:
            raise
        raise ValueError(line) from error


def _memory_line(settings: Settings, room: int, resume: str) -> str:
    batch_size = settings.batch_size
    if batch_size == 1:
        return (
            "out of memory at --batch-size 1: choose --trunk light, a smaller "
            "--backbone or --freeze, or close other programs and go on: " + resume
        )
    smaller = batch_size // 2
    while smaller > max(room, 1):
        smaller //= 2
    return (
        f"out of memory at --batch-size {batch_size}: try --batch-size {smaller} "
        f"--accumulate {-(-settings.update_size // smaller)} in a new run, whose "
        f"updates see as many pictures, or close other programs and go on: {resume}"
    )
