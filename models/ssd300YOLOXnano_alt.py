"""SSD300 behind YOLOX-nano's CSPDarknet and PAFPN: 38x38x64, 19x19x128, 10x10x256.

Ge et al., "YOLOX", 2021, https://arxiv.org/abs/2107.08430; sizes and layer names of
Megvii-BaseDetection/YOLOX: darknet.py, yolo_pafpn.py, exps/default/yolox_nano.py
(depth 0.33, width 0.25, depthwise). Focus and the 3x3 convolution behind it are one 6x6
convolution of strides 2.
"""

from keras import layers

from models.architecture import Backbone
from models.layers import stack
from models.yolox_layers import BaseConv, CSPLayer, DWConv, SPPBottleneck, join
from ssd_utils import Tensor

DARKNET = (  # darknet.py, CSPDarknet
    BaseConv("stem", 16, 6, strides=2),
    *(DWConv("dark2_0", 32, strides=2), CSPLayer("dark2_1", 32)),
    *(DWConv("dark3_0", 64, strides=2), CSPLayer("dark3_1", 64, depth=3)),
    *(DWConv("dark4_0", 128, strides=2), CSPLayer("dark4_1", 128, depth=3)),
    *(DWConv("dark5_0", 256, strides=2), SPPBottleneck("dark5_1", 256)),
    CSPLayer("dark5_2", 256, shortcut=False),
)


def features(images: Tensor, weights: str | None, norm: str) -> Tensor:
    """Features (B, 38, 38, 64) of preprocessed images."""
    return stages(images, weights, norm)[0]


def stages(images: Tensor, weights: str | None, norm: str) -> list[Tensor]:
    """Three maps (B, n, n, F) of preprocessed images, from 38 to 10 cells at 300.

    models.weights.initialise fills them.
    """
    maps = stack(DARKNET, images, norm)
    high, middle, deep = (maps[name] for name in ("dark3_1", "dark4_1", "dark5_2"))
    # yolo_pafpn.py, YOLOPAFPN: from the top down, then from the bottom up
    top = BaseConv("lateral_conv0", 128, 1)(deep, norm)
    x = CSPLayer("C3_p4", 128, shortcut=False)(join(top, middle, "C3_p4"), norm)
    inner = BaseConv("reduce_conv1", 64, 1)(x, norm)
    first = CSPLayer("C3_p3", 64, shortcut=False)(join(inner, high, "C3_p3"), norm)
    x = DWConv("bu_conv2", 64, strides=2)(first, norm)
    x = layers.Concatenate(name="C3_n3_concat")([x, inner])
    second = CSPLayer("C3_n3", 128, shortcut=False)(x, norm)
    x = DWConv("bu_conv1", 128, strides=2)(second, norm)
    x = layers.Concatenate(name="C3_n4_concat")([x, top])
    return [first, second, CSPLayer("C3_n4", 256, shortcut=False)(x, norm)]


BACKBONE = Backbone(
    "bgr",  # yolox/data/data_augment.py, preproc: 0..255 as OpenCV reads
    features,
    stages,
    neck="native",
    has_adapter=False,
    is_depthwise=True,
    # ours: what stays as published when filled, as in Detectron's FREEZE_AT. Folded,
    # these kernels are of all sizes (the stem's 0.01 for images of 0..255, some
    # depthwise ones 20), so that one learning rate does not suit them
    fixed=("stem", "dark2", "dark3"),
)
