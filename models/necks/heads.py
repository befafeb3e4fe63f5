"""What all detectors begin and end with: the input, the adapter, the heads."""

from keras import Input, layers

from models.architecture import Architecture
from models.layers import norm_relu
from ssd_utils import IMAGE_SIZE, LAYOUTS, MAP_SIZES, Tensor


def adapter(
    features: Tensor,
    filters: int,
    norm: str,
    name: str = "conv4_0",
    size: int = MAP_SIZES[0],
) -> Tensor:
    """Features (B, n, n, F) brought to (B, size, size, filters).

    The 2018 article's transposed convolution; its kernel is size - n + 1.
    """
    kernel = size - features.shape[1] + 1
    options = {"use_bias": norm == "none", "kernel_initializer": "he_normal"}
    x = layers.Conv2DTranspose(filters, kernel, name=name, **options)(features)
    return norm_relu(x, name, norm)


def adapted(stages: list[Tensor], architecture: Architecture) -> Tensor:
    """The 38x38 map that the necks of one map begin with."""
    (features,) = stages
    if not architecture.definition.has_adapter:
        return features
    return adapter(features, architecture.adapter_filters, architecture.norm)


def heads(
    sources: dict[str, Tensor | tuple[Tensor, Tensor]], num_classes: int, layout: str
) -> Tensor:
    """Raw predictions (B, P, 4 + C) in float32 from the maps, by name.

    One 3x3 convolution for the offsets and one for the class logits of each map; on a
    mean over the map 3x3 would only see padding, so there it is 1x1. So it is too
    where a neck has a map for either, a pair, behind convolutions of their own.
    """
    offsets, logits = [], []
    counts = LAYOUTS[layout].priors_per_cell
    for (name, features), count in zip(sources.items(), counts, strict=True):
        kernel = 1 if name == "pool6" or isinstance(features, tuple) else 3
        pair = features if isinstance(features, tuple) else (features, features)
        parts = (("loc", 4, offsets), ("conf", num_classes, logits))
        for (part, size, found), seen in zip(parts, pair, strict=True):
            options = {"padding": "same", "name": f"{name}_mbox_{part}"}
            x = layers.Conv2D(count * size, kernel, **options)(seen)
            found.append(layers.Reshape((-1, size), name=f"{name}_{part}")(x))
    offsets = layers.Concatenate(axis=1, name="mbox_loc")(offsets)  # (B, P, 4)
    logits = layers.Concatenate(axis=1, name="mbox_conf")(logits)  # (B, P, C)
    last = layers.Concatenate(axis=2, name="predictions", dtype="float32")
    return last([offsets, logits])


def images_input() -> Tensor:
    """The input of every model: RGB images (B, 300, 300, 3) in 0..255."""
    return Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="images", dtype="uint8")
