"""SSD300 behind InceptionV3, cut at mixed2: 35x35x288.

Szegedy et al., 2015, https://arxiv.org/abs/1512.00567.
"""

from keras import Model, applications

from models.architecture import Backbone
from models.layers import give_lasting_names
from ssd_utils import Tensor


def features(images: Tensor, weights: str | None, norm: str) -> Tensor:
    """Features (B, 35, 35, 288) of preprocessed images; it has norms of its own."""
    inception = applications.InceptionV3(
        include_top=False, weights=weights, input_tensor=images
    )
    features = inception.get_layer("mixed2").output
    give_lasting_names(Model(images, features), "inception")
    return features


BACKBONE = Backbone("tf", features, application="InceptionV3")
