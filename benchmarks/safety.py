"""What safety costs: a checkpoint, and the guard's look at every weight after a step.

    python -m benchmarks.safety [--backbones squeezenet vgg16]

Seconds to write a checkpoint with its fsyncs and its size; the seconds of a training
step without the guard, and how much longer it takes with the guard and with the copies
of --skip-bad-batches. Steps of the three take turns; medians.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

STEPS, WRITES, BATCH_SIZE = 9, 3, 4


def main() -> None:
    """Measure and print a Markdown table, row by row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbones", nargs="+", default=["squeezenet", "vgg16"])
    args = parser.parse_args()
    from training import import_keras

    import_keras()
    print("| backbone | trunk | checkpoint, MB | s | step, s | guard | and skip |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for backbone in args.backbones:
        print(f"| {' | '.join(row(backbone))} |", flush=True)


def row(backbone: str) -> list[str]:
    """The cells of a backbone."""
    import numpy as np

    from models import Architecture, build
    from training.guard import Guard
    from training.state import Settings, State

    architecture = Architecture(backbone, 21)
    state = State(build(architecture), architecture, Settings(epochs=1), 1)
    trainer = state.guard.trainer
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH_SIZE, 300, 300, 3), dtype="uint8")
    truth = np.tile(np.float32([0.2, 0.2, 0.6, 0.7, 1]), (BATCH_SIZE, 8, 1))
    steps = (trainer.step, Guard(trainer).step, Guard(trainer, skip=True).step)
    seconds: list[list[float]] = [[], [], []]
    for number in range(STEPS + 1):
        for step, kept in zip(steps, seconds, strict=True):
            taken = timed(lambda step=step: step(images, truth, 1e-4))
            kept += [taken] if number else []  # the first is traced
    plain, guarded, skipping = map(statistics.median, seconds)
    with tempfile.TemporaryDirectory(dir=".") as folder:  # a disk, where /tmp is none
        path = Path(folder) / "checkpoint.npz"
        write = statistics.median(
            timed(lambda: state.save(path, {})) for _ in range(WRITES)
        )
        megabytes = path.stat().st_size / 1e6
    return [
        *(backbone, architecture.trunk, f"{megabytes:.0f}", f"{write:.2f}"),
        *(f"{plain:.2f}", f"{guarded / plain:.3f}", f"{skipping / plain:.3f}"),
    ]


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
