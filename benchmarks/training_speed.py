"""Training beside torchvision's SSDs: the same pictures and batches, in turns.

    python -m benchmarks.training_speed [--backbone vgg16] [--peer ssd300_vgg16]

Ours is all that train.py does for a step, the making of its batch included: files read
and augmented, boxes matched, loss, update. torchvision gets the same batches ready
made, so its loader costs it nothing. Each round every contestant makes one step, in an
order of its own; the median counts. The share of the ceiling is that of
benchmarks.ceiling, measured right after.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from unittest import mock

import numpy as np

from benchmarks.experiments import SHARED
from benchmarks.machine import machine

PEERS = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large")
Step = Callable[[np.ndarray, np.ndarray], object]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--trunk")
    parser.add_argument("--peer", default=PEERS[0], choices=PEERS)
    parser.add_argument("--data", default=str(SHARED / "data/bccd"))
    parser.add_argument("--split", default="trainval")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    from base.quiet_keras import import_keras

    keras = import_keras()
    from benchmarks.ceiling import measure
    from benchmarks.peers.torchvision_ssd import in_every_setting
    from data import Batches, read_dataset
    from models import Architecture, build
    from reports import markdown_table
    from training import devices

    dataset = read_dataset([args.data], args.split)
    num_classes = len(dataset.class_names) + 1
    architecture = Architecture(  # of train.py's default, which starts from ImageNet
        args.backbone, num_classes, trunk=args.trunk, pretrained=True
    )
    device = devices.find_device()
    precision = devices.choose_precision(args.precision, device, architecture)
    keras.config.set_dtype_policy(precision)
    print(machine("tensorflow", "keras", "torch", "torchvision"))
    ours = f"{architecture.backbone} {architecture.trunk}, {precision}"
    steps: dict[str, Step] = {
        ours: our_step(build(architecture), architecture.layout),
        f"{ours}, TensorFlow's gradients": our_step(
            build(architecture), architecture.layout, is_quick=False
        ),
    }
    peers = in_every_setting(args.peer, has_half=precision == "mixed_bfloat16")
    steps |= {name: peer.step for name, peer in peers.items()}
    batches = Batches(dataset, args.batch_size)
    seconds = race(steps, batches, args.rounds)
    ceiling = measure(build(architecture), args.batch_size, precision).training
    best = min(seconds[name] for name in steps if name.startswith(args.peer))
    rows = [
        (
            name,
            f"{args.batch_size / time:.2f}",
            f"{best / time:.2f}",
            f"{ceiling / time:.0%}" if name.startswith(ours) else "",
        )
        for name, time in seconds.items()
    ]
    headers = ("training", "images/s", f"times {args.peer}'s best", "of the ceiling")
    print(markdown_table(headers, rows))


def our_step(model, layout: str, is_quick: bool = True) -> Step:
    """A step of train.py's; with TensorFlow's own gradients by filter unless quick."""
    from training import RATES, engine
    from training.optimiser import make_optimiser

    trainer = engine.Trainer(model, layout)
    optimiser = make_optimiser("adamw", model.trainable_variables)
    if is_quick:
        trainer.compile_for(optimiser)
    else:
        with mock.patch.object(engine, "speed_up"):
            trainer.compile_for(optimiser)
    return lambda images, truth: trainer.step(images, truth, RATES["adamw"])


def race(steps: dict[str, Step], batches, rounds: int) -> dict[str, float]:
    """Median seconds of each one's steps; the making of a batch is in ours."""
    ready = batches.batch(0, 0)
    for step in steps.values():
        step(*ready)  # traced
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    rng = np.random.default_rng(0)
    for at in range(rounds):
        ready = batches.batch(0, at)
        for name in rng.permutation(list(steps)):
            is_peer = name.startswith(PEERS)
            started = time.perf_counter()
            steps[name](*(ready if is_peer else batches.batch(0, at)))
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}


if __name__ == "__main__":
    main()
