"""Where a training step's time goes, operation by operation, by TensorFlow's profiler.

    python -m benchmarks.speed.training.step_profile [--backbone vgg16] [--batch-size 4]

As TensorFlow trains ("TensorFlow's"), and with what training/hardware/ adds ("ours").
Seconds from an operation's start to its end. Two can run at once, so they add up to
more than the step. Images are noise; reading them is no part of it.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.speed.training_speed import Step, our_step

STEPS = 3
LEAST_SHARE = 0.005  # of the step, for a row of the table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--neck")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    from base.keras_setup import import_keras

    keras = import_keras()
    from models import Architecture, build
    from reports import markdown_table
    from training.hardware import devices

    architecture = Architecture(args.backbone, 21, neck=args.neck, pretrained=True)
    device = devices.find_device()
    precision = devices.choose_precision(args.precision, device, architecture)
    keras.config.set_dtype_policy(precision)
    print(machine("tensorflow", "keras"))
    shape = (args.batch_size, 300, 300, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    truth = np.tile(np.float32([0.2, 0.2, 0.6, 0.7, 1]), (args.batch_size, 8, 1))
    before, after = (
        profile(
            our_step(build(architecture), architecture.layout, quick), images, truth
        )
        for quick in (False, True)
    )
    rows = [
        (name, f"{before[name]:.3f}", f"{after[name]:.3f}")
        for name, _ in (before | after).most_common()
        if max(before[name], after[name]) > LEAST_SHARE * before["the step"]
    ]
    headers = (
        f"{args.backbone}, {precision}, batches of {args.batch_size}",
        "TensorFlow's, s",
        "ours, s",
    )
    print(markdown_table(headers, rows))


def profile(step: Step, images: np.ndarray, truth: np.ndarray) -> Counter[str]:
    """Seconds of each kind of operation in a step, and the step's own."""
    from base.keras_setup import import_tensorflow

    profiler = import_tensorflow().profiler.experimental
    step(images, truth)  # traced
    with tempfile.TemporaryDirectory() as folder:
        profiler.start(folder)
        started = time.perf_counter()
        for _ in range(STEPS):
            step(images, truth)
        seconds = time.perf_counter() - started
        profiler.stop()
        (file,) = Path(folder).rglob("*.xplane.pb")
        operations = read(file)
    operations["the step"] = seconds
    return Counter({name: taken / STEPS for name, taken in operations.items()})


def read(path: Path) -> Counter[str]:
    """Seconds of each kind of operation, those that run side by side added up."""
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
                if is_operation and not kind.strip().startswith((":", "__")):
                    seconds[kind] += event.duration_ps / 1e12
    return seconds


if __name__ == "__main__":
    main()
