"""The options of train.py; Keras is not loaded here."""

import argparse
import sys
from pathlib import Path

from base.command_line import Parser, tile_side
from base.errors import UserError
from base.priors import LAYOUTS
from base.renamed import current_run_options
from models import BACKBONES, NECKS, NORMS, REUSES, check_backbone
from models.weights.hub import DEFAULT_BACKBONE
from training import DEMO_EPOCHS, EPOCHS, PRECISIONS, RATES, TILE_PX, TrainingConfig


def parse(argv: list[str] | None, description: str | None = None) -> argparse.Namespace:
    """The options; of mistakes in them one line and exit status 2."""
    parser = Parser("train.py", description)
    _data_options(parser.add_argument_group("data"))
    _model_options(parser.add_argument_group("model"))
    _backbone_options(parser.add_argument_group("backbone"))
    _training_options(parser.add_argument_group("training"))
    args = parser.parse_args(argv)
    numbers = ["freeze", "tile", "accumulate", "alpha", "patience", "epochs"]
    numbers += ["minutes", "lr", "backbone_lr_scale"]
    numbers += [] if args.batch_size == "auto" else ["batch_size"]
    parser.check_above_0(args, *numbers)
    # others are known when Keras is loaded, which a typing error does here
    if not args.backbone[:1].isupper():
        try:
            check_backbone(args.backbone)
        except UserError as error:
            parser.error(str(error))
    if args.resume and (given := _given(parser, args)):
        parser.error(f"{', '.join(given)} can't be changed by --resume")
    if args.freeze is True and args.backbone_lr_scale is not None:
        print("--backbone-lr-scale has no effect: --freeze", file=sys.stderr)
    epochs = args.epochs or default_epochs(args.data)
    if freeze_epochs(args) >= epochs and not args.minutes:
        parser.error(f"--freeze N must be below --epochs, {epochs} here")
    return args


def freeze_epochs(args: argparse.Namespace) -> int:
    """For how many epochs --freeze N keeps the backbone; 0 where it is another."""
    return 0 if args.freeze is True else args.freeze or 0


def default_epochs(folders: list[str] | None) -> int:
    """The length of a training that is given none; folders: those of --data."""
    return EPOCHS if folders else DEMO_EPOCHS


def resumed(args: argparse.Namespace, options: dict) -> argparse.Namespace:
    """The options of the run that goes on, with the length that was asked for now.

    UserError where that is less than the run was to have, or in another unit.
    """
    if options["minutes"]:
        name, planned, other = "minutes", options["minutes"], args.epochs
    else:
        epochs = options["epochs"] or default_epochs(options["data"])
        name, planned, other = "epochs", epochs, args.minutes
    asked = getattr(args, name) or planned
    if asked < planned or other:
        raise UserError(
            f"--resume only adds to a run: this one takes --{name} above {planned:g}."
        )
    # a run without `ema` is from before there was one
    defaults = {**vars(args), "ema": False}
    options = {**defaults, **current_run_options(options), "resume": args.resume}
    from data.downloads.named import NAMED  # here: --help is quick

    options["data"] = args.data or options["data"]
    for place in options["data"] or ():
        if not (Path(place).exists() or place in NAMED):
            raise UserError(
                f"--resume: the run's data, {place}, are not there; give --data with "
                "the place where they are now."
            )
    if options["tile"] is True:  # before 2026-12
        options["tile"] = TILE_PX
    for gone, value in (("schedule", "cosine"), ("box_loss", None)):
        if options.pop(gone, value) != value:
            raise UserError(
                f"--resume {args.resume}: --{gone.replace('_', '-')} is gone; finish "
                "this run with the version that began it."
            )
    options["patience"] = args.patience or options["patience"]
    options["tensorboard"] |= args.tensorboard
    options["devices"] = args.devices or options["devices"]
    if args.epochs or args.minutes:
        options |= {"epochs": args.epochs, "minutes": args.minutes}
    return argparse.Namespace(**options)


# fmt: off
def _data_options(group: argparse._ArgumentGroup) -> None:
    """Which images."""
    group.add_argument("--data", nargs="+", metavar="FOLDER",
        help="annotated images, see docs/data.md, or voc2007, voc0712, coco2017; "
        "default: the demo set, examples/blood_cells")
    group.add_argument("--classes", metavar="A,B,...",
        help="class names; for fewer classes, or another order; default: those found "
        "in the annotations")
    group.add_argument("--train-split", default="train", metavar="NAME",
        help="learns: train, trainval, ...; for data whose splits have other names; "
        "default: %(default)s")
    group.add_argument("--val-split", default="val", metavar="NAME",
        help="chooses best weights and threshold; for data whose splits have other "
        "names; default: %(default)s")
    group.add_argument("--tile", type=tile_side, nargs="?", const=TILE_PX, metavar="N",
        help=f"cut large images into tiles of N pixels, without N {TILE_PX}; for "
        "objects that shrinking would lose; default: whole images")


def _model_options(group: argparse._ArgumentGroup) -> None:
    """Which network, and what it starts from."""
    group.add_argument("--backbone", default=DEFAULT_BACKBONE, metavar="NAME",
        help=f"{', '.join(BACKBONES)}, or a classifier of keras.applications such as "
        "MobileNetV3Large; for another speed or size, docs/backbones.md; "
        "default: %(default)s")
    group.add_argument("--alpha", type=float, default=1.0, metavar="A",
        help="width of a MobileNet; for a smaller and faster network: 0.25; "
        "default: %(default)s")
    group.add_argument("--neck", choices=NECKS,
        help="which layers stand between backbone and heads; for the paper's network: "
        "ssd, for a smaller one: light; default: that of the detector in --weights, "
        "which is yolox for the one in weights/; else light for squeezenet, native for "
        "yolox_nano and classifiers of keras.applications, ssd for other names")
    group.add_argument("--adapter-filters", type=int, choices=(256, 512),
        help="width of the adapted 38x38 map; for the paper's width: 512; default: "
        "that of --weights, or 256")
    group.add_argument("--norm", choices=NORMS,
        help="BatchNormalization in all that starts from nothing, or the published "
        "plain network; for the paper's network: none; default: that of --weights, or "
        "batch")
    group.add_argument("--priors", choices=LAYOUTS,
        help="sizes and ratios of the prior boxes; for smaller objects: coco; default: "
        "those of --weights, or voc")
    group.add_argument("--weights", metavar="none|imagenet|voc|coco|FILE",
        help="what to start from. A FILE of a backbone or of any detector, and the "
        "published voc and coco, give each layer that fits by name and shape, and the "
        "classes by name. ImageNet's backbone is taken if they bring none; for a "
        "start from your own detector, or none to start from nothing; default: the "
        "detector in weights/ with yolox_nano; with others imagenet where there is "
        "one, none for the demo set")
    group.add_argument("--reuse", choices=REUSES,
        help="deep: VGG's block4 and block5 too, and its dense layers where --weights "
        "is the full classifier's file; for vgg16 and vgg19; default: backbone")


def _backbone_options(group: argparse._ArgumentGroup) -> None:
    """What of the pretrained layers learns."""
    group.add_argument("--freeze", type=int, nargs="?", const=True, metavar="N",
        help="keep the backbone as it is, for N epochs or, without N, the whole "
        "training; for few images and little time; default: all layers learn")
    group.add_argument("--backbone-lr-scale", type=float, metavar="S",
        help="the backbone learns at S times the rate; for images like those of the "
        "pretraining smaller, for others larger; default: 1; after the default "
        "detector 0.1 where it knows a class of the data, else 0.3")


def _training_options(group: argparse._ArgumentGroup) -> None:
    """How long, how fast, on what, and where it is kept."""
    length = group.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=int, metavar="N",
        help="length of the training; for few images more, for thousands fewer; "
        f"default: {EPOCHS}, for the demo set {DEMO_EPOCHS}")
    length.add_argument("--minutes", type=float, metavar="M",
        help="as many epochs as there is time for, the rate falls with the clock; for "
        "a fixed time")
    group.add_argument("--patience", type=int, metavar="N",
        help="end after N epochs without a better validation mAP50; for more epochs "
        "than may be needed: the best often comes late, where the rate is low, so N "
        "is rather a third of the epochs than a tenth; default: train to the end")
    group.add_argument("--batch-size", type=_number_or_auto,
        default=TrainingConfig.batch_size, metavar="N|auto",
        help="images in memory at a time; auto: the largest power of two that fits, "
        "at most 64 and so that an epoch has at least 16 updates; for little memory "
        "smaller, with --accumulate; default: %(default)s")
    group.add_argument("--accumulate", type=int, metavar="N",
        default=TrainingConfig.accumulate,
        help="update once in N batches, as a batch N times larger would but for "
        "its normalisation; for a small --batch-size; default: %(default)s")
    group.add_argument("--optimizer", default=TrainingConfig.optimiser, choices=RATES,
        help="who turns gradients into updates; for the paper's optimiser: sgd; "
        "default: %(default)s")
    group.add_argument("--lr", type=float, metavar="RATE",
        help="peak of the learning rate; when the loss is not finite: a quarter; "
        "default: "
        f"{', '.join(f'{v:g} for {k}' for k, v in RATES.items())}; after the default "
        "detector twice that where it knows no class of the data")
    group.add_argument("--weigh-classes", action="store_true",
        help="rare classes count more in the loss, by the root of their frequency; "
        "for classes of very different frequency")
    group.add_argument("--no-ema", dest="ema", action="store_false",
        default=TrainingConfig.ema,
        help="score and keep the weights of the last step, not the moving average of "
        "the weights; for a comparison with trainings without it")
    group.add_argument("--ema", action="store_true", default=TrainingConfig.ema,
        help=argparse.SUPPRESS)  # the default since 2026-12
    group.add_argument("--precision", default="auto", choices=PRECISIONS,
        help="auto goes by the hardware; when the loss is not finite: float32; "
        "default: %(default)s")
    group.add_argument("--devices", type=_number_or_all, metavar="N|all",
        help="how many GPUs share each batch, see docs/scaling.md; for a machine "
        "with several; default: one")
    group.add_argument("--seed", type=int, default=TrainingConfig.seed, metavar="N",
        help="of weights, order and augmentation; for a second training of the same; "
        "default: %(default)s")
    group.add_argument("--skip-non-finite", action="store_true",
        help="undo and count steps whose loss is not finite, instead of stopping; for "
        "a few bad images")
    group.add_argument("--tensorboard", action="store_true",
        help="also write the curves into the run's folder; for TensorBoard")
    group.add_argument("--output", metavar="FOLDER",
        help="the run's folder; default: a new one in runs/")
    group.add_argument("--resume", metavar="FOLDER",
        help="go on with a run that was stopped; --epochs or --minutes lengthen it, "
        "--patience may change, --data says where its data are now, all other options "
        "are the run's")
# fmt: on


def _number_or_all(text: str) -> str:
    if text != "all" and not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"expected a number or all, received {text}")
    return text


def _number_or_auto(text: str) -> int | str:
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        message = f"expected a number or auto, received {text}"
        raise argparse.ArgumentTypeError(message) from None


def _given(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[str]:
    """The options that --resume does not go with, where they were given."""
    free = ("resume", "data", "epochs", "minutes", "patience", "tensorboard", "devices")
    given = [n for n, value in vars(args).items() if value != parser.get_default(n)]
    return [f"--{name.replace('_', '-')}" for name in given if name not in free]
