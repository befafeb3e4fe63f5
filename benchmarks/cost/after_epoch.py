"""What an epoch of train.py takes besides its steps: seconds, and shares of the whole.

    python -m benchmarks.cost.after_epoch [options of train.py]

Medians over the epochs after the first, in which graphs are traced. Without --data the
demo set is trained on.
"""

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import train
from training import fit
from training.monitoring.validation import Evaluator
from training.recovery.checkpoint_writer import CheckpointWriter

PARTS = {
    "steps": (fit, "train_epoch"),
    "scoring": (Evaluator, "__call__"),
    "weights files": (fit, "_save_weights"),
    "whether it is stuck": (fit, "_warn_stuck"),
    "checkpoint": (CheckpointWriter, "save"),
}


def main() -> None:
    """Train and print."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for name, (owner, attribute) in PARTS.items():
        timed = _timed(getattr(owner, attribute), seconds[name])
        setattr(owner, attribute, timed)
    with tempfile.TemporaryDirectory() as folder:
        options = ["--epochs", "6", "--output", f"{folder}/run", *sys.argv[1:]]
        if status := train.main(options):
            sys.exit(status)
    from reports.tables import markdown_table

    medians = {name: statistics.median(taken[1:]) for name, taken in seconds.items()}
    whole = sum(medians.values())
    rows = [(n, f"{s:.2f}", f"{s / whole:.0%}") for n, s in medians.items()]
    print(markdown_table(("part", "s", "share"), rows))


def _timed(function: Callable, taken: list[float]) -> Callable:
    def call(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            taken.append(time.perf_counter() - started)

    return call


if __name__ == "__main__":
    main()
