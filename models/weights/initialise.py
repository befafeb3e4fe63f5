"""Where a training starts from: nothing, ImageNet, or a trained detector."""

from collections.abc import Sequence
from dataclasses import replace

import keras

from base.errors import UserError
from models import Architecture, backbone_layers, build, fix
from models.necks.light import PUBLISHED_WIDTH
from models.weights.arrays import fill
from models.weights.published.keras_legacy import download
from models.weights.read import WeightsFile, read_weights
from models.weights.vgg_trunk import fill_deep


def initialise_weights(
    architecture: Architecture, weights: str, class_names: Sequence[str]
) -> tuple[keras.Model, Architecture]:
    """The model to train, and the architecture it really has.

    `weights` is "none", "imagenet", a backbone's file or a detector's, ours or
    published, of the same architecture (normalisation and preprocessing may differ)
    and classes. UserError where it can't be had or does not fit.
    """
    if weights == "none":
        return build(architecture), architecture
    file = None if weights == "imagenet" else read_weights(weights)
    is_authors = architecture.is_detectors and file and file.origin == "YOLOX"
    if file and file.metadata and not is_authors:
        return _same_detector(architecture, file, class_names)
    architecture = replace(architecture, pretrained=True)
    if architecture.reuse == "deep":
        model = build(architecture)
        fill_deep(model, architecture.application, weights)
        return model, architecture
    return pretrained_backbone(architecture, weights, file), architecture


def pretrained_backbone(
    architecture: Architecture,
    weights: str = "imagenet",
    file: WeightsFile | None = None,
) -> keras.Model:
    """A detector whose backbone is filled; the rest starts from nothing.

    weights: "imagenet", or a path; `file` is what it holds. Of its authors' detector a
    backbone takes all but the last layers.
    """
    if not architecture.has_imagenet and not (
        architecture.is_detectors and weights != "imagenet"
    ):
        known = " or FILE" if architecture.is_detectors else ""
        raise UserError(
            f"--weights {weights}: there are none for {architecture.backbone}; "
            f"use --weights none{known}."
        )
    if weights != "imagenet" and file is None:
        file = read_weights(weights)  # nothing in it may lead elsewhere
    if not architecture.own_file and not architecture.is_detectors:
        return build(architecture, weights)
    if file is None:
        file = read_weights(download(*architecture.own_file))
    model = build(architecture)
    but = ["_mbox_"]
    if architecture.adapter_filters != PUBLISHED_WIDTH:
        but.append("fire6")
    arrays = {
        name: values
        for name, values in file.stored.items()
        if not any(part in name for part in but)
    }
    try:
        filled = fill(model, arrays)
    except UserError as error:
        reason = f"does not fit {architecture.backbone}: {error}"
        raise UserError(f"{file.path}: {reason}") from error
    if not filled:
        raise UserError(
            f"{file.path}: no layer of it is one of {architecture.backbone}'s."
        )
    return model


def _same_detector(
    architecture: Architecture, file: WeightsFile, class_names: Sequence[str]
) -> tuple[keras.Model, Architecture]:
    """All of a detector, in the form of normalisation that was asked for."""
    if file.class_names != list(class_names):
        raise UserError(
            f"--weights {file.path}: expected the classes {', '.join(class_names)}, "
            f"received {', '.join(file.class_names)}. --init-from takes over "
            "what both know."
        )
    theirs = file.architecture
    # the file's own; another norm is a form of the same network, below
    follows = ("norm", "pretrained", "preprocessing")
    expected = replace(
        architecture, **{name: getattr(theirs, name) for name in follows}
    )
    if expected != theirs:
        raise UserError(
            f"--weights {file.path}: expected {expected.in_words()}, received "
            f"{theirs.in_words()}."
        )
    if architecture.norm == theirs.norm:
        return file.build(), theirs
    # normalised and plain forms of one network take each other's weights exactly
    other = replace(theirs, norm=architecture.norm)
    twin = build(other)
    fill(twin, file.plain)
    return twin, other


def form_of(source: WeightsFile | None, backbone: str, width: float = 1.0) -> dict:
    """Arguments of Architecture with which a source's layers fit as they are."""
    if source is None or source.architecture is None:
        return {}
    theirs = source.architecture
    form = {"norm": theirs.norm, "layout": theirs.layout}
    if theirs.neck != "native":  # that one belongs to its classifier
        form["neck"] = theirs.neck
    if brings_backbone(source, backbone, width):  # its backbone's form too
        for name in ("pretrained", "reuse", "preprocessing"):
            form[name] = getattr(theirs, name)
    return form


def brings_backbone(
    source: WeightsFile | None, backbone: str, width: float = 1.0
) -> bool:
    """Whether a source fills the backbone too: its file, or a detector with it."""
    if source is None:
        return False
    theirs = source.architecture
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
