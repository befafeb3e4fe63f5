"""Any classifier of keras.applications as a backbone, its stages found by stride.

A stage is all that happens at one map size; what leaves it is the last map through
which everything deeper passes: the end of a residual block, of an inception module, or,
as in torchvision's SSDlite (models/detection/ssdlite.py), the expansion of the block
that halves the map.
"""

import inspect
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import applications

from base.errors import UserError
from models.layers import PREPROCESSING, give_lasting_names
from ssd_utils import MAP_SIZES, Tensor

MOST_MISSING = 3  # cells; ours: InceptionV3 has 35, 17, 8 for 38, 19, 10


def names() -> list[str]:
    """All classifiers that this Keras has."""
    return [
        name for name, value in vars(applications).items() if inspect.isfunction(value)
    ]


@dataclass(frozen=True)
class Application:
    """What a backbone's file offers, for a classifier by its name; see models."""

    name: str
    width: float = 1.0

    DEFAULT_NECK = "native"

    @property
    def PREPROCESSING(self) -> str:
        """The row of the table that is the classifier's own `preprocess_input`."""
        module = inspect.getmodule(getattr(applications, self.name))
        probe = np.float32([[[[0, 0, 0], [10, 20, 40]]]])  # affine: two colours tell
        wanted = module.preprocess_input(probe.copy())
        for mode, (reverse, mean, divisor) in PREPROCESSING.items():
            seen = probe[..., ::-1] if reverse else probe
            if np.allclose((seen - np.float32(mean)) / divisor, wanted, atol=1e-4):
                return mode
        raise UserError(f"--backbone {self.name}: its preprocessing is not known.")

    @property
    def is_depthwise(self) -> bool:
        """Whether a map of it is filtered by itself, as MobileNets do."""
        kinds = (keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
        layers = self.build(keras.Input((300, 300, 3)), None)._flatten_layers()
        return any(isinstance(layer, kinds) for layer in layers)

    def backbone(self, images: Tensor, weights: str | None, norm: str) -> Tensor:
        """Features (B, n, n, F) of preprocessed images, n near 38."""
        return self.stages(images, weights)[0]

    def stages(
        self, images: Tensor, weights: str | None, norm: str = "batch"
    ) -> list[Tensor]:
        """Three maps (B, n, n, F), n near 38, 19 and 10; `norm` is the classifier's."""
        classifier = self.build(images, weights)
        stages = [self._stage(classifier, size) for size in MAP_SIZES[:3]]
        give_lasting_names(classifier, self.name.lower())
        return stages

    def build(self, images: Tensor, weights: str | None) -> keras.Model:
        """The classifier without its last layers, of preprocessed images."""
        make = getattr(applications, self.name)
        options: dict[str, Any] = {"include_top": False, "input_tensor": images}
        if self.width != 1:
            if "alpha" not in inspect.signature(make).parameters:
                raise UserError(f"--alpha {self.width}: {self.name} has one width.")
            options["alpha"] = self.width
        return make(weights=weights, **options)

    def _stage(self, classifier: keras.Model, size: int) -> Tensor:
        passed = _ends(classifier)
        for n in range(size, size - MOST_MISSING - 1, -1):
            if n in passed:
                return passed[n]
        raise UserError(
            f"--backbone {self.name}: none of its maps is {size}x{size} or a little "
            f"smaller; it has {', '.join(map(str, passed))}."
        )


def _ends(classifier: keras.Model) -> dict[int, Tensor]:
    """By map size: the last map through which all passes, else the widest one.

    NASNet's cells see the two cells before them, so nothing there passes all.
    """
    places = {layer.name: place for place, layer in enumerate(classifier.layers)}
    widest: dict[int, Tensor] = {}
    narrow: dict[int, Tensor] = {}
    reach = 0  # the last layer that sees something before this one
    for place, layer in enumerate(classifier.layers):
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
