"""What a model costs: parameters and arithmetic."""

import keras
import numpy as np


def count_gflops(model: keras.Model) -> float:
    """Billions of multiplications and additions of one picture's convolutions.

    A multiply-add counts as two, as in published GFLOP figures of SSD300 (62.8).
    """
    total = 0
    for layer in model.layers:
        if not isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
            continue
        # a transposed convolution spends its kernel on each cell of its input
        is_transposed = isinstance(layer, keras.layers.Conv2DTranspose)
        cells = layer.input if is_transposed else layer.output
        total += 2 * np.prod(layer.kernel.shape) * np.prod(cells.shape[1:3])
    return float(total) / 1e9


def describe_cost(model: keras.Model) -> str:
    """One line: parameters, how many are trained, GFLOPs."""
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return (
        f"{model.count_params() / 1e6:.2f} M parameters, {trained / 1e6:.2f} M of them "
        f"trained, {count_gflops(model):.1f} GFLOPs a picture"
    )
