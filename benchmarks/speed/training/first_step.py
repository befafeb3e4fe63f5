"""Seconds until a training's first step is made, and the steps after it.

    python -m benchmarks.speed.training.first_step [--data voc2007] [--rounds 2]

train.py by its defaults, each time in a process of its own, in turn: its optimiser as
it is, and one that updates variable by variable, as a training on several devices of
TensorFlow does. Prints a Markdown table of medians.
"""

import argparse
import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from reports import markdown_table

STEPS = 40
ROOT = Path(__file__).resolve().parents[3]
WAYS = {"few long variables": False, "each variable": True}
HEADERS = (
    "updates",
    "first step begins, s",
    "takes, s",
    "CPU s to its end",
    "ms a step",
)
PROGRAM = (
    "from benchmarks.speed.training.first_step import measure; "
    "measure({data!r}, {apart})"
)


def main() -> None:
    """Start the processes, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["voc2007"])
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    found = {name: [] for name in WAYS}
    for _ in range(args.rounds):
        for name, apart in WAYS.items():
            program = PROGRAM.format(data=args.data, apart=apart)
            command = [sys.executable, "-c", program]
            answer = subprocess.run(command, cwd=ROOT, stdout=-1, check=True)
            found[name].append(json.loads(answer.stdout.splitlines()[-1]))
    rows = []
    for name, figures in found.items():
        columns = [median(column) for column in zip(*figures, strict=True)]
        rows.append((name, *(f"{x:.1f}" for x in columns[:3]), f"{columns[3]:.0f}"))
    print(markdown_table(HEADERS, rows))


def measure(data: list[str], apart: bool) -> None:
    """Train until STEPS steps are made; print their figures as JSON."""
    started = time.perf_counter()
    import tempfile
    from unittest import mock

    import train
    from training.engine import Trainer

    begun, ended, cpu = [], [], []

    class Enough(BaseException):
        """Ends the training from inside."""

    def step(self, *args):
        begun.append(time.perf_counter())
        parts = original(self, *args)
        ended.append(time.perf_counter())
        cpu.append(time.process_time())
        if len(ended) == STEPS:
            raise Enough
        return parts

    original = Trainer.step
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(Trainer, "step", step),
    ):
        options = ["--data", *data, "--output", f"{folder}/run"]
        is_apart = mock.patch("training.optimiser._is_mirrored", lambda: apart)
        with is_apart, suppress(Enough):
            train.main(options)
    later = [1000 * (e - b) for b, e in zip(begun[2:], ended[2:], strict=True)]
    first = (begun[0] - started, ended[0] - begun[0], cpu[0])
    print("\n" + json.dumps([*first, median(later)]))


if __name__ == "__main__":
    main()
