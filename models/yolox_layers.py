"""The blocks of YOLOX's networks as rows of an architecture's table.

Ge et al., "YOLOX", 2021, https://arxiv.org/abs/2107.08430; names and defaults of
Megvii-BaseDetection/YOLOX yolox/models/network_blocks.py. Everything between two
blocks of a depthwise model ("nano") is a depthwise separable convolution.
"""

from dataclasses import dataclass

from keras import layers, ops

from base.compiled import is_tensorflow_on_processor
from models.layers import BN_EPSILON, BN_MOMENTUM, NORM_SUFFIX
from ssd_utils import Tensor

SPP_POOL = 5  # network_blocks.py, SPPBottleneck: windows of 5, 9, 13


def silu(x: Tensor) -> Tensor:
    """x sigmoid(x).

    TensorFlow's own has a gradient of its own, which keeps its optimiser from computing
    it in the convolution. measured: an image takes 18 ms in place of 25.
    """
    return x * ops.sigmoid(x) if is_tensorflow_on_processor() else ops.silu(x)


@dataclass(frozen=True)
class BaseConv:
    """Convolution, BatchNormalization, SiLU; at strides 2 a border of half the kernel.

    Keras' "same" puts the border of an odd kernel on the far sides only, PyTorch on
    all sides.
    """

    name: str
    filters: int
    kernel: int
    strides: int = 1
    depthwise: bool = False

    def __call__(self, x: Tensor, norm: str) -> Tensor:
        has_border = self.strides > 1 and self.kernel % 2
        if has_border:
            x = layers.ZeroPadding2D(self.kernel // 2, name=f"{self.name}_pad")(x)
        padding = "valid" if has_border else "same"
        options = {"strides": self.strides, "padding": padding, "name": self.name}
        options["use_bias"] = norm == "none"
        if self.depthwise:
            convolution = layers.DepthwiseConv2D(
                self.kernel, depthwise_initializer="he_normal", **options
            )
        else:
            convolution = layers.Conv2D(
                self.filters, self.kernel, kernel_initializer="he_normal", **options
            )
        x = convolution(x)
        if norm == "batch":
            x = layers.BatchNormalization(
                momentum=BN_MOMENTUM,
                epsilon=BN_EPSILON,  # yolox/exp/yolox_base.py, init_yolo: the same
                name=f"{self.name}{NORM_SUFFIX}",
            )(x)
        return layers.Activation(silu, name=f"{self.name}_silu")(x)


@dataclass(frozen=True)
class DWConv:
    """A depthwise separable 3x3 convolution, each half normalised."""

    name: str
    filters: int
    strides: int = 1

    def __call__(self, x: Tensor, norm: str) -> Tensor:
        depth = x.shape[-1]
        x = BaseConv(f"{self.name}_dconv", depth, 3, self.strides, True)(x, norm)
        return BaseConv(f"{self.name}_pconv", self.filters, 1)(x, norm)


@dataclass(frozen=True)
class CSPLayer:
    """`depth` bottlenecks beside a shortcut of all (Wang et al., "CSPNet", 2019)."""

    name: str
    filters: int
    depth: int = 1
    shortcut: bool = True

    def __call__(self, x: Tensor, norm: str) -> Tensor:
        name, hidden = self.name, self.filters // 2
        inner = BaseConv(f"{name}_conv1", hidden, 1)(x, norm)
        beside = BaseConv(f"{name}_conv2", hidden, 1)(x, norm)
        for number in range(self.depth):
            block = f"{name}_m_{number}"
            y = BaseConv(f"{block}_conv1", hidden, 1)(inner, norm)
            y = DWConv(f"{block}_conv2", hidden)(y, norm)
            inner = layers.Add(name=block)([y, inner]) if self.shortcut else y
        x = layers.Concatenate(name=name)([inner, beside])
        return BaseConv(f"{name}_conv3", self.filters, 1)(x, norm)


@dataclass(frozen=True)
class SPPBottleneck:
    """Maxima over windows of 5, 9 and 13 cells (He et al., "SPP-net", 2014).

    A window of 9 is one of 5 over one of 5; so each costs the same.
    """

    name: str
    filters: int

    def __call__(self, x: Tensor, norm: str) -> Tensor:
        x = BaseConv(f"{self.name}_conv1", x.shape[-1] // 2, 1)(x, norm)
        maps = [x]
        for size in (5, 9, 13):
            pool = layers.MaxPooling2D(SPP_POOL, 1, "same", name=f"{self.name}_{size}")
            maps.append(pool(maps[-1]))
        x = layers.Concatenate(name=self.name)(maps)
        return BaseConv(f"{self.name}_conv2", self.filters, 1)(x, norm)


def join(deep: Tensor, beside: Tensor, name: str) -> Tensor:
    """Channels of both maps; the deeper one is enlarged by 2 and cut to the other.

    An odd map loses its last row and column: 10 cells become 20, then 19.
    """
    x = layers.UpSampling2D(2, name=f"{name}_upsample")(deep)
    over = x.shape[1] - beside.shape[1]
    if over:
        x = layers.Cropping2D(((0, over), (0, over)), name=f"{name}_crop")(x)
    return layers.Concatenate(name=f"{name}_concat")([x, beside])
