"""Training beside torchvision's SSDs: the same images and batches, in turns.

    python -m benchmarks.speed.training_speed [--backbone vgg16] [--peer ssd300_vgg16]

Ours is all that train.py does for a step: images augmented (decoded before, as from
the second epoch on), boxes matched, loss, update. torchvision gets the same batches
ready made, so its loader costs it nothing. Each round every contestant makes one step;
the median counts. The share of the ceiling is that of benchmarks.speed.ceiling,
measured right after.
"""

import argparse
from collections.abc import Callable
from unittest import mock

import numpy as np

from benchmarks.accuracy.learning.experiments import SHARED
from benchmarks.cost.interleaved import race
from benchmarks.machine import machine

PEERS = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large")
Step = Callable[[np.ndarray, np.ndarray], object]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--neck")
    parser.add_argument("--peer", default=PEERS[0], choices=PEERS)
    parser.add_argument("--data", default=str(SHARED / "data/bccd"))
    parser.add_argument("--split", default="trainval")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    from base.keras_setup import import_keras

    keras = import_keras()
    from benchmarks.peers.torchvision_ssd import in_every_setting
    from benchmarks.speed.ceiling import measure
    from data import Batches, read_dataset
    from models import Architecture, build
    from reports import markdown_table
    from training.hardware import devices

    dataset = read_dataset([args.data], args.split)
    num_classes = len(dataset.class_names) + 1
    architecture = Architecture(  # of train.py's default, which starts from ImageNet
        args.backbone, num_classes, neck=args.neck, pretrained=True
    )
    device = devices.find_device()
    precision = devices.choose_precision(args.precision, device, architecture)
    keras.config.set_dtype_policy(precision)
    print(machine("tensorflow", "keras", "torch", "torchvision"))
    ours = f"{architecture.backbone} {architecture.neck}, {precision}"
    quick = our_step(build(architecture), architecture.layout)
    plain = our_step(build(architecture), architecture.layout, is_quick=False)
    peers = in_every_setting(args.peer, num_classes, precision == "mixed_bfloat16")
    batches = Batches(dataset, args.batch_size)
    num_steps = batches.steps_per_epoch
    ready = [batches.batch(0, at) for at in range(num_steps)]
    contestants = {
        ours: lambda at: quick(*batches.batch(0, at % num_steps)),
        f"{ours}, TensorFlow's gradients": lambda at: plain(
            *batches.batch(0, at % num_steps)
        ),
    } | {
        name: lambda at, peer=peer: peer.step(*ready[at % num_steps])
        for name, peer in peers.items()
    }
    seconds = race(contestants, args.rounds)
    ceiling = measure(build(architecture), args.batch_size, precision).training
    best = min(seconds[name] for name in peers)
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
    """A step of train.py's; with TensorFlow's own gradients unless quick."""
    from training import RATES, engine
    from training.optimiser import make_optimiser

    trainer = engine.Trainer(model, layout)
    optimiser = make_optimiser("adamw", model.trainable_variables)
    if is_quick:
        trainer.compile_for(optimiser)
    else:
        with (
            mock.patch.object(engine.filter_gradient, "speed_up"),
            mock.patch.object(engine.silu_gradient, "speed_up"),
            mock.patch.object(engine.batch_normalization, "speed_up"),
        ):
            trainer.compile_for(optimiser)
    return lambda images, truth: trainer.step(images, truth, RATES["adamw"])


if __name__ == "__main__":
    main()
