"""What the options of train.py ask for: images, a model, settings.

The half of that script between its options and its loop, and only its: so `args` comes
as far as here.
"""

import argparse
import sys
from pathlib import Path

import keras
import numpy as np

from base.errors import UserError
from data import (
    Dataset,
    median_image_side,
    open_dataset,
    report_problems,
    tile_dataset,
)
from models import Architecture, backbone_layers, build
from models.weights import WeightsFile, initialise, read_weights, transfer
from models.weights.hub import DEFAULT, DEFAULT_BACKBONE, NAMED, resolve_weights
from training import DEMO, FINE_TUNING, RATES
from training.options import default_epochs
from training.state import TrainingConfig


def check_files(args: argparse.Namespace) -> None:
    """UserError where a file to start from is missing: before the data are read."""
    given = {"--weights": args.weights, "--init-from": args.init_from}
    words = {"--weights": ("imagenet", "none", *NAMED), "--init-from": NAMED}
    for flag, wanted in given.items():
        if wanted and wanted not in words[flag] and not Path(wanted).is_file():
            raise UserError(f"{flag} {wanted}: no such file.")


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
    given = list(dict.fromkeys(n.strip() for n in (class_names or "").split(",")))
    given = [name for name in given if name] or None
    opened = open_dataset(folders or [DEMO])
    train_set = opened.split(splits[0], given)
    val_set = opened.split(splits[1], train_set.class_names)
    if tile_px:
        train_set, val_set = (tile_dataset(s, tile_px) for s in (train_set, val_set))
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
) -> tuple[keras.Model, Architecture]:
    """The model to train, frozen where that was asked for, and its architecture."""
    init_from = args.init_from or _default_source(args)
    source = read_weights(resolve_weights(init_from)) if init_from else None
    given = {name: getattr(args, name) for name in ("neck", "norm", "layout", "reuse")}
    given = {name: value for name, value in given.items() if value is not None}
    architecture = Architecture(
        backbone=args.backbone,
        num_classes=len(class_names) + 1,
        width=args.width,
        adapter_filters=args.adapter_filters,
        **(initialise.form_of(source, args.backbone, args.width) | given),
    )
    is_brought = initialise.brings_backbone(source, args.backbone, args.width)
    has_default = args.data and architecture.has_imagenet and not is_brought
    default = "imagenet" if has_default else "none"
    wanted = resolve_weights(args.weights or default)
    freezes = args.freeze or args.freeze_epochs
    if wanted == "none" and not is_brought and freezes:
        raise UserError(
            "--freeze keeps a backbone that --weights or --init-from brings; here "
            "neither does."
        )
    if wanted == "none" and args.reuse == "deep":
        raise UserError("--reuse deep takes more of --weights; here that is none.")
    model, architecture = initialise.initialise_weights(
        architecture, wanted, class_names
    )
    if source:
        left = _take_over(model, class_names, source, is_brought, wanted != "none")
        if left and freezes:
            raise UserError(
                f"--init-from {source.path} lacks a part of the backbone, such as "
                f"{left[0]}, which would stay as it begins, from nothing: give "
                "--weights too, or leave out --freeze and --freeze-epochs."
            )
        if architecture.neck == "yolox":
            _choose_rates(args, bool({*source.class_names} & {*class_names}))
    if args.freeze:
        initialise.freeze(model)
    return model, architecture


def _choose_rates(args: argparse.Namespace, knows_a_class: bool) -> None:
    """Those of a training that a detector begins, where none are asked for.

    They become options of the run, so that --resume has them.
    """
    factor, backbone_lr_scale = FINE_TUNING[knows_a_class]
    args.lr = args.lr or factor * RATES[args.optimizer]
    args.backbone_lr_scale = args.backbone_lr_scale or backbone_lr_scale


def _default_source(args: argparse.Namespace) -> str | None:
    """The detector in weights/, where --backbone is its own and no option forbids."""
    own_form = args.neck in (None, "yolox") and args.layout in (None, "yolox")
    is_asked = args.backbone == DEFAULT_BACKBONE and own_form
    return str(DEFAULT) if is_asked and not args.weights else None


def _take_over(
    model: keras.Model,
    class_names: list[str],
    source: WeightsFile,
    is_brought: bool,
    has_extractor: bool,
) -> list[str]:
    """Fill the model from --init-from and print what became of each layer.

    Part of one backbone in another is neither. So where `--weights` brought one
    (has_extractor), it stays as it is unless the source brings all of its own.
    Returns the layers of the backbone that nothing fills.
    """
    backbone = {layer.name for layer in backbone_layers(model)}
    rows = transfer.transfer(model, class_names, source, try_only=True)
    left = [
        row.layer
        for row in rows
        if row.layer in backbone and row.outcome != transfer.TAKEN
    ]
    keeps = has_extractor and (left or not is_brought)
    rows = transfer.transfer(model, class_names, source, backbone if keeps else ())
    print(transfer.table(rows))
    if keeps:
        print("  the backbone stays that of --weights")
    return [] if has_extractor else left


def load_skeleton(architecture: Architecture, frozen: bool) -> keras.Model:
    """The model of a run that goes on; its checkpoint fills it."""
    model = build(architecture)
    if frozen:
        initialise.freeze(model)
    return model


def settings_of(args: argparse.Namespace, train_set: Dataset) -> TrainingConfig:
    """How to train, with the defaults that depend on other options."""
    loss = {"box_loss": args.box_loss} if args.box_loss else {}
    if args.weigh_classes:
        loss["class_weights"] = class_weights(train_set)
    epochs = args.epochs or default_epochs(args.data)
    return TrainingConfig(
        epochs=None if args.minutes else epochs,
        minutes=args.minutes,
        patience=args.patience,
        batch_size=args.batch_size,
        accumulate=args.accumulate,
        lr=args.lr or RATES[args.optimizer],
        schedule=args.schedule,
        optimiser=args.optimizer,
        freeze_epochs=args.freeze_epochs,
        backbone_lr_scale=args.backbone_lr_scale or 1.0,
        average=args.average,
        skip_bad_batches=args.skip_bad_batches,
        loss=loss,
        seed=args.seed,
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
        "tile_px": median_image_side(train_set),  # what detect.py --tile cuts
    }
