"""SSD300 behind InceptionV3, cut at mixed2: 35x35x288.

Szegedy et al., 2015, https://arxiv.org/abs/1512.00567.
"""

from models.architecture import Backbone
from models.keras_applications import cut

features = cut("InceptionV3", "mixed2", "inception")
BACKBONE = Backbone("tf", features, application="InceptionV3")
