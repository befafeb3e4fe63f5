"""Train a detector.

    python train.py                                    # the demo set, from scratch
    python train.py --data my_pictures                 # your own pictures
    python train.py --data VOCdevkit --backbone vgg16 --freeze
    python train.py --data my_pictures --weights runs/earlier/best.weights.h5
    python train.py --data my_pictures --backbone ssd300 --init-from coco
    python train.py --resume runs/NAME                 # after a stop or a power cut

Each run has a folder of its own in runs/: best and last weights, history.csv,
summary.json, curves and pictures, and checkpoint.npz, from which it can go on.
"""

import argparse
import os
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from base.command_line import Parser, exit_status, next_line
from base.paper import LAYOUT_NAMES
from base.quiet_keras import import_keras
from models import (
    BACKBONES,
    BOX_LOSSES,
    NORMS,
    REUSES,
    TRUNKS,
    Architecture,
    check_backbone,
)
from training import PRECISIONS, RATES
from training.schedule import SHAPES

if TYPE_CHECKING:
    import keras

    from data import Dataset
    from training.devices import Device
    from training.replicas import Replicas
    from training.state import Settings

DEMO = Path("data/sets/shapes")  # ours: not in git
# measured: docs/results.md; the demo's fit into five minutes on two cores
EPOCHS, DEMO_EPOCHS = 60, 11
TILE_PX = 300  # ours: a tile's pixels are those of the network's input


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options; Keras is not loaded yet."""
    parser = Parser("train.py", __doc__)
    _data_options(parser.add_argument_group("data"))
    _model_options(parser.add_argument_group("model"))
    _extractor_options(parser.add_argument_group("extractor"))
    _training_options(parser.add_argument_group("training"))
    args = parser.parse_args(argv)
    args.tile = args.tile or args.tile_size is not None
    sizes = ("tile_size", "batch_size", "accumulate")
    rates = ("epochs", "minutes", "lr", "backbone_lr_scale")
    parser.check_above_0(args, *sizes, *rates)
    if not args.backbone[:1].isupper():  # others are known when Keras is loaded
        try:
            check_backbone(args.backbone)
        except ValueError as error:
            parser.error(str(error))
    if args.resume and (given := _given(parser, args)):
        parser.error(f"{', '.join(given)} can't be changed by --resume")
    if args.freeze_epochs < 0:
        parser.error("--freeze-epochs must be 0 or above")
    return args


# fmt: off
def _data_options(group: argparse._ArgumentGroup) -> None:
    """Which pictures."""
    group.add_argument("--data", nargs="+", metavar="FOLDER",
        help="annotated pictures, see docs/data.md, or voc2007, voc0712, coco2017; "
        "without it, the demo set of drawn shapes")
    group.add_argument("--classes", metavar="A,B,...",
        help="class names; default: those found in the annotations")
    group.add_argument("--train-split", default="train", metavar="NAME",
        help="train, trainval, ...; default: %(default)s")
    group.add_argument("--val-split", default="val", metavar="NAME",
        help="chooses best weights and threshold; default: %(default)s")
    group.add_argument("--tile", action="store_true",
        help="cut large pictures into tiles: for objects that shrinking would lose")
    group.add_argument("--tile-size", type=int, metavar="N",
        help=f"side of a tile in pixels; implies --tile, which takes {TILE_PX}")


def _model_options(group: argparse._ArgumentGroup) -> None:
    """Which network, and what it starts from."""
    group.add_argument("--backbone", default="squeezenet", metavar="NAME",
        help=f"{', '.join(BACKBONES)}, or a classifier of keras.applications such as "
        "MobileNetV3Large; default: %(default)s")
    group.add_argument("--width", type=float, default=1.0, metavar="W",
        help="of a MobileNet, its alpha; default: %(default)s")
    group.add_argument("--trunk", choices=TRUNKS,
        help="default: that of --init-from, or light for squeezenet, ssd for the other "
        "names in small letters, native for classifiers of keras.applications")
    group.add_argument("--adapter-filters", type=int, default=256, choices=(256, 512),
        help="width of the adapted 38x38 map; default: %(default)s")
    group.add_argument("--norm", choices=NORMS,
        help="BatchNormalization in all that starts from nothing, or the published "
        "plain network; default: that of --init-from, or batch")
    group.add_argument("--layout", choices=LAYOUT_NAMES,
        help="priors; default: those of --init-from, or voc")
    group.add_argument("--weights", metavar="imagenet|none|FILE|voc|coco",
        help="what to start from; FILE is an extractor's or a detector's, voc and coco "
        "are published ones, fetched once; default: imagenet where it exists and "
        "--init-from brings no extractor, none for the demo set")
    group.add_argument("--init-from", metavar="FILE|voc|coco",
        help="take every layer that fits by name and shape from any SSD300, of "
        "train.py or published, and the classes that it knows by name")
    group.add_argument("--reuse", choices=REUSES,
        help="deep: VGG's block4 and block5 too, and its dense layers where --weights "
        "is the full classifier's file; default: extractor")


def _extractor_options(group: argparse._ArgumentGroup) -> None:
    """What of the pretrained layers learns."""
    frozen = group.add_mutually_exclusive_group()
    frozen.add_argument("--freeze", action="store_true",
        help="keep the extractor as it is")
    frozen.add_argument("--freeze-epochs", type=int, default=0, metavar="N",
        help="keep it for N epochs, then train it too; default: %(default)s")
    group.add_argument("--backbone-lr-scale", type=float, default=1.0, metavar="S",
        help="the extractor learns at S times the rate; default: %(default)s")


def _training_options(group: argparse._ArgumentGroup) -> None:
    """How long, how fast, on what, and where it is kept."""
    length = group.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, metavar="N",
        help=f"default: {EPOCHS}, for the demo set {DEMO_EPOCHS}")
    length.add_argument("--minutes", type=float, metavar="M",
        help="as many epochs as there is time for; the rate falls with the clock")
    group.add_argument("--batch-size", type=int, default=8, metavar="N",
        help="pictures in memory at a time; default: %(default)s")
    group.add_argument("--accumulate", type=int, default=1, metavar="N",
        help="update once in N batches, as a batch N times larger would; default: "
        "%(default)s")
    group.add_argument("--optimizer", default="adamw", choices=RATES,
        help="default: %(default)s")
    group.add_argument("--lr", type=float, metavar="RATE",
        help="peak of the learning rate; default: "
        f"{', '.join(f'{v:g} for {k}' for k, v in RATES.items())}")
    group.add_argument("--schedule", default="cosine", choices=SHAPES,
        help="how the rate falls; default: %(default)s")
    group.add_argument("--box-loss", default="smooth_l1", choices=BOX_LOSSES,
        help="default: %(default)s")
    group.add_argument("--weigh-classes", action="store_true",
        help="rare classes count more in the loss, by the root of their frequency")
    group.add_argument("--average", action="store_true",
        help="score and keep the moving average of the weights")
    group.add_argument("--precision", default="auto", choices=PRECISIONS,
        help="auto goes by the hardware; default: %(default)s")
    group.add_argument("--devices", type=_number_or_all, metavar="N|all",
        help="how many GPUs share each batch, see docs/scaling.md; default: one")
    group.add_argument("--seed", type=int, default=0, metavar="N",
        help="of weights, order and augmentation; default: %(default)s")
    group.add_argument("--skip-bad-batches", action="store_true",
        help="undo and count steps whose loss is not finite, instead of stopping")
    group.add_argument("--tensorboard", action="store_true",
        help="also write the curves into the run's folder for TensorBoard")
    group.add_argument("--output", metavar="FOLDER",
        help="the run's folder; default: a new one in runs/")
    group.add_argument("--resume", metavar="FOLDER",
        help="go on with a run that was stopped; --epochs or --minutes lengthen it, "
        "all other options are the run's")
# fmt: on


def _number_or_all(text: str) -> str:
    if text != "all" and not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a number or all, received {text}")
    return text


def _given(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[str]:
    """The options that --resume does not go with, where they were given."""
    free = ("resume", "epochs", "minutes", "tensorboard", "devices")
    return [
        f"--{name.replace('_', '-')}"
        for name, value in vars(args).items()
        if name not in free and value != parser.get_default(name)
    ]


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, or 2 after one line that says what to mend."""
    args = parse(argv)
    return exit_status("train.py", run, args)


def run(args: argparse.Namespace) -> None:
    """Begin or go on; of several workers the first one speaks."""
    import_keras()
    from training import resume, runs
    from training.machines import find_replicas

    kept = resume.read_header(Path(args.resume)) if args.resume else None
    if kept:
        args = resumed_options(args, kept["options"])
    replicas = find_replicas(args.devices)
    if replicas.workers > 1 and not (args.data and (args.output or args.resume)):
        raise ValueError("several workers take --data, and --output or --resume.")
    if replicas.worker:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            train(args, kept, replicas)
        return
    if not kept:
        runs.check_free(args.output)
    train(args, kept, replicas)


def train(args: argparse.Namespace, kept: dict | None, replicas: "Replicas") -> None:
    """Machine, data, model, training, report."""
    from data import Batches
    from models.cost import describe_cost
    from reports import draw_batch
    from training import resume, runs
    from training.events import Events
    from training.failures import explained
    from training.fit import fit

    events = Events() if args.tensorboard else None
    device, precision = set_up(args, kept, replicas)

    train_set, _ = datasets = load_data(args)
    surroundings = resume.surroundings(device, precision)
    if kept:
        resume.check_data(kept, datasets)
        for line in resume.differences(kept, surroundings):
            print(f"  {line}", file=sys.stderr)
    with replicas.scope():
        if kept:
            architecture = kept["architecture"]
            model = load_skeleton(args, architecture)
        else:
            model, architecture = load_model(args, train_set.class_names)
    settings = settings_of(args, train_set)
    warn(datasets, architecture.layout)

    name = f"{architecture.backbone}-{architecture.trunk}-{train_set.name}"
    if kept or replicas.worker:
        folder = Path(args.resume or args.output)
    else:
        folder = runs.new_run(args.output, name)
    print(f"{folder}: {describe_cost(model)}; {settings.length}")
    batches = Batches(train_set, args.batch_size, seed=args.seed)
    notes = notes_of(args, precision, train_set)
    header = resume.header(vars(args), architecture, datasets, surroundings)
    with runs.folder_of_worker(folder, replicas.worker) as own:
        if not kept:
            runs.write_split(own / "split.json", datasets)
        draw_batch(batches.batch(0, 0), train_set.class_names, own / "train_batch.jpg")
        sizes = (args.batch_size, args.accumulate)
        with explained(folder, *sizes, settings.lr, settings.skip_bad_batches):
            history = fit(
                *(model, architecture, *datasets, settings, own, notes, header),
                resume=bool(kept),
                on_epoch=events and partial(events.write, own),
                replicas=replicas,
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

    from training import devices

    device = devices.find_device()
    if kept:
        precision = kept["surroundings"]["precision"]
    else:
        network = Architecture(args.backbone, num_classes=2, width=args.width)
        precision = devices.choose_precision(args.precision, device, network)
    keras.config.set_dtype_policy(precision)
    replicas.check(args.batch_size, args.accumulate, args.minutes)
    keras.utils.set_random_seed(args.seed)
    print(devices.headline(device, precision) + replicas.describe())
    if problem := devices.unused_gpu(device):
        print(problem, file=sys.stderr)
    return device, precision


def notes_of(args: argparse.Namespace, precision: str, train_set: "Dataset") -> dict:
    """What the weights file tells of its training."""
    from data import typical_side

    return {
        "options": vars(args),
        "precision": precision,
        "data": train_set.name,
        "tile_px": typical_side(train_set),  # what detect.py --tile cuts
    }


def report(
    args: argparse.Namespace,
    folder: Path,
    history: list[dict],
    settings: "Settings",
    architecture: Architecture,
    device: "Device",
    datasets: "tuple[Dataset, Dataset]",
) -> None:
    """Leave summary, curves and pictures in the run's folder; say what comes next."""
    import keras

    from models.detector import Detector
    from reports import draw_samples, plot_history
    from training import runs
    from training.probe import peak_bytes

    train_set, val_set = datasets
    summary = {
        "options": vars(args),
        "architecture": architecture.to_dict(),
        "device": device.name,
        "precision": keras.config.dtype_policy().name,
        "class_names": train_set.class_names,
        "pictures": {"train": len(train_set), "val": len(val_set)},
        "finished": settings.is_over(history),
        "peak_memory_gib": peak_bytes(device) / 2**30,
        **runs.figures(history),
    }
    runs.write_json(folder / "summary.json", summary)
    plot_history(history, folder / "curves.png")
    best = folder / "best.weights.h5"
    draw_samples(Detector(best), val_set, folder / "val")
    print(
        f"{summary['minutes']:.1f} minutes; best mAP50 on {args.val_split} "
        f"{summary['best']['mAP50']:.3f} after epoch {summary['best']['epoch']}.\n"
        f"{next_line(best)}"
    )


def resumed_options(args: argparse.Namespace, options: dict) -> argparse.Namespace:
    """Those of the run that goes on, with the length that was asked for now."""
    options = {**vars(args), **options, "resume": args.resume}
    options["tensorboard"] |= args.tensorboard
    options["devices"] = args.devices or options["devices"]
    if args.epochs or args.minutes:
        options |= {"epochs": args.epochs, "minutes": args.minutes}
    return argparse.Namespace(**options)


def load_data(args: argparse.Namespace) -> "tuple[Dataset, Dataset]":
    """Training and validation data sets; what is wrong with them goes to stderr."""
    from data import draw_shapes, read_dataset, tile_dataset

    if args.data is None:
        print(f"no --data: the demo set, drawn in {DEMO}")
        draw_shapes(DEMO)
    given = list(dict.fromkeys(n.strip() for n in (args.classes or "").split(",")))
    given = [name for name in given if name] or None
    roots = args.data or [DEMO]
    train_set = read_dataset(roots, args.train_split, given)
    val_set = read_dataset(roots, args.val_split, train_set.class_names)
    if args.tile:
        side = args.tile_size or TILE_PX
        train_set, val_set = (tile_dataset(s, side) for s in (train_set, val_set))
    told = []
    for dataset in (train_set, val_set):
        dataset.check_boxes()
        print(dataset.describe())
        told += [*dataset.notes, *dataset.problems]
    for line in dict.fromkeys(told):  # both splits may say the same
        print(f"  {line}", file=sys.stderr)
    return train_set, val_set


def warn(datasets: "tuple[Dataset, Dataset]", layout: str) -> None:
    """What the doctor sees without opening a picture."""
    from data import doctor, findings
    from ssd_utils import make_priors

    found = doctor.quick(datasets, make_priors(layout))
    if grave := [finding for finding in found if finding.severity != "note"]:
        print(findings.table(grave))


def load_model(
    args: argparse.Namespace, class_names: list[str]
) -> "tuple[keras.Model, Architecture]":
    """The model to train, frozen where that was asked for, and its architecture."""
    from models import start, transfer
    from models.named import file_of

    source = transfer.read_source(file_of(args.init_from)) if args.init_from else None
    given = {name: getattr(args, name) for name in ("trunk", "norm", "layout", "reuse")}
    given = {name: value for name, value in given.items() if value is not None}
    architecture = Architecture(
        backbone=args.backbone,
        num_classes=len(class_names) + 1,
        width=args.width,
        adapter_filters=args.adapter_filters,
        **(start.form_of(source, args.backbone) | given),
    )
    has_default = (
        args.data
        and architecture.has_imagenet
        and not start.brings_extractor(source, args.backbone)
    )
    default = "imagenet" if has_default else "none"
    wanted = file_of(args.weights or default)
    if wanted == "none" and not source and (args.freeze or args.freeze_epochs):
        raise ValueError("--freeze keeps what --weights brings; here that is none.")
    if wanted == "none" and args.reuse == "deep":
        raise ValueError("--reuse deep takes more of --weights; here that is none.")
    model, architecture = start.start(architecture, wanted, class_names)
    if source:
        print(transfer.table(transfer.transfer(model, class_names, source)))
    if args.freeze:
        start.freeze(model)
    return model, architecture


def load_skeleton(
    args: argparse.Namespace, architecture: Architecture
) -> "keras.Model":
    """The model of a run that goes on; its checkpoint fills it."""
    from models import build, start

    model = build(architecture)
    if args.freeze:
        start.freeze(model)
    return model


def settings_of(args: argparse.Namespace, train_set: "Dataset") -> "Settings":
    """How to train, with the defaults that depend on other options."""
    from training.fit import class_weights
    from training.state import Settings

    loss = {"box_loss": args.box_loss}
    if args.weigh_classes:
        loss["class_weights"] = class_weights(train_set)
    epochs = args.epochs or (EPOCHS if args.data else DEMO_EPOCHS)
    return Settings(
        epochs=None if args.minutes else epochs,
        minutes=args.minutes,
        batch_size=args.batch_size,
        accumulate=args.accumulate,
        lr=args.lr or RATES[args.optimizer],
        schedule=args.schedule,
        optimiser=args.optimizer,
        freeze_epochs=args.freeze_epochs,
        backbone_lr_scale=args.backbone_lr_scale,
        average=args.average,
        skip_bad_batches=args.skip_bad_batches,
        loss=loss,
        seed=args.seed,
    )


if __name__ == "__main__":
    sys.exit(main())
