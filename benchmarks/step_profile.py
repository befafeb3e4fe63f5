"""Where a training step's time goes, operation by operation, by TensorFlow's profiler.

    python -m benchmarks.step_profile [--backbone vgg16] [--batch-size 4]

Processor seconds: operations run side by side, so they add up to more than the step.
Pictures are noise; reading them is no part of it.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.machine import machine

STEPS = 3
LEAST_SHARE = 0.002  # of the step, for a row of the table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--trunk")
    parser.add_argument("--batch-size", type=int, default=4)
    args = parser.parse_args()
    from base.quiet_keras import import_keras, import_tensorflow

    import_keras()
    profiler = import_tensorflow().profiler.experimental
    from models import Architecture, build
    from reports import markdown_table
    from training.engine import Trainer
    from training.optimiser import make_optimiser

    architecture = Architecture(args.backbone, 21, trunk=args.trunk, pretrained=True)
    model = build(architecture)
    optimiser = make_optimiser("adamw", model.trainable_variables)
    trainer = Trainer(model, architecture.layout).compile_for(optimiser)
    shape = (args.batch_size, 300, 300, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    truth = np.tile(np.float32([0.2, 0.2, 0.6, 0.7, 1]), (args.batch_size, 8, 1))
    trainer.step(images, truth, 1e-3)  # traced
    with tempfile.TemporaryDirectory() as folder:
        profiler.start(folder)
        started = time.perf_counter()
        for _ in range(STEPS):
            trainer.step(images, truth, 1e-3)
        seconds = (time.perf_counter() - started) / STEPS
        profiler.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        operations = read(file)
    print(machine("tensorflow", "keras"))
    rows = [
        (name, f"{taken / STEPS:.3f}")
        for name, taken in operations.most_common()
        if taken / STEPS > LEAST_SHARE * seconds
    ]
    print(markdown_table((f"{args.backbone}, a step of {seconds:.2f} s", "s"), rows))


def read(path: Path) -> Counter[str]:
    """Seconds of each kind of operation, all threads together."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(path.read_bytes())
    seconds: Counter[str] = Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                # NODE:KIND is an operation of the graph, all else encloses some
                _, is_operation, kind = name.partition(":")
                if is_operation and not kind.startswith((":", "__")):
                    seconds[kind] += event.duration_ps / 1e12
    return seconds


if __name__ == "__main__":
    main()
