"""The trunk `native`: the extractor's own stages give the maps of 38, 19 and 10 cells.

Only those of 5, 3 and 1 cells are new, as narrow as the trunk `light`'s. No layer of
the classifier is left unused: what the 2018 article asked for.
"""

from models import light
from models.layers import L2Norm, stack
from models.ssd300 import adapter
from ssd_utils import MAP_SIZES, Tensor

ADAPTERS = ("conv4_0", "fc7", "conv6_2")  # one for each stage; ours
EXTRAS = light.EXTRAS[2:]  # from conv7_1 on


def trunk(stages: list[Tensor], filters: int, norm: str) -> dict[str, Tensor]:
    """The six maps that the heads look at, by name, from three (B, n, n, F).

    Each stage is brought to `filters` channels, by a 1x1 convolution where its map has
    the heads' size already.
    """
    sized = zip(stages, ADAPTERS, MAP_SIZES, strict=False)
    maps = {
        name: adapter(stage, filters, norm, name, size) for stage, name, size in sized
    }
    extras = stack(EXTRAS, maps["conv6_2"], norm)
    return {
        "conv4_3_norm": L2Norm(name="conv4_3_norm")(maps.pop("conv4_0")),
        **maps,
        **{name: extras[name] for name in ("conv7_2", "conv8_2", "conv9_2")},
    }
