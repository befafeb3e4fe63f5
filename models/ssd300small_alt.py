"""SSD300 behind a small backbone that starts from nothing: 38x38x256.

The 2018 article's own: VGG16's first blocks without conv3_3, BatchNormalization after
each block's last relu, average pooling.
"""

from keras import layers

from models.architecture import Backbone
from models.layers import Conv
from ssd_utils import Tensor

BLOCKS = (("conv1", 64), ("conv2", 128), ("conv3", 256))  # the article


def features(images: Tensor, weights: str | None, norm: str) -> Tensor:
    """Features (B, 38, 38, 256) of preprocessed images."""
    x = images
    for name, filters in BLOCKS:
        x = Conv(f"{name}_1", filters, 3)(x, "none")
        x = Conv(f"{name}_2", filters, 3)(x, "none")
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
        x = layers.AveragePooling2D(2, padding="same", name=f"{name}_pool")(x)
    return x


BACKBONE = Backbone("tf", features, has_adapter=False)
