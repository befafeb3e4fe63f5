"""The neck `light`: SqueezeNet's own fire6 to fire9 and narrow extra layers.

For people without a GPU: 3.6 million parameters at 20 classes behind SqueezeNet, an
eighth of the work of the neck `ssd`.
Iandola et al., "SqueezeNet", 2016, https://arxiv.org/abs/1602.07360, v1.1.
"""

from models.architecture import Architecture
from models.layers import Conv, Fire, L2Norm, Pool, stack
from models.necks import heads
from ssd_utils import Tensor

# forresti/SqueezeNet, SqueezeNet_v1.1; its pool5, `same` for 38 -> 19
FIRST = (Pool("pool5", 3, 2), Fire("fire6", 48, 192))
MIDDLE = (Fire("fire7", 48, 192), Fire("fire8", 64, 256))
LAST = (Fire("fire9", 64, 256),)
PUBLISHED_WIDTH = 256  # SqueezeNet v1.1: filters of the map that fire6 sees
EXTRAS = (  # ours: the widths of the neck `ssd`, halved or quartered
    Conv("conv6_1", 128, 1),
    Conv("conv6_2", 256, 3, strides=2),
    Conv("conv7_1", 64, 1),
    Conv("conv7_2", 128, 3, strides=2, padding="one"),
    Conv("conv8_1", 64, 1),
    Conv("conv8_2", 128, 3, padding="valid"),
    Conv("conv9_1", 64, 1),
    Conv("conv9_2", 128, 3, padding="valid"),
)


def neck(stages: list[Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """The six maps that the heads see, by name, from features (B, n, n, F).

    SqueezeNet's ImageNet weights fill fire6 to fire8, but fire6 starts from nothing
    where F is not the published width. fire9 is normalised with all that does: its map
    feeds heads that start from nothing.
    """
    norm = fire_norm = architecture.norm
    if architecture.definition.imagenet:
        fire_norm = architecture.backbone_norm
    features = heads.adapted(stages, architecture)
    is_published = features.shape[-1] == PUBLISHED_WIDTH
    deep = stack(FIRST, features, fire_norm if is_published else norm)["fire6"]
    deep = stack(MIDDLE, deep, fire_norm)["fire8"]
    deep = stack(LAST, deep, norm)["fire9"]
    extras = stack(EXTRAS, deep, norm)
    maps = {"conv4_3_norm": L2Norm(name="conv4_3_norm")(features), "fc7": deep}
    names = ("conv6_2", "conv7_2", "conv8_2", "conv9_2")
    return maps | {name: extras[name] for name in names}
