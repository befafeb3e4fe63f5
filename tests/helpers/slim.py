"""squeezenet with neck light, three convolutions long: traced in a fifth of the time.

For tests of what stands around a network: scripts, trainings, the files that they
leave. The names, the sizes of the maps, adapter, normalisation and heads are those of
the real one; most of its convolutions are pools.
"""

from contextlib import contextmanager
from importlib import import_module

import pytest


@contextmanager
def slim():
    """squeezenet is slim inside."""
    import_module(
        "models.necks.native"
    )  # which takes of light's tables when it is imported
    from models import ssd300SqueezeNet_alt
    from models.layers import Conv, Pool
    from models.necks import light

    backbone = (
        Conv("conv1", 16, 9, strides=4, padding="valid"),  # 300 -> 73
        Pool("fire5", 2, 2, padding="valid"),  # 36
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssd300SqueezeNet_alt, "LAYERS", backbone)
        patch.setattr(light, "FIRST", (Pool("pool5", 3, 2), Conv("fire6", 16, 1)))
        patch.setattr(light, "MIDDLE", (Pool("fire8", 3, 1),))
        patch.setattr(light, "LAST", (Pool("fire9", 3, 1),))
        extras = (
            *(Pool("conv6_2", 2, 2), Pool("conv7_2", 2, 2)),  # 19 -> 10 -> 5
            Pool("conv8_2", 3, 1, padding="valid"),
            Pool("conv9_2", 3, 1, padding="valid"),
        )
        patch.setattr(light, "EXTRAS", extras)
        yield
