"""The collection of detectors: a backbone's name -> its file, a description -> a model.

A backbone's file defines BACKBONE, an architecture.Backbone, a neck's file
`neck(stages, architecture)`: from the backbone's maps to those that the heads see.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING
from warnings import catch_warnings

from base.errors import UserError, in_one_line
from models.architecture import (  # noqa: F401, others ask here for them
    BACKBONES,
    NECKS,
    NORMS,
    REUSES,
    STAGED,
    Architecture,
    check_backbone,
)

if TYPE_CHECKING:  # Keras is loaded when a model is built, not to list the names
    import keras

ENDS = ("features", "features_19", "features_10")  # ours: where a backbone ends


def build(architecture: Architecture, weights: str | None = None) -> "keras.Model":
    """The detector as a keras.Model: images (B, 300, 300, 3) in 0..255 -> predictions.

    Predictions are float32 (B, P, 4 + C): offsets, then class logits. `weights` is
    None, or what keras.applications fills its classifier from: "imagenet" (downloaded
    once by Keras) or the path of a file. UserError where these can't be had or don't
    fit. models.weights.initialise fills the other backbones.
    """
    import keras

    from models.layers import Preprocess, set_momentum
    from models.necks import heads

    images = heads.images_input()
    preprocessing = architecture.preprocessing or architecture.definition.preprocessing
    x = Preprocess(preprocessing, name="preprocess")(images)
    definition, norm = architecture.definition, architecture.backbone_norm
    with explained(weights, architecture.backbone):
        if architecture.neck in STAGED:
            stages = architecture.stages(x, weights, norm)
        else:
            stages = [definition.features(x, weights, norm)]
    # the backbone ends here
    stages = [
        keras.layers.Identity(name=name)(stage)
        for name, stage in zip(ENDS, stages, strict=False)
    ]
    neck = import_module(f"models.necks.{architecture.neck}").neck
    sources = neck(stages, architecture)
    predictions = heads.heads(sources, architecture.num_classes, architecture.layout)
    model = keras.Model(images, predictions, name=architecture.backbone)
    set_momentum(backbone_layers(model))
    fix(model, architecture)
    return model


def fix(model: "keras.Model", architecture: Architecture) -> None:
    """Layers that a backbone's file names as fixed learn nothing, if published."""
    names = architecture.definition.fixed if architecture.pretrained else ()
    for layer in model.layers:
        if layer.name.split("_")[0] in names:
            layer.trainable = False


def backbone_layers(model: "keras.Model") -> list:
    """The layers of a built detector that belong to its backbone."""
    import keras

    ends = [layer.output for layer in model.layers if layer.name in ENDS]
    return keras.Model(model.input, ends).layers


@contextmanager
def explained(weights: str | None, backbone: str) -> Iterator[None]:
    """UserError in place of what Keras raises where weights can't be had or fit."""
    try:
        with catch_warnings(action="ignore"):  # the error says it
            yield
    except Exception as error:  # Keras raises a bare Exception when offline
        if weights is None:
            raise
        reason = in_one_line(error)
        if weights != "imagenet":
            line = f"--weights {weights} does not fit {backbone}: {reason}"
            raise UserError(line) from error
        raise UserError(
            f"--weights imagenet: {reason}. Keras keeps ImageNet weights in "
            "~/.keras/models: go online once, copy the file there, or use --weights "
            "FILE or --weights none."
        ) from error
