"""The neck `yolox`: YOLOX's decoupled head behind three maps, one prior in each cell.

Ge et al., "YOLOX", 2021, sec. 2.1, "Decoupled head"; layer names and sizes of
Megvii-BaseDetection/YOLOX yolo_head.py. Behind it the heads of models.necks.heads are
1x1 convolutions: offsets see the map of the regression branch; class logits see both,
for they are the sum of a class's logit and objectness, which are apart in YOLOX.
"""

from keras import layers

from models.architecture import Architecture
from models.layers import stack
from models.yolox_layers import BaseConv, DWConv
from ssd_utils import Tensor

WIDTH = 64  # yolo_head.py: 256 times the width of yolox_nano, 0.25
DEPTH = 2  # yolo_head.py: convolutions of each branch
SOURCES = ("p3", "p4", "p5")  # Lin et al., "FPN", 2017: strides of 8, 16, 32


def neck(
    stages: list[Tensor], architecture: Architecture
) -> dict[str, tuple[Tensor, Tensor]]:
    """What the heads see, by name, from three maps (B, n, n, F).

    Each is a pair: (B, n, n, 64) for the offsets, (B, n, n, 128) for class logits.
    """
    sources, norm = {}, architecture.backbone_norm
    for level, (name, features) in enumerate(zip(SOURCES, stages, strict=True)):
        x = BaseConv(f"stems_{level}", WIDTH, 1)(features, norm)
        classes, boxes = (_branch(x, f"{part}_convs_{level}", norm) for part in PARTS)
        both = layers.Concatenate(name=f"{name}_features")([classes, boxes])
        sources[name] = (boxes, both)
    return sources


PARTS = ("cls", "reg")  # the branches' names in yolo_head.py


def _branch(x: Tensor, name: str, norm: str) -> Tensor:
    rows = [DWConv(f"{name}_{number}", WIDTH) for number in range(DEPTH)]
    return stack(rows, x, norm)[rows[-1].name]
