"""SSD300 behind VGG19, cut at block3_pool: 37x37x256.

Simonyan & Zisserman, 2014, https://arxiv.org/abs/1409.1556.
"""

from keras import applications

from models.architecture import Backbone
from ssd_utils import Tensor


def features(images: Tensor, weights: str | None, norm: str) -> Tensor:
    """Features (B, 37, 37, 256) of preprocessed images; VGG19 is not normalised."""
    vgg19 = applications.VGG19(include_top=False, weights=weights, input_tensor=images)
    return vgg19.get_layer("block3_pool").output


BACKBONE = Backbone("caffe", features, application="VGG19")
