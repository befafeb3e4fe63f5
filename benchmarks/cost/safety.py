"""What safety costs: a checkpoint, and the guard's look at every weight after a step.

    python -m benchmarks.cost.safety [--backbones squeezenet vgg16] [--steps 9]

Size of a checkpoint and seconds to write it with its fsyncs; seconds of a training step
of 4 images without the guard; seconds of the guard's look at all weights, of the copy
that --skip-non-finite makes, and what part of the step each is. They take turns;
medians.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

WRITES, BATCH_SIZE = 3, 4


def main() -> None:
    """Measure and print a Markdown table, row by row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbones", nargs="+", default=["squeezenet", "vgg16"])
    parser.add_argument("--steps", type=int, default=9)
    args = parser.parse_args()
    from base.keras_setup import import_keras

    import_keras()
    print("| backbone | neck | checkpoint, MB | s | step, s | look, s | copy, s |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for backbone in args.backbones:
        print(f"| {' | '.join(row(backbone, args.steps))} |", flush=True)


def row(backbone: str, num_steps: int) -> list[str]:
    """The cells of a backbone."""
    import numpy as np

    from models import Architecture, build
    from training import TrainingConfig
    from training.recovery.non_finite import are_finite
    from training.state import State
    from training.variables import copies

    architecture = Architecture(backbone, 21)
    state = State(build(architecture), architecture, TrainingConfig(epochs=1), 1)
    trainer = state.trainer
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH_SIZE, 300, 300, 3), dtype="uint8")
    truth = np.tile(np.float32([0.2, 0.2, 0.6, 0.7, 1]), (BATCH_SIZE, 8, 1))
    variables = trainer.detector.variables + trainer.optimizer.variables
    actions = (
        lambda: trainer.step(images, truth, 1e-4),
        lambda: are_finite(trainer.detector.weights),
        lambda: copies(variables),
    )
    rounds = [[timed(action) for action in actions] for _ in range(num_steps + 1)]
    # the first is traced
    step, look, copy = map(statistics.median, zip(*rounds[1:], strict=True))
    with tempfile.TemporaryDirectory(dir=".") as folder:  # a disk, where /tmp is none
        path = Path(folder) / "checkpoint.npz"
        write = statistics.median(
            timed(lambda: state.save(path, {})) for _ in range(WRITES)
        )
        megabytes = path.stat().st_size / 1e6
    return [
        backbone,
        architecture.neck,
        f"{megabytes:.0f}",
        f"{write:.2f}",
        f"{step:.2f}",
        *(f"{part:.4f} ({part / step:.2%})" for part in (look, copy)),
    ]


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
