"""The gradient of a convolution by its filter, as matrix products.

On a processor TensorFlow's own takes longer than the rest of vgg16's step together.
Here each row of the filter is one product for each image: the windows under that row,
(H W, k inputs), by the gradient of the output, (H W, filters). docs/results/peers.md
has a step with either.
"""

from collections.abc import Callable

import keras

from base.compiled import is_tensorflow_on_processor
from ssd_utils import Tensor

# measured by hand: for smaller maps, fewer of them, or filters that are no multiple of
# 64, TensorFlow's own is as quick
LEAST_SIDE, LEAST_INPUTS, FILTERS_UNIT = 19, 16, 64


def speed_up(model: keras.Model) -> None:
    """Let the model's convolutions train so where it is quicker, and only there.

    That is under TensorFlow, on a processor, in float32.
    """
    if not is_tensorflow_on_processor():
        return
    for layer in model._flatten_layers(include_self=False):
        if _is_quicker(layer):
            layer.convolution_op = _convolution(layer.padding.upper())


def _is_quicker(layer: keras.Layer) -> bool:
    return (
        isinstance(layer, keras.layers.Conv2D)
        and layer.compute_dtype == "float32"
        and layer.kernel_size[0] > 1
        and layer.strides == layer.dilation_rate == (1, 1)
        and layer.groups == 1
        and layer.input.shape[1] >= LEAST_SIDE
        and layer.input.shape[-1] >= LEAST_INPUTS
        and layer.filters % FILTERS_UNIT == 0
    )


def _convolution(padding: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Maps (B, H, W, F in), kernel (k, l, F in, F out) -> maps (B, H', W', F out)."""
    import tensorflow as tf

    strides = [1, 1, 1, 1]

    @tf.custom_gradient
    def convolution(maps: Tensor, kernel: Tensor) -> tuple[Tensor, Callable]:
        def gradients(upstream: Tensor) -> tuple[Tensor, Tensor]:
            form = {"input_sizes": tf.shape(maps), "strides": strides}
            form |= {"filter": kernel, "out_backprop": upstream, "padding": padding}
            by_data = tf.raw_ops.Conv2DBackpropInput(**form)
            return by_data, by_filter(maps, upstream, kernel.shape, padding)

        return tf.nn.conv2d(maps, kernel, strides, padding), gradients

    # a tensor: TensorFlow wants to hear of variables that a function of its own reads
    return lambda maps, kernel: convolution(maps, tf.convert_to_tensor(kernel))


def by_filter(
    maps: Tensor, upstream: Tensor, shape: tuple[int, int, int, int], padding: str
) -> Tensor:
    """Gradient float32 (k, l, F in, F out) by the kernel of a convolution of stride 1.

    maps (B, H, W, F in), B known when the graph is built; upstream (B, H', W', F out),
    the gradient by its output; shape of the kernel; padding "SAME" or "VALID".
    """
    import tensorflow as tf

    num_rows, num_columns, inputs, filters = shape
    height, width = upstream.shape[1:3]
    if padding == "SAME":
        borders = [((size - 1) // 2, size // 2) for size in shape[:2]]
        maps = tf.pad(maps, [(0, 0), *borders, (0, 0)])
    products = []  # image by image, which the processor's cache holds
    for image, gradient in zip(tf.unstack(maps), tf.unstack(upstream), strict=True):
        with tf.control_dependencies(products[-1:]):  # in memory for one at a time
            shifted = [image[:, at : at + width] for at in range(num_columns)]
            windows = tf.concat(shifted, axis=-1)  # (H + k - 1, W', l F in)
        gradient = tf.reshape(gradient, (height * width, filters))
        for at in range(num_rows):
            row = tf.reshape(windows[at : at + height], (height * width, -1))
            products.append(tf.matmul(row, gradient, transpose_a=True))
    sums = [tf.add_n(products[at::num_rows]) for at in range(num_rows)]
    return tf.reshape(tf.stack(sums), (num_rows, num_columns, inputs, filters))
