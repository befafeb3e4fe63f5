"""The collection of detectors: a backbone's name -> its file, a description -> a model.

A backbone's file offers `PREPROCESSING` (a row of models.layers.PREPROCESSING) and
`backbone(images, weights, norm)` -> features (B, n, n, F) with n up to 38. It may
offer `DEFAULT_NECK`, `ADAPTER = False` where its features are the 38x38 map itself,
and `IMAGENET`, address and MD5 of its ImageNet weights where keras.applications has
none: that file fills all layers of the built model whose names it knows, those of the
neck too; None where there are no such weights at all. `APPLICATION` names the whole
classifier for the neck `native`; models.keras_applications offers the same for any of
them. A detector's backbone and neck offer `stages(images, weights, norm)`, three maps
for `native`, and PUBLISHED_DETECTOR where its authors' files are whole detectors.
`DEPTHWISE` tells that most convolutions are depthwise, `FIXED` which layers never learn
where the weights are published ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings

from base.errors import UserError, in_one_line
from models.architecture import (
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

__all__ = [
    "BACKBONES",
    "NECKS",
    "NORMS",
    "REUSES",
    "Architecture",
    "backbone_layers",
    "build",
    "check_backbone",
    "explained",
    "fix",
]
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
    from models.necks import heads, light, native, ssd, yolox

    module = architecture.module
    images = heads.images_input()
    preprocessing = architecture.preprocessing or module.PREPROCESSING
    x = Preprocess(preprocessing, name="preprocess")(images)
    stages = _extract(architecture, x, weights)
    # the backbone ends here
    stages = [
        keras.layers.Identity(name=name)(stage)
        for name, stage in zip(ENDS, stages, strict=False)
    ]
    filters, norm = architecture.adapter_filters, architecture.norm
    if architecture.neck == "native":
        is_neck = architecture.staged is module and not architecture.has_adapter
        sources = native.neck(stages, None if is_neck else filters, norm)
    elif architecture.neck == "yolox":
        sources = yolox.neck(stages, architecture.backbone_norm)
    else:
        (x,) = stages
        if architecture.has_adapter:
            x = heads.adapter(x, filters, norm)
        if architecture.neck == "light":
            fire_norm = architecture.backbone_norm if architecture.own_file else norm
            sources = light.neck(x, norm, fire_norm)
        else:
            block_norm = "none" if architecture.reuse == "deep" else norm
            sources = ssd.neck(x, norm, architecture.layout, block_norm)
    predictions = heads.heads(sources, architecture.num_classes, architecture.layout)
    model = keras.Model(images, predictions, name=architecture.backbone)
    set_momentum(backbone_layers(model))
    fix(model, architecture)
    return model


def fix(model: "keras.Model", architecture: Architecture) -> None:
    """Layers that a backbone's file names as FIXED learn nothing, if published."""
    names = getattr(architecture.module, "FIXED", ()) if architecture.pretrained else ()
    for layer in model.layers:
        if layer.name.split("_")[0] in names:
            layer.trainable = False


def backbone_layers(model: "keras.Model") -> list:
    """The layers of a built detector that belong to its backbone."""
    import keras

    ends = [layer.output for layer in model.layers if layer.name in ENDS]
    return keras.Model(model.input, ends).layers


def _extract(architecture: Architecture, images: Any, weights: str | None) -> list:
    """The maps that the neck begins with: three for those of STAGED, else one."""
    with explained(weights, architecture.backbone):
        norm = architecture.backbone_norm
        if architecture.neck in STAGED:
            return architecture.staged.stages(images, weights, norm)
        return [architecture.module.backbone(images, weights, norm)]


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
            raise UserError(
                f"--weights {weights} does not fit {backbone}: {reason}"
            ) from error
        raise UserError(
            f"--weights imagenet: {reason}. Keras keeps ImageNet weights in "
            "~/.keras/models: go online once, copy the file there, or use --weights "
            "FILE or --weights none."
        ) from error
