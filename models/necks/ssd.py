"""The paper's neck: VGG16's later blocks, fc6 and fc7 as convolutions, extra layers.

Liu et al., "SSD: Single Shot MultiBox Detector", 2016, https://arxiv.org/abs/1512.02325,
fig. 2 and sec. 3.1.
"""

from models.architecture import Architecture
from models.layers import Conv, L2Norm, Mean, Pool, stack
from models.necks import heads
from ssd_utils import Tensor

SOURCES = ("conv4_3", "fc7", "conv6_2", "conv7_2", "conv8_2")  # the paper, fig. 2
BLOCKS = (  # the paper, fig. 2: VGG16's own, with another pool5
    *(Conv(f"conv4_{number}", 512, 3) for number in (1, 2, 3)),
    Pool("pool4", 2, 2),
    *(Conv(f"conv5_{number}", 512, 3) for number in (1, 2, 3)),
    Pool("pool5", 3, 1),
)
EXTRAS = (  # the paper, fig. 2; weiliu89/caffe ssd_pascal.py, AddExtraLayers
    Conv("fc6", 1024, 3, dilation=6),
    Conv("fc7", 1024, 1),
    Conv("conv6_1", 256, 1),
    Conv("conv6_2", 512, 3, strides=2),
    Conv("conv7_1", 128, 1),
    Conv("conv7_2", 256, 3, strides=2, padding="one"),
    Conv("conv8_1", 128, 1),
)
PAPER_TAIL = (
    Conv("conv8_2", 256, 3, padding="valid"),
    Conv("conv9_1", 128, 1),
    Conv("conv9_2", 256, 3, padding="valid"),
)
TAILS = {
    "voc": PAPER_TAIL,
    "voc_clipped": PAPER_TAIL,
    "coco": PAPER_TAIL,
    # rykov8/ssd_keras ssd.py, after the first version of the paper
    "legacy": (Conv("conv8_2", 256, 3, strides=2), Mean("pool6")),
}


def neck(stages: list[Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """The six maps that the heads see, by name, from features (B, n, n, F)."""
    norm, tail = architecture.norm, TAILS[architecture.layout]
    # ImageNet weights fill conv4_1 to conv5_3
    block_norm = "none" if architecture.reuse == "deep" else norm
    maps = stack(BLOCKS, heads.adapted(stages, architecture), block_norm)
    maps |= stack(EXTRAS + tail, maps["pool5"], norm)
    sources = {name: maps[name] for name in (*SOURCES, tail[-1].name)}
    first = L2Norm(name="conv4_3_norm")(sources.pop("conv4_3"))
    return {"conv4_3_norm": first, **sources}
