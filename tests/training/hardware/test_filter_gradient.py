"""The quicker gradient of a convolution by its filter is TensorFlow's own."""

import keras
import numpy as np
import pytest

from training.hardware.filter_gradient import by_filter, speed_up

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the gradient is TensorFlow's"
)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 2), (1, 5)])
def test_is_tensorflows_own(padding, kernel):
    maps, weights = random(3, 11, 14, 4), tf.Variable(random(*kernel, 4, 5))
    with tf.GradientTape() as tape:
        outputs = tf.nn.conv2d(maps, weights, 1, padding)
        upstream = random(*outputs.shape)
        total = tf.reduce_sum(outputs * upstream)
    expected = tape.gradient(total, weights)
    got = by_filter(tf.constant(maps), tf.constant(upstream), weights.shape, padding)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((24, 24, 16))
    x = keras.layers.Conv2D(64, 3, padding="same", activation="relu")(inputs)
    x = keras.layers.Conv2D(128, 3, name="valid")(x)
    x = keras.layers.Conv2D(64, 3, strides=2, name="strided")(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("is_graph", [True, False])
def test_network_learns_the_same(is_graph):
    images, gradients = random(2, 24, 24, 16), []
    for is_quick in (False, True):
        model = network()
        if is_quick:
            speed_up(model)
            changed = [
                layer for layer in model.layers if "convolution_op" in vars(layer)
            ]
            assert changed == model.layers[1:3]  # the strided one is TensorFlow's

        def learn(images, model=model):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(model(images) ** 2)
            return tape.gradient(loss, model.trainable_weights)

        if is_graph:
            learn = tf.function(learn)
        gradients.append([np.asarray(one) for one in learn(tf.constant(images))])
    for own, quick in zip(*gradients, strict=True):
        np.testing.assert_allclose(quick, own, rtol=1e-4, atol=1e-5)
