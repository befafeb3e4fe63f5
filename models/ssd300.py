"""SSD300: the ordinary backbone, and the neck `ssd` and heads that all models share.

Liu et al., "SSD: Single Shot MultiBox Detector", 2016, https://arxiv.org/abs/1512.02325,
fig. 2 and sec. 3.1; VGG16 from conv1_1 to pool3 with `same` pooling: 38x38x256.
"""

from keras import Model, applications

from models.architecture import Backbone
from models.layers import Conv, Pool, stack
from ssd_utils import IMAGE_SIZE, Tensor

LAYERS = (  # Simonyan & Zisserman 2014, table 1, column D
    *(Conv("conv1_1", 64, 3), Conv("conv1_2", 64, 3), Pool("pool1", 2, 2)),
    *(Conv("conv2_1", 128, 3), Conv("conv2_2", 128, 3), Pool("pool2", 2, 2)),
    *(Conv("conv3_1", 256, 3), Conv("conv3_2", 256, 3), Conv("conv3_3", 256, 3)),
    Pool("pool3", 2, 2),
)


def features(images: Tensor, weights: str | None, norm: str) -> Tensor:
    """Features (B, 38, 38, 256) of preprocessed images; ImageNet's are VGG16's."""
    pool3 = stack(LAYERS, images, norm)["pool3"]
    if weights is not None:
        shape = (IMAGE_SIZE, IMAGE_SIZE, 3)
        vgg16 = applications.VGG16(False, weights, input_shape=shape)
        for layer in Model(images, pool3).layers:
            if layer.weights:  # conv1_1: block1_conv1
                name = layer.name.replace("conv", "block").replace("_", "_conv")
                layer.set_weights(vgg16.get_layer(name).get_weights())
    return pool3


BACKBONE = Backbone("caffe", features, application="VGG16", has_adapter=False)
