"""What a model costs: parameters and arithmetic."""

import keras
import numpy as np


def count_gflops(model: keras.Model) -> float:
    """Billions of multiplications and additions of one image's kernels.

    A multiply-add counts as two, as in published GFLOP figures of SSD300 (62.8).
    """
    return 2e-9 * sum(_multiplications(layer) for layer in model.layers)


def _multiplications(layer: keras.Layer) -> float:
    """One for each number of a kernel and cell that it is applied to."""
    if isinstance(layer, keras.Model):  # ConvNeXt nests them
        return sum(_multiplications(inner) for inner in layer.layers)
    kernels = [w for w in layer.weights if w.name.endswith("kernel")]
    if not kernels:
        return 0.0
    # a transposed convolution spends its kernel on each cell of its input
    is_transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    cells = np.prod((layer.input if is_transposed else layer.output).shape[1:-1])
    return float(cells) * sum(float(np.prod(kernel.shape)) for kernel in kernels)


def describe_cost(model: keras.Model) -> str:
    """One line: parameters, how many are trained, GFLOPs."""
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return (
        f"{model.count_params() / 1e6:.2f} M parameters, {trained / 1e6:.2f} M of them "
        f"trained, {count_gflops(model):.1f} GFLOPs an image"
    )
