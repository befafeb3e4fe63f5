"""The gradient of SiLU from what its forward pass has computed.

TensorFlow's own computes the sigmoid again, and five arrays from it. With s =
sigmoid(x) and y = x s, the derivative is y + s (1 - y); y is kept anyway, as the input
of the next layer. docs/results/peers.md has a step with either.
"""

import keras

from base.compiled import is_tensorflow_on_processor
from models.yolox_layers import silu as plain_silu
from ssd_utils import Tensor


def speed_up(model: keras.Model) -> None:
    """Let the model's SiLU layers train so, under TensorFlow on a processor."""
    if not is_tensorflow_on_processor():
        return
    import tensorflow as tf

    @tf.custom_gradient
    def silu(x: Tensor) -> tuple[Tensor, object]:
        s = tf.sigmoid(x)
        y = x * s
        return y, lambda upstream: upstream * (y + s * (1 - y))

    for layer in model._flatten_layers(include_self=False):
        activation = getattr(layer, "activation", None)
        if activation in (keras.activations.silu, plain_silu):
            layer.activation = silu
