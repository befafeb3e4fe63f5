"""What stopped a training, in one line with a remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# class names: TensorFlow's, PyTorch's, Python's; JAX and OpenCV tell it in words
MEMORY_ERRORS = ("ResourceExhaustedError", "OutOfMemoryError", "MemoryError")
MEMORY_WORDS = ("RESOURCE_EXHAUSTED", "out of memory", "Insufficient memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether any backend, numpy or OpenCV ran out of memory, here or as the cause."""
    if error.__cause__ and is_out_of_memory(error.__cause__):
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    return not names.isdisjoint(MEMORY_ERRORS) or any(w in text for w in MEMORY_WORDS)


def memory_line(error: Exception, batch_size: int | None) -> str:
    """One line where a script ran out of memory; any other error rises again.

    batch_size: None where the script has no such option.
    """
    if not is_out_of_memory(error):
        raise error
    if batch_size is None:
        return "out of memory: close other programs."
    smaller = f"try --batch-size {batch_size // 2}, or " if batch_size > 1 else ""
    return f"out of memory at --batch-size {batch_size}: {smaller}close other programs."


def explain(
    error: Exception, folder: Path, batch_size: int, accumulate: int, lr: float
) -> str | None:
    """One line; None for an error that is no accident of a training.

    folder: the run's, whose checkpoint is whole where there is one; batch_size,
    accumulate, lr: as the run had them.
    """
    resume = f"python train.py --resume {folder}"
    if is_out_of_memory(error):
        return _memory_line(batch_size, accumulate, resume)
    if isinstance(error, FloatingPointError):
        return (
            f"{error}. {folder}/checkpoint.npz is from before it, the weights files "
            f"too. Look at these pictures, try --lr {lr / 4:g} or --precision float32 "
            "in a new run, or leave such batches out: --skip-bad-batches."
        )
    if isinstance(error, OSError | ValueError):
        if not (folder / "checkpoint.npz").exists():  # not even the first was written
            return f"{error} There is no checkpoint yet; mend it and start again."
        return f"{error} The last checkpoint is whole; then go on: {resume}"
    return None


@contextmanager
def explained(
    folder: Path, batch_size: int, accumulate: int, lr: float
) -> Iterator[None]:
    """ValueError of one line in place of an accident of a training; see `explain`."""
    try:
        yield
    except Exception as error:
        line = explain(error, folder, batch_size, accumulate, lr)
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
        f"--accumulate {-(-batch_size * accumulate // half)} in a new run, which "
        f"updates as before, or close other programs and go on: {resume}"
    )
