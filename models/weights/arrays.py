"""A model's weights as arrays by layer name: folded into plain ones, and filled in."""

import keras
import numpy as np

from base.errors import UserError
from models.layers import NORM_SUFFIX

Arrays = dict[str, list[np.ndarray]]  # of a layer, by its name

# layers whose kernels have their outputs on the last axis but one
FILTERS_BEFORE_LAST = (keras.layers.Conv2DTranspose, keras.layers.DepthwiseConv2D)


def folded_arrays(model: keras.Model) -> Arrays:
    """All weights by layer name, normalised convolutions as the plain ones they equal.

    kernel * gamma / sigma and beta - mean * gamma / sigma: what inference computes.
    """
    arrays = {layer.name: layer.get_weights() for layer in model.layers}
    for name in [name for name in arrays if f"{name}{NORM_SUFFIX}" in arrays]:
        gamma, beta, mean, variance = arrays.pop(f"{name}{NORM_SUFFIX}")
        epsilon = model.get_layer(f"{name}{NORM_SUFFIX}").epsilon
        scale = gamma / np.sqrt(variance + epsilon)
        (kernel,) = arrays[name]
        # (h, w, filters, channels), else (h, w, channels, filters)
        is_before_last = isinstance(model.get_layer(name), FILTERS_BEFORE_LAST)
        along = scale[:, None] if is_before_last else scale
        arrays[name] = [kernel * along, beta - mean * scale]
    return {name: values for name, values in arrays.items() if values}


def fill(model: keras.Model, arrays: Arrays) -> list[str]:
    """Give every layer that `arrays` names its plain weights; returns those names.

    A normalised convolution gets them with identity statistics, so that inference
    computes exactly what the plain one does. UserError where a shape differs.
    """
    layers = {layer.name: layer for layer in model.layers}
    filled = [name for name in arrays if name in layers]
    for name in filled:
        values, norm = arrays[name], layers.get(f"{name}{NORM_SUFFIX}")
        expected = [tuple(weight.shape) for weight in layers[name].weights]
        if norm is not None:
            expected.append(tuple(norm.beta.shape))  # the plain one's bias
        received = [value.shape for value in values]
        if expected != received:
            shapes = f"expected shapes {expected}, received {received}"
            raise UserError(f"layer {name}: {shapes}.")
        if norm is not None:
            values, statistics = identity_batchnorm(values, norm.epsilon)
            norm.set_weights(statistics)
        layers[name].set_weights(values)
    return filled


def identity_batchnorm(
    values: list[np.ndarray], epsilon: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A plain convolution's weights as a normalised one's: kernel, and statistics.

    gamma 1, mean 0, variance 1 - epsilon, and the bias as beta.
    """
    *kernel, bias = values
    ones, zeros = np.ones_like(bias), np.zeros_like(bias)
    return kernel, [ones, bias, zeros, ones - epsilon]
