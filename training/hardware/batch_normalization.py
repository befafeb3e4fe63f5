"""BatchNormalization in training as one operation, under TensorFlow on a processor.

Keras' goes through a layer's maps some ten times, TensorFlow's fused one twice.
docs/results/peers.md has a step with either.
"""

from collections.abc import Callable

import keras

from base.compiled import is_tensorflow_on_processor
from ssd_utils import Tensor


def speed_up(model: keras.Model) -> None:
    """Let the model's BatchNormalization layers train so, under TensorFlow on a
    processor; not those whose statistics several devices share."""
    if not is_tensorflow_on_processor():
        return
    for layer in model._flatten_layers(include_self=False):
        is_plain = type(layer) is keras.layers.BatchNormalization and not layer.renorm
        if is_plain and layer.input.ndim == 4 and layer.axis in (-1, 3):
            layer.call = _fused(layer)


def _fused(layer: keras.layers.BatchNormalization) -> Callable:
    import tensorflow as tf

    plain = type(layer).call

    def call(
        maps: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        learns = training and layer.trainable
        if layer.synchronized or mask is not None or not learns:
            return plain(layer, maps, training, mask)
        depth = maps.shape[-1]
        scale = tf.convert_to_tensor(layer.gamma) if layer.scale else tf.ones(depth)
        offset = tf.convert_to_tensor(layer.beta) if layer.center else tf.zeros(depth)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=maps,
            scale=scale,
            offset=offset,
            mean=[],
            variance=[],
            epsilon=layer.epsilon,
            exponential_avg_factor=1.0,
        )
        # the operation divides by n - 1, Keras by n
        count = tf.cast(tf.size(maps) // depth, "float32")
        variance *= (count - 1) / count
        statistics = ((layer.moving_mean, mean), (layer.moving_variance, variance))
        for moving, new in statistics:
            moving.assign(moving * layer.momentum + new * (1 - layer.momentum))
        return outputs

    return call
