"""Train a detector.

    python train.py                                    # the demo set
    python train.py --data my_images                 # your own images
    python train.py --data VOCdevkit --backbone vgg16 --freeze
    python train.py --data my_images --weights runs/earlier/best.weights.h5
    python train.py --data my_images --backbone ssd300 --weights coco
    python train.py --resume runs/NAME                 # after a stop or a power cut

Each run has a folder of its own in runs/: best and last weights, history.csv,
summary.json, curves and images, and checkpoint.npz, from which it can go on.
"""

import argparse
import os
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from base.command_line import run_script, suggest_command
from base.errors import UserError
from base.keras_setup import import_keras, precision_kept
from models import Architecture
from training import options

if TYPE_CHECKING:
    from data import Dataset
    from training import TrainingConfig
    from training.hardware.devices import Device
    from training.hardware.replicas import Replicas


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, or 2 after one line that says what to mend."""
    return run_script("train.py", run, options.parse(argv, __doc__))


def run(args: argparse.Namespace) -> None:
    """Begin or go on; of several workers the first one speaks."""
    import_keras()
    from training import prepare, runs
    from training.hardware.machines import find_replicas
    from training.recovery import resume

    kept = resume.read_header(Path(args.resume)) if args.resume else None
    if kept:
        args = options.resumed(args, kept["options"])
    # a run may go on from another folder
    args.data = args.data and [
        str(Path(place).absolute()) if Path(place).exists() else place
        for place in args.data
    ]
    replicas = find_replicas(args.devices)
    if replicas.workers > 1 and not (args.data and (args.output or args.resume)):
        raise UserError("several workers take --data, and --output or --resume.")
    with precision_kept():
        if replicas.worker:
            with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
                train(args, kept, replicas)
            return
        if not kept:
            prepare.check_files(args)
            runs.check_free(args.output)
        train(args, kept, replicas)


def train(args: argparse.Namespace, kept: dict | None, replicas: "Replicas") -> None:
    """Machine, data, model, training, report."""
    from data import use_one_thread_an_image
    from evaluation.cost import describe_cost
    from reports.tensorboard import Events
    from training import prepare, runs
    from training.fit import fit
    from training.hardware import batch_size
    from training.monitoring.failures import explained
    from training.monitoring.samples import draw_first_batch
    from training.recovery import resume

    use_one_thread_an_image()
    events = Events() if args.tensorboard else None
    device, precision = set_up(args, kept, replicas)
    environment = resume.environment(device, precision)
    splits = (args.train_split, args.val_split)
    datasets = prepare.load_data(args.data, splits, args.classes, args.tile)
    train_set, _ = datasets
    if kept:
        resume.check(kept, datasets, environment)
    with replicas.scope():
        if kept:
            architecture, licence = kept["architecture"], kept["licence"]
            model = prepare.load_skeleton(architecture, args.freeze is True)
        else:
            loaded = prepare.load_model(args, train_set.class_names)
            model, architecture, licence = loaded
    settings = prepare.settings_of(args, train_set)
    is_auto = settings.batch_size == batch_size.AUTO
    settings = batch_size.choose(settings, model, architecture, train_set, device)
    warn(datasets, architecture.layout)

    name = f"{architecture.backbone}-{architecture.neck}-{train_set.name}"
    if kept or replicas.worker:
        folder = Path(args.resume or args.output)
    else:
        folder = runs.new_run(args.output, name)
    print(f"{folder}: {describe_cost(model)}; {settings.length}")
    with runs.folder_of_worker(folder, replicas.worker) as own:
        if not kept:
            runs.write_split(own / "split.json", datasets)
        draw_first_batch(train_set, settings, own / "train_batch.jpg")
        notes = prepare.notes_of(vars(args), precision, train_set)
        given = (vars(args), architecture, datasets, environment, licence)
        header = resume.header(*given)
        on_epoch = events and partial(events.write, own)
        output = runs.RunFolder(own, notes, header, on_epoch, licence)

        def learn(settings: "TrainingConfig", resume: bool) -> list[dict]:
            args.batch_size = settings.batch_size  # in header and notes too
            with explained(folder, settings, replicas):
                return fit(
                    model, architecture, datasets, settings, output, resume, replicas
                )

        history, settings = batch_size.fit_or_halve(
            learn, settings, own, bool(kept), is_auto
        )
        if history:
            report(args, own, history, settings, architecture, device, datasets)
    if not settings.is_over(history):
        print(
            f"stopped after epoch {len(history)}, of {settings.length}; "
            f"go on: python train.py --resume {quote(str(folder))}"
        )


def set_up(
    args: argparse.Namespace, kept: dict | None, replicas: "Replicas"
) -> "tuple[Device, str]":
    """Device and precision, that of a run that goes on; the first line of output."""
    import keras

    from training.hardware import devices

    device = devices.find_device()
    if kept:
        precision = kept["surroundings"]["precision"]
    else:
        network = Architecture(args.backbone, num_classes=2, width=args.alpha)
        precision = devices.choose_precision(args.precision, device, network)
    keras.config.set_dtype_policy(precision)
    replicas.check(args.batch_size, args.accumulate, args.minutes)
    keras.utils.set_random_seed(args.seed)
    print(devices.headline(device) + replicas.describe())
    if problem := devices.unused_gpu(device):
        print(problem, file=sys.stderr)
    return device, precision


def report(
    args: argparse.Namespace,
    folder: Path,
    history: list[dict],
    settings: "TrainingConfig",
    architecture: Architecture,
    device: "Device",
    datasets: "tuple[Dataset, Dataset]",
) -> None:
    """Leave summary, curves and images in the run's folder; say what comes next."""
    import keras

    from inference.runtimes.keras_file import KerasModel
    from reports import plot_history
    from training import runs
    from training.hardware.memory import peak_bytes
    from training.monitoring.samples import draw_samples

    train_set, val_set = datasets
    summary = {
        "options": _given(vars(args)),
        "settings": _given(vars(settings)),
        "architecture": _given(architecture.to_dict()),
        "device": device.name,
        "precision": keras.config.dtype_policy().name,
        "class_names": train_set.class_names,
        "images": {"train": len(train_set), "val": len(val_set)},
        "finished": settings.is_over(history),
        "peak_memory_gib": peak_bytes(device) / 2**30,
        **runs.best_and_last_metrics(history),
    }
    runs.write_json(folder / "summary.json", summary)
    plot_history(history, folder / "curves.png")
    trained = runs.load_run(folder)
    draw_samples(KerasModel(trained.best_weights), val_set, folder / "val")
    best = trained.summary["best"]
    print(
        f"{trained.summary['minutes']:.1f} minutes; best mAP50 on {args.val_split} "
        f"{best['mAP50']:.3f} after epoch {best['epoch']}.\n"
        f"{suggest_command(trained.best_weights)}{' --tile' if args.tile else ''}"
    )


def _given(options: dict) -> dict:
    """Without those that were left to their defaults, which `settings` tells."""
    return {name: value for name, value in options.items() if value is not None}


def warn(datasets: "tuple[Dataset, Dataset]", layout: str) -> None:
    """What the doctor sees without opening an image."""
    from data import doctor
    from data.doctor import findings

    found = doctor.check_annotations(datasets, layout)
    if grave := [finding for finding in found if finding.severity != "note"]:
        print(findings.table(grave))


if __name__ == "__main__":
    sys.exit(main())
