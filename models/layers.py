"""The few layers that all detectors are made of: preprocessing, convolution, fire."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from keras import Layer, Model, initializers, layers, ops

from ssd_utils import Tensor

# How the published backbones saw their images: reversed to BGR?, mean, divisor.
# keras.applications.imagenet_utils, `preprocess_input`; "none": a classifier that has
# its preprocessing inside
PREPROCESSING = {
    "caffe": (True, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0)),
    "tf": (False, (127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "torch": (False, (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "none": (False, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    # Megvii-BaseDetection/YOLOX yolox/data/data_augment.py, preproc
    "bgr": (True, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    # weiliu89/caffe ssd_pascal.py, mean_value; pierluigiferrari/ssd_keras
    "ssd": (True, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0)),
    # amdegroot/ssd.pytorch data/__init__.py: the same in RGB
    "ssd_rgb": (False, (123.0, 117.0, 104.0), (1.0, 1.0, 1.0)),
    # torchvision/models/detection/ssd.py: 255 times its image_mean
    "torchvision": (False, (122.99925, 116.9991, 103.9992), (1.0, 1.0, 1.0)),
}
# ours: with some 36 steps an epoch, statistics follow the weights within an epoch;
# most of keras.applications has 0.99 to 0.9997, for ImageNet's thousands of steps
BN_MOMENTUM = 0.9
NORM_SUFFIX = "_batchnorm"  # ours: no layer of keras.applications is named so
L2_SCALE = 20.0  # the paper, sec. 3.1: at the start
L2_EPSILON = 1e-10  # weiliu89/caffe normalize_layer, eps
BN_EPSILON = 1e-3  # the default of keras.layers.BatchNormalization


class Preprocess(Layer):
    """What a backbone expects, from RGB images (B, H, W, 3) in 0..255."""

    def __init__(self, mode: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode = mode

    def call(self, images: Tensor) -> Tensor:
        reverse, mean, divisor = PREPROCESSING[self.mode]
        images = ops.cast(images, "float32")
        if reverse:
            images = ops.flip(images, axis=-1)  # PyTorch has no steps below 0
        mean = ops.convert_to_tensor(mean, "float32")
        divisor = ops.convert_to_tensor(divisor, "float32")
        return ops.cast((images - mean) / divisor, self.compute_dtype)


class L2Norm(Layer):
    """Features (B, H, W, F) of length 1 over F, times a learned scale for each.

    ParseNet, Liu et al. 2015, sec. 3.3.
    """

    def build(self, shape: tuple) -> None:
        start = initializers.Constant(L2_SCALE)
        self.gamma = self.add_weight(shape[-1:], start, name="gamma")

    def call(self, features: Tensor) -> Tensor:
        wide = ops.cast(features, "float32")  # squares overflow in float16
        length = ops.sqrt(ops.sum(wide * wide, axis=-1, keepdims=True) + L2_EPSILON)
        return ops.cast(wide / length * ops.cast(self.gamma, "float32"), features.dtype)


@dataclass(frozen=True)
class Conv:
    """A row of an architecture's table: a square convolution and relu.

    `padding` "one" is a border of 1 on all sides, as Caffe and PyTorch have it where
    "same" would put it on the far sides only.
    """

    name: str
    filters: int
    kernel: int
    strides: int = 1
    padding: str = "same"
    dilation: int = 1

    def __call__(self, x: Tensor, norm: str) -> Tensor:
        if self.padding == "one":
            x = layers.ZeroPadding2D(1, name=f"{self.name}_pad")(x)
        padding = "same" if self.padding == "same" else "valid"
        options = {"use_bias": norm == "none", "kernel_initializer": "he_normal"}
        options |= {"dilation_rate": self.dilation, "name": self.name}
        form = (self.filters, self.kernel, self.strides, padding)
        x = layers.Conv2D(*form, **options)(x)
        return norm_relu(x, self.name, norm)


@dataclass(frozen=True)
class Pool:
    """A row of an architecture's table: max pooling."""

    name: str
    size: int
    strides: int
    padding: str = "same"

    def __call__(self, x: Tensor, norm: str) -> Tensor:
        form = (self.size, self.strides, self.padding)
        return layers.MaxPooling2D(*form, name=self.name)(x)


@dataclass(frozen=True)
class Mean:
    """A row of an architecture's table: the mean over the map, 1x1."""

    name: str

    def __call__(self, x: Tensor, norm: str) -> Tensor:
        return layers.GlobalAveragePooling2D(keepdims=True, name=self.name)(x)


@dataclass(frozen=True)
class Fire:
    """A row of an architecture's table: SqueezeNet's module (Iandola et al., 2016).

    `squeeze` 1x1 filters, then `expand` 1x1 and `expand` 3x3 filters side by side.
    """

    name: str
    squeeze: int
    expand: int

    def __call__(self, x: Tensor, norm: str) -> Tensor:
        x = Conv(f"{self.name}_squeeze1x1", self.squeeze, 1)(x, norm)
        narrow = Conv(f"{self.name}_expand1x1", self.expand, 1)(x, norm)
        wide = Conv(f"{self.name}_expand3x3", self.expand, 3)(x, norm)
        return layers.Concatenate(name=self.name)([narrow, wide])


def norm_relu(x: Tensor, name: str, norm: str) -> Tensor:
    """Relu of a convolution's output, after BatchNormalization where norm is "batch".

    The convolution `name` must have a bias exactly when it is not normalised.
    """
    if norm == "batch":
        x = layers.BatchNormalization(
            momentum=BN_MOMENTUM, epsilon=BN_EPSILON, name=f"{name}{NORM_SUFFIX}"
        )(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def set_momentum(parts: Iterable[Layer]) -> None:
    """Let moving statistics of a backbone follow its weights within an epoch."""
    for layer in parts:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = BN_MOMENTUM


Row: TypeAlias = Callable[[Tensor, str], Tensor]  # Conv, Pool, Mean or Fire


def stack(table: Sequence[Row], x: Tensor, norm: str) -> dict[str, Tensor]:
    """Output of each row of a table, by the row's name, in order."""
    outputs = {}
    for row in table:
        x = outputs[row.name] = row(x, norm)
    return outputs


def give_lasting_names(model: Model, prefix: str) -> None:
    """Rename the layers that Keras numbers over all models of a process."""
    for number, layer in enumerate(model.layers[1:]):
        kind = type(layer).__name__.lower()
        if layer.name.rstrip("_0123456789").replace("_", "") == kind:
            layer.name = f"{prefix}_{number}_{kind}"
