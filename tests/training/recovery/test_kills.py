"""SIGKILL at random moments; `pytest -m slow tests/training/recovery/test_kills.py -s`
prints them."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.shapes.dataset import draw_shapes
from tests.helpers.tiny import assert_same, result
from training.recovery import checkpoint

TINY = Path(__file__).parents[2] / "helpers" / "tiny.py"
ROOT = TINY.parents[2]
# train.py as it is, but for a checkpoint after each step
TRAIN = """
import sys, train
from base.keras_setup import import_keras
import_keras()
from training.recovery import checkpoint_writer
checkpoint_writer.CHECKPOINT_SECONDS, checkpoint_writer.CHECKPOINT_SHARE = 0, 1e9
sys.exit(train.main())
"""


def start(command, folder):
    """A process that trains in run/ of the folder, and goes on there if it can."""
    folder.mkdir(exist_ok=True)
    resumes = (folder / "run" / checkpoint.NAME).exists()
    return subprocess.Popen(
        [sys.executable, *command(resumes)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def stamp(path):
    return path.stat().st_mtime_ns if path.exists() else 0


def strike(process, path, rng):
    """Kill it at a random moment: three of four times while it trains."""
    before = stamp(path)
    if rng.random() < 0.25:
        time.sleep(rng.uniform(0, 8))
    else:
        while stamp(path) == before and process.poll() is None:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.5))
    process.kill()
    return process.wait() == -9


def check_kills(command, tmp_path, kills):
    """A run that is killed so often ends as the one that is not."""
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    assert start(command, whole).wait() == 0
    rng, path = random.Random(0), torn / "run" / checkpoint.NAME
    for number in range(1, kills + 1):
        process = start(command, torn)
        assert strike(process, path, rng), f"it was over before kill {number}"
        print(f"kill {number}: {place(path)}", flush=True)
    assert start(command, torn).wait() == 0
    state, arrays = result(torn / "run")
    assert_same((state, arrays), result(whole / "run"))
    rows = len(state["history"])
    print(f"{kills} kills: {len(arrays)} arrays and {rows} rows are equal, bit for bit")


def place(path):
    """What a kill left."""
    if not path.exists():
        return "before the first checkpoint"
    state = checkpoint.read_state(path)
    unfinished = [file.name for file in path.parent.glob(".*")]
    text = f"epoch {len(state['history']) + 1}, {state['so_far']['steps']} steps kept"
    return f"{text}, half written: {', '.join(unfinished)}" if unfinished else text


@pytest.mark.slow
def test_twenty_kills_change_no_bit(tmp_path):
    def command(resumes):
        return [str(TINY), "run", "40", *(["--resume"] if resumes else [])]

    check_kills(command, tmp_path, 20)


@pytest.mark.slow
def test_kills_of_train_py_change_no_bit(tmp_path):
    data = draw_shapes(tmp_path / "shapes", 30)
    options = ["--data", str(data), "--epochs", "3", "--batch-size", "2"]
    options += ["--weights", "none", "--precision", "float32", "--output", "run"]

    def command(resumes):
        return ["-c", TRAIN, *(["--resume", "run"] if resumes else options)]

    check_kills(command, tmp_path, 10)
