"""SSD300 behind ResNet50, cut at conv3_block4_add: 38x38x512.

He et al., 2015, https://arxiv.org/abs/1512.03385.
"""

from keras import applications

from models.architecture import Backbone
from ssd_utils import Tensor


def features(images: Tensor, weights: str | None, norm: str) -> Tensor:
    """Features (B, 38, 38, 512) of preprocessed images; ResNet50 has its own norms."""
    resnet50 = applications.ResNet50(
        include_top=False, weights=weights, input_tensor=images
    )
    return resnet50.get_layer("conv3_block4_add").output


BACKBONE = Backbone("caffe", features, application="ResNet50")
