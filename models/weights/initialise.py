"""Where a training starts from: nothing, ImageNet, or a trained detector."""

from collections.abc import Sequence
from dataclasses import replace

import keras

from base.errors import UserError
from models import Architecture, build, extractor_layers, fix, weights
from models.weights.published.yolox import is_yolox
from models.weights.transfer import Source
from models.weights.vgg_trunk import fill_deep


def start(
    architecture: Architecture, wanted: str, class_names: Sequence[str]
) -> tuple[keras.Model, Architecture]:
    """The model to train, and the architecture it really has.

    `wanted` is "none", "imagenet", an extractor's file or a detector's, ours or
    published, of the same architecture (normalisation and preprocessing may differ)
    and classes. UserError where it can't be had or does not fit.
    """
    if wanted == "none":
        return build(architecture), architecture
    if wanted == "imagenet" or not _is_whole(architecture, wanted):
        architecture = replace(architecture, pretrained=True)
        if architecture.reuse == "deep":
            model = build(architecture)
            fill_deep(model, architecture.application, wanted)
            return model, architecture
        return build(architecture, wanted), architecture
    model, description = weights.load(wanted)
    if description.class_names != list(class_names):
        raise UserError(
            f"--weights {wanted}: expected the classes {', '.join(class_names)}, "
            f"received {', '.join(description.class_names)}. --init-from takes over "
            "what both know."
        )
    theirs = description.architecture
    # the file's own; another norm is a form of the same network, below
    follows = ("norm", "pretrained", "preprocessing")
    expected = replace(
        architecture, **{name: getattr(theirs, name) for name in follows}
    )
    if expected != theirs:
        raise UserError(
            f"--weights {wanted}: expected {expected.in_words()}, received "
            f"{theirs.in_words()}."
        )
    if architecture.norm == theirs.norm:
        return model, theirs
    # normalised and plain forms of one network take each other's weights exactly
    other = replace(theirs, norm=architecture.norm)
    twin = build(other)
    weights.fill(twin, weights.plain_arrays(model))
    return twin, other


def _is_whole(architecture: Architecture, path: str) -> bool:
    """Whether a file is to give all of a detector, its classes too.

    Of its authors' own file a backbone takes what is not the heads.
    """
    if hasattr(architecture.module, "published_arrays") and is_yolox(path):
        return False
    return weights.is_detector(path) or weights.find_published(path) is not None


def form_of(source: Source | None, backbone: str, width: float = 1.0) -> dict:
    """Arguments of Architecture with which a source's layers fit as they are."""
    if source is None or source.architecture is None:
        return {}
    theirs = source.architecture
    form = {"norm": theirs.norm, "layout": theirs.layout}
    if theirs.trunk != "native":  # that one belongs to its classifier
        form["trunk"] = theirs.trunk
    if brings_extractor(source, backbone, width):  # its extractor's form too
        for name in ("pretrained", "reuse", "preprocessing"):
            form[name] = getattr(theirs, name)
    return form


def brings_extractor(source: Source | None, backbone: str, width: float = 1.0) -> bool:
    """Whether a source fills the extractor too: its file, or a detector with it."""
    if source is None:
        return False
    theirs = source.architecture
    return theirs is None or (theirs.backbone, theirs.width) == (backbone, width)


def freeze(model: keras.Model) -> None:
    """Keep the extractor as it is: weights, and statistics in inference mode too."""
    for layer in extractor_layers(model):
        layer.trainable = False


def thaw(model: keras.Model, architecture: Architecture) -> None:
    """Let the extractor learn again, but for what its file fixes."""
    for layer in extractor_layers(model):
        layer.trainable = True
    fix(model, architecture)


def extractor_variables(model: keras.Model) -> list[keras.Variable]:
    """The weights that `freeze` keeps and `--backbone-lr-scale` slows down."""
    return [weight for layer in extractor_layers(model) for weight in layer.weights]
