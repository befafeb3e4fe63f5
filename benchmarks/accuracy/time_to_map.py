"""How soon a detector is useful: mAP by the minute, beside torchvision's SSDs.

    python -m benchmarks.accuracy.time_to_map --data BCCD_Dataset/BCCD [--minutes 15]

All train at the same time, each on one thread, so an hour that the machine is slow is
slow for all. Minutes are those of the clock, with everything in them: start, reading,
validation after each epoch. Ours is train.py's default with ImageNet's squeezenet, and
the same from scratch; torchvision's, from scratch too, get our batches, optimiser,
schedule and momentum of BatchNormalization in place of their own recipe for 8 GPUs.
"At the end" is the best epoch of all; the last one ends a little after the time.
"""

import argparse
import math
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.machine import machine
from benchmarks.speed.training_speed import PEERS

if TYPE_CHECKING:
    import torch

BATCH_SIZE = 8  # train.py's default
WANTED = (0.80, 0.85, 0.90)  # ours: mAP50 that people ask for
Curve = list[tuple[float, float]]  # minutes, mAP50


def main() -> None:
    """Train side by side and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="annotated images with the splits trainval and test",
    )
    parser.add_argument(
        "--weights",
        default="imagenet",
        metavar="imagenet|FILE",
        help="of squeezenet, in the first row",
    )
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--peers", nargs="*", default=[PEERS[1]], choices=PEERS)
    args = parser.parse_args()
    for engine in ("TF_NUM_INTRAOP", "TF_NUM_INTEROP", "OMP_NUM"):
        os.environ[f"{engine}_THREADS"] = "1"  # the processes inherit it
    spawn = multiprocessing.get_context("spawn")
    names = [
        "squeezenet light, ImageNet",
        "squeezenet light, from scratch",
        *args.peers,
    ]
    with spawn.Pool(len(names)) as pool:
        curves = pool.starmap(curve_of, [(name, args) for name in names], 1)
    from reports import markdown_table

    print(machine("tensorflow", "keras", "torch", "torchvision"))
    quarters = [args.minutes * share for share in (0.25, 0.5, 0.75)]
    headers = (
        f"{len(names)} at a time, a thread each",
        *(f"mAP50 by {minutes:.0f} min" for minutes in quarters),
        "at the end",
        *(f"min to {wanted:.2f}" for wanted in WANTED),
    )
    rows = [
        (
            name,
            *(f"{best_by(curve, minutes):.3f}" for minutes in [*quarters, math.inf]),
            *(first_at(curve, wanted) for wanted in WANTED),
        )
        for name, curve in zip(names, curves, strict=True)
    ]
    print(markdown_table(headers, rows))


def curve_of(name: str, args: argparse.Namespace) -> Curve:
    """One training; from the start of its process on."""
    started = time.perf_counter()
    from base.keras_setup import import_keras

    keras = import_keras()
    from data import read_dataset

    keras.utils.set_random_seed(0)
    train_set = read_dataset(args.data, "trainval")
    test_set = read_dataset(args.data, "test", train_set.class_names)
    curve: Curve = []

    def passed() -> float:
        return (time.perf_counter() - started) / 60

    def keep(score: float) -> None:
        curve.append((passed(), score))
        print(f"{name}: {curve[-1][0]:.1f} min, mAP50 {score:.3f}", flush=True)

    start = args.weights if name.endswith("ImageNet") else "none"
    train, what = (train_theirs, name) if name in PEERS else (train_ours, start)
    train(what, train_set, test_set, args.minutes - passed(), keep)
    return curve


def train_ours(
    weights: str, train_set, test_set, minutes: float, keep: Callable[[float], None]
) -> None:
    """As train.py --no-ema does."""
    from models import Architecture
    from models.weights import initialise
    from training import RATES, TrainingConfig
    from training.fit import fit
    from training.runs import RunFolder

    architecture = Architecture(
        "squeezenet", len(train_set.class_names) + 1, neck="light"
    )
    model, architecture = initialise.initialise_weights(
        architecture, weights, train_set.class_names
    )
    settings = TrainingConfig(
        None, minutes, batch_size=BATCH_SIZE, lr=RATES["adamw"], ema=False
    )
    with tempfile.TemporaryDirectory() as folder:
        output = RunFolder(Path(folder), on_epoch=lambda row: keep(row["mAP50"]))
        fit(model, architecture, (train_set, test_set), settings, output)


def train_theirs(
    name: str, train_set, test_set, minutes: float, keep: Callable[[float], None]
) -> None:
    """torchvision's network in our loop."""
    import torch

    from benchmarks.peers.torchvision_ssd import TorchvisionSSD
    from data import Batches, read_image
    from evaluation import evaluate_voc, mean_ap
    from training import RATES
    from training.schedule import Schedule

    is_last = name == PEERS[1]  # quicker so, docs/results/peers.md
    peer = TorchvisionSSD(name, len(train_set.class_names) + 1, is_last)
    torch.set_num_threads(1)
    peer.optimiser = our_optimiser(peer.model)
    schedule = Schedule(RATES["adamw"], None, minutes)
    batches = Batches(train_set, BATCH_SIZE)
    samples = test_set.samples
    epoch = 0
    while schedule.progress < 1:
        for images, truth in batches.epoch(epoch):
            for group in peer.optimiser.param_groups:
                group["lr"] = schedule.rate()
            peer.step(images, truth)
            schedule.step += 1
            if schedule.progress >= 1:
                break
        epoch += 1
        found = []
        for initialise in range(0, len(samples), BATCH_SIZE):
            group = samples[initialise : initialise + BATCH_SIZE]
            found += peer.detect([read_image(sample.path) for sample in group])
        truths = [sample.truth for sample in samples]
        difficult = [sample.difficult for sample in samples]
        curves = evaluate_voc(found, truths, difficult, test_set.class_names)
        keep(mean_ap(curves)["mAP50"])


def our_optimiser(model: "torch.nn.Module") -> "torch.optim.Optimizer":
    """That of train.py for torchvision's network, whose statistics move as ours do."""
    import torch

    from models.layers import BN_MOMENTUM
    from training.optimiser import CLIP_NORM, OPTIMISERS

    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1 - BN_MOMENTUM
    weights = list(model.parameters())
    kernels = {"params": [w for w in weights if w.ndim > 1], **OPTIMISERS["adamw"]}
    others = {"params": [w for w in weights if w.ndim == 1], "weight_decay": 0.0}
    optimiser = torch.optim.AdamW([kernels, others])

    def clip(*_: object) -> None:
        torch.nn.utils.clip_grad_norm_(weights, CLIP_NORM)

    optimiser.register_step_pre_hook(clip)
    return optimiser


def best_by(curve: Curve, minutes: float) -> float:
    """The best score until then, which a user would keep."""
    return max((score for at, score in curve if at <= minutes), default=0.0)


def first_at(curve: Curve, wanted: float) -> str:
    """Minutes until the score is reached."""
    reached = [at for at, score in curve if score >= wanted]
    return f"{reached[0]:.1f}" if reached else "not reached"


if __name__ == "__main__":
    main()
