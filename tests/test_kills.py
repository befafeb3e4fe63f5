"""SIGKILL at random moments; `pytest -m slow tests/test_kills.py -s` prints them."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import assert_same, result

from training import checkpoint

EPOCHS, KILLS = 40, 20
TINY = Path(__file__).parent / "tiny.py"


def start(folder, *options):
    command = [sys.executable, str(TINY), str(folder), str(EPOCHS), *options]
    return subprocess.Popen(
        command,
        cwd=TINY.parents[1],
        env={**os.environ, "PYTHONPATH": str(TINY.parents[1])},
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


@pytest.mark.slow
def test_twenty_kills_change_no_bit(tmp_path):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    assert start(whole).wait() == 0
    rng, path = random.Random(0), torn / checkpoint.NAME
    for number in range(1, KILLS + 1):
        process = start(torn, *(["--resume"] if path.exists() else []))
        assert strike(process, path, rng), f"it was over before kill {number}"
        print(f"kill {number}: {place(path)}", flush=True)
    assert start(torn, "--resume").wait() == 0
    assert_same(result(torn), result(whole))
    arrays = len(result(torn)[1])
    print(f"{KILLS} kills: {arrays} arrays and {EPOCHS} rows are equal, bit for bit")


def place(path):
    """What a kill left."""
    if not path.exists():
        return "before the first checkpoint"
    state = checkpoint.read_state(path)
    unfinished = [file.name for file in path.parent.glob(".*")]
    text = f"epoch {len(state['history']) + 1}, {state['so_far']['steps']} steps kept"
    return f"{text}, half written: {', '.join(unfinished)}" if unfinished else text
