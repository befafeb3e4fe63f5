"""The quicker gradient of SiLU is TensorFlow's own."""

import keras
import numpy as np
import pytest

from training.hardware.silu_gradient import speed_up

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the gradient is TensorFlow's"
)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_outputs_and_gradients_are_those_of_the_formula(dtype):
    inputs = keras.Input((9,))
    silu = keras.layers.Activation("silu", dtype=dtype)
    relu = keras.layers.Activation("relu", dtype=dtype)
    model = keras.Model(inputs, [silu(inputs), relu(inputs)])
    speed_up(model)
    assert silu.activation is not keras.activations.silu
    assert relu.activation is keras.activations.relu
    x = np.float32([[-80, -5, -1.5, -0.1, 0, 0.1, 1.5, 5, 80]])
    upstream = np.float32([[1, -2, 3, -4, 5, -6, 7, -8, 9]])
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = model(variable)[0]
        total = tf.reduce_sum(tf.cast(y, "float32") * upstream)
    gradient = tape.gradient(total, variable)
    s = 1 / (1 + np.exp(-x.astype("float64")))
    exact = 1e-6 if dtype == "float32" else 2e-2
    np.testing.assert_allclose(np.float32(y), x * s, rtol=exact, atol=exact)
    expected = upstream * (s + x * s * (1 - s))
    np.testing.assert_allclose(np.float32(gradient), expected, rtol=exact, atol=exact)
