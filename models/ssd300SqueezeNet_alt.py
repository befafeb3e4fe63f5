"""SSD300 behind SqueezeNet v1.1, cut at fire5: 36x36x256.

Iandola et al., 2016, https://arxiv.org/abs/1602.07360; forresti/SqueezeNet v1.1.
"""

from models.architecture import Backbone
from models.layers import Conv, Fire, Pool, stack
from ssd_utils import Tensor

LAYERS = (
    Conv("conv1", 64, 3, strides=2, padding="valid"),
    Pool("pool1", 3, 2, padding="valid"),
    *(Fire("fire2", 16, 64), Fire("fire3", 16, 64), Pool("pool3", 3, 2, "valid")),
    *(Fire("fire4", 32, 128), Fire("fire5", 32, 128)),
)
# DeepCognition/keras-squeezenet on GitHub, release v0.4: address and MD5
IMAGENET = (
    "https://github.com/DeepCognition/keras-squeezenet/releases/download/v0.4/"
    "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "80b66c92d79d4310e07fb60a297bf0d1",
)


def features(images: Tensor, weights: str | None, norm: str) -> Tensor:
    """Features (B, 36, 36, 256) of preprocessed images; `models.build` fills them."""
    return stack(LAYERS, images, norm)["fire5"]


# with F = 256 its ImageNet file fills fire6..9 of the neck light as well
BACKBONE = Backbone("caffe", features, imagenet=IMAGENET, neck="light")
