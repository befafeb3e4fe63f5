"""What the options of train.py ask for: images, a model, settings.

The half of that script between its options and its loop, and only its: so `args` comes
as far as here.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from base.command_line import split_names
from base.errors import UserError
from data import Dataset, open_dataset, report_problems, tiles
from models import Architecture, build
from models.weights import initialise, read_weights
from models.weights.hub import DEFAULT, DEFAULT_BACKBONE, NAMED, resolve_weights
from models.weights.metadata import LICENCE
from models.weights.published.class_names import same_class
from training import DEMO, FINE_TUNING, RATES, TrainingConfig
from training.options import default_epochs, freeze_epochs


def check_files(args: argparse.Namespace) -> None:
    """UserError where the file to start from is missing: before the data are read."""
    wanted = args.weights or "none"
    if wanted not in ("none", "imagenet", *NAMED) and not Path(wanted).is_file():
        raise UserError(f"--weights {wanted}: no such file.")


def load_data(
    folders: list[str] | None,
    splits: tuple[str, str],
    class_names: str | None,
    tile_px: int | None,
) -> tuple[Dataset, Dataset]:
    """Training and validation data sets; what is wrong with them goes to stderr.

    folders None: the demo set. class_names: with commas between them. tile_px: side of
    the tiles that large images are cut into.
    """
    if folders is None:
        print(f"no --data: the demo set, {DEMO}")
    given = split_names(class_names) or None
    opened = open_dataset(folders or [DEMO])
    train_set = opened.split(splits[0], given)
    val_set = opened.split(splits[1], train_set.class_names)
    if tile_px:
        train_set = tiles.tile_dataset(train_set, tile_px)
        val_set = tiles.tile_dataset(val_set, tile_px)
    datasets = (train_set, val_set)
    for dataset in datasets:
        dataset.check_boxes()
        print(dataset.describe())
    report_problems(*datasets)
    paths = {sample.path for sample in train_set.samples}
    shared = len(paths & {sample.path for sample in val_set.samples})
    if shared:
        line = f"images in both splits: {shared}; the scores promise too much"
        print(f"  {line}", file=sys.stderr)
    return datasets


def load_model(
    args: argparse.Namespace, class_names: list[str]
) -> tuple[keras.Model, Architecture, str]:
    """The model to train, frozen where that was asked for; its architecture; the line
    about its licence, that of the file it starts from."""
    is_default = args.backbone == DEFAULT_BACKBONE
    wanted = args.weights or (str(DEFAULT) if is_default else None)
    is_file = wanted not in (None, "none", "imagenet")
    source = read_weights(resolve_weights(wanted)) if is_file else wanted
    theirs = source.architecture if is_file else None
    is_other = theirs and theirs.backbone != args.backbone
    if is_other and is_default and not args.neck:
        width = "" if theirs.width == 1 else f" --alpha {theirs.width:g}"
        raise UserError(
            f"--weights {wanted}: a detector with the backbone {theirs.backbone}; add "
            f"--backbone {theirs.backbone}{width}, or --neck {theirs.neck} to put "
            f"{args.backbone} before its other layers."
        )
    asked = (args.backbone, args.alpha, args.neck, args.priors)
    form = initialise.form_of(source, *asked) if is_file else {}
    given = {name: getattr(args, name) for name in ("neck", "norm", "reuse")}
    given |= {"layout": args.priors, "adapter_filters": args.adapter_filters}
    form |= {name: value for name, value in given.items() if value is not None}
    num_classes = len(class_names) + 1
    architecture = Architecture(args.backbone, num_classes, width=args.alpha, **form)
    if source is None:
        has_default = args.data and architecture.definition.has_imagenet
        source = "imagenet" if has_default else "none"
    model, architecture = initialise.initialise_weights(
        architecture, source, class_names, freezes=bool(args.freeze)
    )
    if theirs and theirs.neck == "yolox" and not is_other:
        keeps_heads = architecture.neck == "yolox"
        _choose_rates(args, source.class_names, class_names, keeps_heads)
    if args.freeze is True:
        initialise.freeze(model)
    is_ours = not is_file or source.metadata is None
    return model, architecture, LICENCE if is_ours else source.metadata.licence


def _choose_rates(
    args: argparse.Namespace,
    known: Sequence[str],
    class_names: Sequence[str],
    keeps_heads: bool,
) -> None:
    """Those of a training that a detector of `known` classes begins, unless given.

    They become options of the run, so that --resume has them.
    """
    is_one_known = {*map(same_class, known)} & {*map(same_class, class_names)}
    factor, backbone_lr_scale = FINE_TUNING[bool(is_one_known)]
    if keeps_heads:
        args.lr = args.lr or factor * RATES[args.optimizer]
    args.backbone_lr_scale = args.backbone_lr_scale or backbone_lr_scale


def load_skeleton(architecture: Architecture, frozen: bool) -> keras.Model:
    """The model of a run that goes on; its checkpoint fills it."""
    model = build(architecture)
    if frozen:
        initialise.freeze(model)
    return model


SAME = (  # options that are settings of the same name
    *("minutes", "patience", "batch_size", "accumulate"),
    *("ema", "skip_non_finite", "seed"),
)


def settings_of(args: argparse.Namespace, train_set: Dataset) -> TrainingConfig:
    """How to train, with the defaults that depend on other options."""
    loss = {"class_weights": class_weights(train_set)} if args.weigh_classes else {}
    epochs = args.epochs or default_epochs(args.data)
    return TrainingConfig(
        epochs=None if args.minutes else epochs,
        lr=args.lr or RATES[args.optimizer],
        optimiser=args.optimizer,
        freeze_epochs=freeze_epochs(args),
        backbone_lr_scale=args.backbone_lr_scale or 1.0,
        loss=loss,
        **{name: getattr(args, name) for name in SAME},
    )


def class_weights(dataset: Dataset) -> list[float]:
    """A weight for background (1) and each class: 1 / sqrt(boxes), 1 in the mean.

    The mean is that over the boxes. Mahajan et al., "Exploring the Limits of Weakly
    Supervised Pretraining", 2018, sec. 2.2, for the root.
    """
    counts = np.array(list(dataset.boxes_per_class().values()), float)  # (C - 1,)
    by_class = 1 / np.sqrt(np.maximum(counts, 1))
    by_class *= counts.sum() / (by_class * counts).sum()
    return [1.0, *by_class.tolist()]


def notes_of(options: dict, precision: str, train_set: Dataset) -> dict:
    """What the weights file tells of its training."""
    return {
        "options": options,
        "precision": precision,
        "data": train_set.name,
        "tile_px": tiles.median_image_side(train_set),  # what detect.py --tile cuts
    }
