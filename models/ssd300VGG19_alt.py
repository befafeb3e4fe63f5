"""SSD300 behind VGG19, cut at block3_pool: 37x37x256.

Simonyan & Zisserman, 2014, https://arxiv.org/abs/1409.1556.
"""

from models.architecture import Backbone
from models.keras_applications import cut

features = cut("VGG19", "block3_pool")
BACKBONE = Backbone("caffe", features, application="VGG19")
