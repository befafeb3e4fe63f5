"""Each training as a process of its own: its memory and its crash stay its own."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from base.command_line import signals_handled
from base.files import remove_unfinished
from comparison.runs import is_finished
from training.recovery import checkpoint

BEGINNINGS = ("split.json", "train_batch.jpg")  # train.py, before the first step


def state_of(folder: Path) -> str:
    """Of a run: "finished", "begun" (it can go on) or "new"."""
    if is_finished(folder):
        return "finished"
    return "begun" if (folder / checkpoint.NAME).exists() else "new"


def remove_beginnings(folder: Path) -> None:
    """Delete what a run that ended before its first checkpoint left; nothing else.

    train.py refuses a folder that holds anything more.
    """
    if folder.is_dir():
        remove_unfinished(folder)
        for name in BEGINNINGS:
            (folder / name).unlink(missing_ok=True)


def train(script: Path, folder: Path, options: Sequence[str]) -> int:
    """Run `script` (train.py) with its options into `folder`, or let it go on there.

    The process' exit status. An interrupt goes to the training, which ends at its next
    checkpoint; this call returns when it has.
    """
    if state_of(folder) == "begun":
        arguments = ["--resume", str(folder)]
    else:
        remove_beginnings(folder)
        arguments = [*options, "--output", str(folder)]
    process = subprocess.Popen([sys.executable, str(script), *arguments])

    def hand_on(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGTERM:  # Ctrl-C reaches the whole group by itself
            process.send_signal(number)

    with signals_handled(hand_on):
        return process.wait()
