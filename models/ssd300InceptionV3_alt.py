"""SSD300 behind InceptionV3, cut at mixed2: 35x35x288.

Szegedy et al., 2015, https://arxiv.org/abs/1512.00567.
"""

from keras import Model, applications

from ssd_utils import Tensor

PREPROCESSING = "tf"


def extractor(images: Tensor, weights: str | None, norm: str) -> Tensor:
    """Features (B, 35, 35, 288) of preprocessed images; it has norms of its own."""
    inception = applications.InceptionV3(
        include_top=False, weights=weights, input_tensor=images
    )
    features = inception.get_layer("mixed2").output
    # Keras numbers its layers over all models of a process: names that hold
    for number, layer in enumerate(Model(images, features).layers[1:]):
        if layer.name != "mixed2":
            layer.name = f"inception_{number}_{type(layer).__name__.lower()}"
    return features
