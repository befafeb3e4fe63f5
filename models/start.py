"""Where a training starts from: nothing, ImageNet, or a trained detector."""

from collections.abc import Sequence
from dataclasses import replace

import keras

from models import Architecture, build, extractor_layers, weights


def start(
    architecture: Architecture, wanted: str, class_names: Sequence[str]
) -> tuple[keras.Model, Architecture]:
    """The model to train, and the architecture it really has.

    `wanted` is "none", "imagenet", an extractor's file or a detector's weights file of
    the same backbone and classes, whose own architecture then counts. ValueError where
    it can't be had or does not fit.
    """
    if wanted == "none":
        return build(architecture), architecture
    if wanted == "imagenet" or not weights.is_detector(wanted):
        architecture = replace(architecture, pretrained=True)
        return build(architecture, wanted), architecture
    description = weights.describe(wanted)
    expected = (architecture.backbone, list(class_names))
    received = (description.architecture.backbone, description.class_names)
    if expected != received:
        raise ValueError(
            f"--weights {wanted}: expected a detector (backbone, classes) {expected}, "
            f"received {received}."
        )
    return weights.load(wanted)[0], description.architecture


def freeze(model: keras.Model) -> None:
    """Keep the extractor as it is: weights, and statistics in inference mode too."""
    for layer in extractor_layers(model):
        layer.trainable = False
