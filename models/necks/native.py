"""The neck `native`: the backbone's own stages give the maps of 38, 19 and 10 cells.

Only those of 5, 3 and 1 cells are new, as narrow as the neck `light`'s. No layer of
the classifier is left unused: what the 2018 article asked for. The maps of a detector's
neck are taken as they are.
"""

from models.architecture import Architecture
from models.layers import L2Norm, stack
from models.necks import light
from models.necks.heads import adapter
from ssd_utils import MAP_SIZES, Tensor

ADAPTERS = ("conv4_0", "fc7", "conv6_2")  # one for each stage; ours
SOURCES = ("conv4_3_norm", "fc7", "conv6_2")  # the paper's names, which heads have
EXTRAS = light.EXTRAS[2:]  # from conv7_1 on


def neck(stages: list[Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """The six maps that the heads see, by name, from three (B, n, n, F).

    Each stage is brought to the adapter's width, by a 1x1 convolution where its map has
    the heads' size already. The three maps of a neck that was trained to detect need
    neither another width nor another scale: a backbone's own stages without adapter.
    """
    filters, norm = architecture.adapter_filters, architecture.norm
    definition = architecture.definition
    if not definition.stages or definition.has_adapter:
        sized = zip(stages, ADAPTERS, MAP_SIZES, strict=False)
        stages = [adapter(map_, filters, norm, *place) for map_, *place in sized]
        stages[0] = L2Norm(name="conv4_3_norm")(stages[0])
    extras = stack(EXTRAS, stages[-1], norm)  # 5, 3 and 1 cells from 10
    maps = dict(zip(SOURCES, stages, strict=True))
    return maps | {name: extras[name] for name in ("conv7_2", "conv8_2", "conv9_2")}
