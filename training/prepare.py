"""What the options of train.py ask for: pictures, a model, settings."""

import argparse
import sys

import keras

from data import Dataset, draw_shapes, read_dataset, tile_dataset, typical_side
from models import Architecture, build, start, transfer
from models.named import file_of
from training import DEMO, DEMO_EPOCHS, EPOCHS, RATES, TILE_PX
from training.fit import class_weights
from training.state import Settings


def load_data(args: argparse.Namespace) -> tuple[Dataset, Dataset]:
    """Training and validation data sets; what is wrong with them goes to stderr."""
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


def load_model(
    args: argparse.Namespace, class_names: list[str]
) -> tuple[keras.Model, Architecture]:
    """The model to train, frozen where that was asked for, and its architecture."""
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


def load_skeleton(args: argparse.Namespace, architecture: Architecture) -> keras.Model:
    """The model of a run that goes on; its checkpoint fills it."""
    model = build(architecture)
    if args.freeze:
        start.freeze(model)
    return model


def settings_of(args: argparse.Namespace, train_set: Dataset) -> Settings:
    """How to train, with the defaults that depend on other options."""
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


def notes_of(args: argparse.Namespace, precision: str, train_set: Dataset) -> dict:
    """What the weights file tells of its training."""
    return {
        "options": vars(args),
        "precision": precision,
        "data": train_set.name,
        "tile_px": typical_side(train_set),  # what detect.py --tile cuts
    }
