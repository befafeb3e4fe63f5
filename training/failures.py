"""What stopped a training, in one line with a remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from base.memory import is_out_of_memory


def explain(
    error: Exception,
    folder: Path,
    batch_size: int,
    accumulate: int,
    lr: float,
    skips: bool = False,
) -> str | None:
    """One line; None for an error that is no accident of a training.

    folder: the run's, whose checkpoint is whole where there is one; batch_size,
    accumulate, lr: as the run had them; skips: whether it left bad batches out.
    """
    resume = f"python train.py --resume {quote(str(folder))}"
    if is_out_of_memory(error):
        return _memory_line(batch_size, accumulate, resume)
    if isinstance(error, FloatingPointError):
        leave_out = ", or leave such batches out: --skip-bad-batches"
        return (
            f"{error}. {folder}/checkpoint.npz is from before it, the weights files "
            f"too. Look at these pictures, try --lr {lr / 4:g} or --precision float32 "
            f"in a new run{'' if skips else leave_out}."
        )
    if isinstance(error, OSError | ValueError):
        if not (folder / "checkpoint.npz").exists():  # not even the first was written
            return f"{error} There is no checkpoint yet; mend it and start again."
        return f"{error} The last checkpoint is whole; then go on: {resume}"
    return None


@contextmanager
def explained(
    folder: Path, batch_size: int, accumulate: int, lr: float, skips: bool = False
) -> Iterator[None]:
    """ValueError of one line in place of an accident of a training; see `explain`."""
    try:
        yield
    except Exception as error:
        line = explain(error, folder, batch_size, accumulate, lr, skips)
        if line is None:
            raise
        raise ValueError(line) from error


def _memory_line(batch_size: int, accumulate: int, resume: str) -> str:
    if batch_size == 1:
        return (
            "out of memory at --batch-size 1: choose --trunk light, a smaller "
            "--backbone or --freeze, or close other programs and go on: " + resume
        )
    half = batch_size // 2
    return (
        f"out of memory at --batch-size {batch_size}: try --batch-size {half} "
        f"--accumulate {-(-batch_size * accumulate // half)} in a new run, whose "
        f"updates see as many pictures, or close other programs and go on: {resume}"
    )
