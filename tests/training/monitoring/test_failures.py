"""What stops a training, in one line with a remedy."""

import errno
from pathlib import Path

import numpy as np
import pytest

from base.errors import UserError
from base.memory import is_out_of_memory, memory_line
from training import TrainingConfig
from training.hardware.replicas import Replicas
from training.monitoring.failures import explain


def named(name, text=""):
    """An error of another library's class."""
    return type(name, (RuntimeError,), {})(text)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (np.exceptions.AxisError("x"), False),
        (named("ResourceExhaustedError", "OOM when allocating tensor"), True),
        (named("OutOfMemoryError", "CUDA out of memory. Tried to allocate"), True),
        (named("XlaRuntimeError", "RESOURCE_EXHAUSTED: Out of memory"), True),
        (named("XlaRuntimeError", "INTERNAL: something else"), False),
        (RuntimeError("DefaultCPUAllocator: out of memory"), True),
        (named("error", "OpenCV: Insufficient memory (Failed to allocate)"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
    ],
)
def test_who_ran_out_of_memory(error, expected):
    assert is_out_of_memory(error) == expected


def test_the_cause_counts():
    error = RuntimeError("a.jpg: can't be prepared: Unable to allocate")
    assert not is_out_of_memory(error)
    error.__cause__ = MemoryError()
    assert is_out_of_memory(error)


def test_numpy_out_of_memory():
    with pytest.raises(MemoryError) as error:
        np.zeros(2**58, "uint8")
    assert is_out_of_memory(error.value)


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "expected"),
    [
        (8, 1, "--batch-size 4 --accumulate 2"),
        (8, 2, "--batch-size 4 --accumulate 4"),
        (3, 1, "--batch-size 1 --accumulate 3"),
        (5, 2, "--batch-size 2 --accumulate 5"),
        (1, 4, "choose --freeze"),
    ],
)
def test_out_of_memory_names_what_to_try(batch_size, accumulate, expected):
    settings = TrainingConfig(1, batch_size=batch_size, accumulate=accumulate)
    line = explain(MemoryError(), Path("runs/x"), settings, Replicas())
    assert f"at --batch-size {batch_size}: " in line
    assert expected in line
    assert "--resume runs/x" in line and "\n" not in line


@pytest.mark.parametrize(
    ("batch_size", "accumulates", "expected"),
    [
        (16, True, "try --batch-size 8 --accumulate 2 in a new run"),
        (16, False, "try --batch-size 8 in a new run, or close"),
        (6, True, "try --batch-size 2 --accumulate 3 in a new run"),
        (2, True, "choose --freeze"),
    ],
)
def test_two_devices_share_what_is_named(batch_size, accumulates, expected):
    both = Replicas()
    both.devices, both.accumulates = 2, accumulates
    settings = TrainingConfig(1, batch_size=batch_size)
    line = explain(MemoryError(), Path("runs/x"), settings, both)
    assert f"at --batch-size {batch_size}: " in line and expected in line


@pytest.mark.parametrize(
    ("batch_size", "expected"),
    [
        (8, "at --batch-size 8: try --batch-size 4, or close"),
        (1, "1: close other"),
        (None, "out of memory: close other"),
    ],
)
def test_scripts_that_do_not_train_name_a_batch_size(batch_size, expected):
    assert expected in memory_line(MemoryError(), batch_size)


def test_only_memory_makes_a_memory_line():
    with pytest.raises(AssertionError, match="M"):
        memory_line(AssertionError("M"), 8)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FloatingPointError("epoch 2, step 3: the loss is not finite"), "--lr 0.00025"),
        (FloatingPointError("x"), "--skip-non-finite"),
        (OSError("best.weights.h5: can't be written: No space left"), "No space left"),
        (UserError("a.jpg: can't be read"), "--resume runs/x"),
    ],
)
def test_others(error, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/x")
    folder.mkdir(parents=True)
    (folder / "checkpoint.npz").touch()
    line = explain(error, folder, TrainingConfig(1), Replicas())
    assert str(error) in line and expected in line and "\n" not in line


@pytest.mark.parametrize(
    ("lr", "blamed"), [(1e-3, True), (1.1e-3, True), (4e-3, True), (1e-2, False)]
)
def test_images_are_blamed_unless_the_rate_is_far_too_high(lr, blamed):
    error, settings = FloatingPointError("step 3"), TrainingConfig(1, lr=lr)
    line = explain(error, Path("runs/x"), settings, Replicas())
    assert ("these images" in line) == blamed
    assert f"--lr {settings.lower_rate:g}" in line


def test_nothing_to_go_on_from(tmp_path):
    line = explain(OSError("No space left"), tmp_path, TrainingConfig(1), Replicas())
    assert "no checkpoint yet" in line and "--resume" not in line


def test_a_mistake_of_the_programmer_stays_one():
    assert (
        explain(AssertionError("M"), Path("runs/x"), TrainingConfig(1), Replicas())
        is None
    )
