"""Any classifier of keras.applications as a backbone, its stages found by stride.

A stage is all that happens at one map size; what leaves it is the last map through
which everything deeper passes: the end of a residual block, of an inception module, or,
as in torchvision's SSDlite (models/detection/ssdlite.py), the expansion of the block
that halves the map.
"""

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import applications

from base.errors import UserError
from models.architecture import Backbone
from models.layers import PREPROCESSING, give_lasting_names
from ssd_utils import IMAGE_SIZE, MAP_SIZES, Tensor

MOST_MISSING = 3  # cells; ours: InceptionV3 has 35, 17, 8 for 38, 19, 10


def names() -> list[str]:
    """All classifiers that this Keras has."""
    return [
        name for name, value in vars(applications).items() if inspect.isfunction(value)
    ]


def backbone(name: str, width: float = 1.0) -> Backbone:
    """What a backbone's file defines, for a classifier by its name."""

    def features(images: Tensor, weights: str | None, norm: str) -> Tensor:
        return stages(name, width, images, weights)[0]

    return Backbone(_preprocessing(name), features, application=name, neck="native")


def stages(
    name: str, width: float, images: Tensor, weights: str | None, norm: str = "batch"
) -> list[Tensor]:
    """Three maps (B, n, n, F), n near 38, 19 and 10; `norm` is the classifier's own."""
    built = classifier(name, images, weights, width)
    maps = [_stage(built, size) for size in MAP_SIZES[:3]]
    give_lasting_names(built, name.lower())
    return maps


def classifier(
    name: str, images: Tensor, weights: str | None, width: float = 1.0
) -> keras.Model:
    """The classifier without its last layers, of preprocessed images."""
    make = getattr(applications, name)
    options: dict[str, Any] = {"include_top": False, "input_tensor": images}
    if width != 1:
        if "alpha" not in inspect.signature(make).parameters:
            raise UserError(f"--alpha {width}: {name} has one width.")
        options["alpha"] = width
    return make(weights=weights, **options)


def cut(name: str, layer: str, prefix: str = "") -> Callable:
    """`Backbone.features`: a classifier's map behind a layer; it has its own norms.

    prefix: of the names that its layers get which Keras only numbers.
    """

    def features(images: Tensor, weights: str | None, norm: str) -> Tensor:
        output = classifier(name, images, weights).get_layer(layer).output
        if prefix:
            give_lasting_names(keras.Model(images, output), prefix)
        return output

    return features


def is_depthwise(name: str, width: float) -> bool:
    """Whether a map of it is filtered by itself, as MobileNets do."""
    kinds = (keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
    built = classifier(name, keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3)), None, width)
    return any(isinstance(layer, kinds) for layer in built._flatten_layers())


def _preprocessing(name: str) -> str:
    """The row of the table that is the classifier's own `preprocess_input`."""
    module = inspect.getmodule(getattr(applications, name))
    probe = np.float32([[[[0, 0, 0], [10, 20, 40]]]])  # affine: two colours tell
    wanted = module.preprocess_input(probe.copy())
    for mode, (reverse, mean, divisor) in PREPROCESSING.items():
        seen = probe[..., ::-1] if reverse else probe
        if np.allclose((seen - np.float32(mean)) / divisor, wanted, atol=1e-4):
            return mode
    raise UserError(f"--backbone {name}: its preprocessing is not known.")


def _stage(built: keras.Model, size: int) -> Tensor:
    passed = _ends(built)
    for n in range(size, size - MOST_MISSING - 1, -1):
        if n in passed:
            return passed[n]
    raise UserError(
        f"--backbone {built.name}: none of its maps is {size}x{size} or a little "
        f"smaller; it has {', '.join(map(str, passed))}."
    )


def _ends(built: keras.Model) -> dict[int, Tensor]:
    """By map size: the last map through which all passes, else the widest one.

    NASNet's cells see the two cells before them, so nothing there passes all.
    """
    places = {layer.name: place for place, layer in enumerate(built.layers)}
    widest: dict[int, Tensor] = {}
    narrow: dict[int, Tensor] = {}
    reach = 0  # the last layer that sees something before this one
    for place, layer in enumerate(built.layers):
        all_passes = reach <= place
        followers = [node.operation.name for node in layer._outbound_nodes]
        reach = max([reach, *(places.get(name, 0) for name in followers)])
        shape = layer.output.shape
        # what ZeroPadding2D adds is the next convolution's border
        if len(shape) != 4 or isinstance(layer, keras.layers.ZeroPadding2D):
            continue
        if all_passes:
            narrow[shape[1]] = layer.output
        if shape[1] not in widest or shape[-1] >= widest[shape[1]].shape[-1]:
            widest[shape[1]] = layer.output
    return widest | narrow
