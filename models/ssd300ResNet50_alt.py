"""SSD300 behind ResNet50, cut at conv3_block4_add: 38x38x512.

He et al., 2015, https://arxiv.org/abs/1512.03385.
"""

from models.architecture import Backbone
from models.keras_applications import cut

features = cut("ResNet50", "conv3_block4_add")
BACKBONE = Backbone("caffe", features, application="ResNet50")
