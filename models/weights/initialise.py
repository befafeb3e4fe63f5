"""Where a training starts from: nothing, ImageNet, or a trained detector."""

from collections.abc import Sequence
from dataclasses import replace

import keras

from base.errors import UserError
from models import Architecture, backbone_layers, build, fix
from models.architecture import STAGED
from models.weights import transfer
from models.weights.published.keras_legacy import download
from models.weights.read import WeightsFile, read_weights
from models.weights.vgg_blocks import fill_deep


def initialise_weights(
    architecture: Architecture,
    weights: WeightsFile | str,
    class_names: Sequence[str],
    freezes: bool = False,
) -> tuple[keras.Model, Architecture]:
    """The model to train, and the architecture it really has.

    weights: "none", "imagenet", or a file. A detector's gives every layer that fits by
        name and shape, and the classes by name; a table tells which. Where it brings no
        backbone, ImageNet's is taken if there is one.
    freezes: whether the backbone is to stay as it begins.

    UserError where the weights can't be had, nothing of them fits, or `freezes` would
    keep what starts from nothing.
    """
    if weights == "none":
        model = build(architecture)
        left = [layer.name for layer in backbone_layers(model) if layer.weights]
        if architecture.reuse == "deep":
            raise UserError("--reuse deep takes more of --weights; here that is none.")
    else:
        if isinstance(weights, str) and weights != "imagenet":
            weights = read_weights(weights)
        if weights == "imagenet" or weights.metadata is None:
            architecture = replace(architecture, pretrained=True)
            return pretrained_backbone(architecture, weights), architecture
        model, architecture, left = _from_detector(architecture, weights, class_names)
    if freezes and left:
        raise UserError(
            f"--freeze keeps a backbone as --weights brings it; {left[0]} would stay "
            "as it begins, from nothing."
        )
    return model, architecture


def pretrained_backbone(
    architecture: Architecture, weights: WeightsFile | str = "imagenet"
) -> keras.Model:
    """A detector whose backbone is filled; the rest starts from nothing.

    weights: "imagenet", or a backbone's file; UserError where it has not all of it.
    """
    name = architecture.backbone
    definition = architecture.definition
    if weights == "imagenet" and not definition.has_imagenet:
        raise UserError(
            f"--weights imagenet: there are none for {name}; give other --weights."
        )
    if weights != "imagenet" and isinstance(weights, str):
        weights = read_weights(weights)  # nothing in it may lead elsewhere
    path = weights if weights == "imagenet" else weights.path
    if architecture.reuse == "deep":
        model = build(architecture)
        fill_deep(model, definition.application, path)
        return model
    if definition.application:
        return build(architecture, path)  # Keras fills it
    if weights == "imagenet":
        weights = read_weights(download(*definition.imagenet))
    model = build(architecture)
    if left := _not_taken(model, transfer.transfer(model, (), weights)):
        raise UserError(f"{path} does not fit {name}: its {left[0]} is not there.")
    return model


def _from_detector(
    architecture: Architecture, file: WeightsFile, class_names: Sequence[str]
) -> tuple[keras.Model, Architecture, list[str]]:
    """What initialise_weights gives; layers of the backbone that start from nothing."""
    kept: set[str] = set()
    if brings_backbone(file, architecture.backbone, architecture.width):
        kinds = ("pretrained", "preprocessing")
        theirs = {name: getattr(file.architecture, name) for name in kinds}
        architecture = replace(architecture, **theirs)
        model = build(architecture)
    elif architecture.definition.has_imagenet:
        architecture = replace(architecture, pretrained=True)
        model = pretrained_backbone(architecture)
        # part of one backbone in another is neither
        kept = {layer.name for layer in backbone_layers(model)}
    else:
        model = build(architecture)
    rows = transfer.transfer(model, class_names, file, kept)
    print(transfer.table(rows))
    return model, architecture, _not_taken(model, rows)


def _not_taken(model: keras.Model, rows: Sequence[transfer.Row]) -> list[str]:
    """Layers of the backbone."""
    inside = {layer.name for layer in backbone_layers(model)}
    left = [row.layer for row in rows if row.outcome != transfer.TAKEN]
    return [layer for layer in left if layer in inside]


def form_of(
    file: WeightsFile,
    backbone: str,
    width: float = 1.0,
    neck: str | None = None,
    layout: str | None = None,
) -> dict:
    """Arguments of Architecture with which a file's layers fit as they are.

    neck, layout: what is asked for instead of the file's, if anything.
    """
    theirs = file.architecture
    if theirs is None:
        return {}
    names = ["norm"]
    if theirs.neck != "yolox":  # its layout goes with no other neck
        names.append("layout")
    if theirs.neck not in STAGED:  # these belong to their backbone
        names.append("neck")
    if brings_backbone(file, backbone, width):
        names = ["norm", "layout", "neck", "adapter_filters", "reuse"]
    if theirs.neck == "yolox" and (neck or layout or "yolox") != "yolox":
        names = [name for name in names if name not in ("layout", "neck")]
    return {name: getattr(theirs, name) for name in names}


def brings_backbone(file: WeightsFile, backbone: str, width: float = 1.0) -> bool:
    """Whether a file fills the backbone too: its own, or a detector with it."""
    theirs = file.architecture
    return theirs is None or (theirs.backbone, theirs.width) == (backbone, width)


def freeze(model: keras.Model) -> None:
    """Keep the backbone as it is: weights, and statistics in inference mode too."""
    for layer in backbone_layers(model):
        layer.trainable = False


def thaw(model: keras.Model, architecture: Architecture) -> None:
    """Let the backbone learn again, but for what its file fixes."""
    for layer in backbone_layers(model):
        layer.trainable = True
    fix(model, architecture)


def backbone_variables(model: keras.Model) -> list[keras.Variable]:
    """The weights that `freeze` keeps and `--backbone-lr-scale` slows down."""
    return [weight for layer in backbone_layers(model) for weight in layer.weights]
