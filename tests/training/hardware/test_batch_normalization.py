"""BatchNormalization as one operation computes what its formula says."""

import keras
import numpy as np
import pytest

from training.hardware.batch_normalization import speed_up

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the operation is TensorFlow's"
)
EPSILON, MOMENTUM = 1e-3, 0.9
RNG = np.random.default_rng(0)
MAPS = RNG.normal(3, 2, (4, 7, 5, 6)).astype("float32")
UPSTREAM = RNG.normal(size=MAPS.shape).astype("float32")
GAMMA, BETA, MEAN, VARIANCE = RNG.random((4, 6)).astype("float32") + 0.5


def normalised(dtype="float32", **options):
    inputs = keras.Input(MAPS.shape[1:])
    options = {"momentum": MOMENTUM, "epsilon": EPSILON, "dtype": dtype} | options
    layer = keras.layers.BatchNormalization(**options)
    model = keras.Model(inputs, layer(inputs))
    speed_up(model)
    assert "call" in vars(layer)
    return model, layer


def run(model, training):
    """Output and gradient by the input of the sum of outputs times UPSTREAM."""
    maps = tf.constant(MAPS)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(maps)
        outputs = tf.cast(model(maps, training=training), "float32")
        total = tf.reduce_sum(outputs * UPSTREAM)
    sources = [maps, *(weight.value for weight in model.trainable_weights)]
    return outputs.numpy(), [tape.gradient(total, source) for source in sources]


@pytest.mark.parametrize(("dtype", "exact"), [("float32", 2e-5), ("bfloat16", 0.05)])
def test_outputs_gradients_and_averages_are_those_of_the_formula(dtype, exact):
    model, layer = normalised("mixed_bfloat16" if dtype == "bfloat16" else dtype)
    layer.set_weights([GAMMA, BETA, MEAN, VARIANCE])
    outputs, (by_maps, by_gamma, by_beta) = run(model, training=True)
    axes, maps = (0, 1, 2), MAPS.astype("float64")
    mean, variance = maps.mean(axes), maps.var(axes)
    scaled = (maps - mean) / np.sqrt(variance + EPSILON)
    np.testing.assert_allclose(outputs, GAMMA * scaled + BETA, atol=exact)
    np.testing.assert_allclose(by_beta, UPSTREAM.sum(axes), atol=10 * exact)
    np.testing.assert_allclose(by_gamma, (UPSTREAM * scaled).sum(axes), atol=10 * exact)
    # Ioffe & Szegedy, "Batch Normalization", 2015, sec. 3
    inner = UPSTREAM - UPSTREAM.mean(axes) - scaled * (UPSTREAM * scaled).mean(axes)
    expected = GAMMA / np.sqrt(variance + EPSILON) * inner
    np.testing.assert_allclose(by_maps, expected, atol=exact)
    kept = MOMENTUM * MEAN + (1 - MOMENTUM) * mean
    np.testing.assert_allclose(layer.moving_mean, kept, rtol=exact / 50 + 1e-6)
    kept = MOMENTUM * VARIANCE + (1 - MOMENTUM) * variance
    np.testing.assert_allclose(layer.moving_variance, kept, rtol=exact / 50 + 1e-6)


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}])
def test_without_scale_or_offset(options):
    model, _ = normalised(**options)
    outputs, gradients = run(model, training=True)
    scaled = (MAPS - MAPS.mean((0, 1, 2))) / np.sqrt(MAPS.var((0, 1, 2)) + EPSILON)
    np.testing.assert_allclose(outputs, scaled, atol=2e-5)
    assert len(gradients) == 2


@pytest.mark.parametrize("training", [False, True])
def test_frozen_or_detecting_it_uses_the_averages(training):
    model, layer = normalised()
    layer.set_weights([GAMMA, BETA, MEAN, VARIANCE])
    layer.trainable = not training
    outputs, _ = run(model, training)
    expected = GAMMA * (MAPS - MEAN) / np.sqrt(VARIANCE + EPSILON) + BETA
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(layer.moving_mean, MEAN)


@pytest.mark.parametrize(
    ("shape", "options"),
    [((9,), {}), ((7, 5, 6), {"axis": 1}), ((7, 5, 6), {"renorm": True})],
)
def test_other_layers_stay_as_they_are(shape, options):
    inputs = keras.Input(shape)
    layer = keras.layers.BatchNormalization(**options)
    model = keras.Model(inputs, layer(inputs))
    speed_up(model)
    assert "call" not in vars(layer)


@pytest.mark.parametrize("way", ["several devices", "mask"])
def test_shared_or_masked_statistics_are_keras_own(way):
    _, layer = normalised()
    mask = np.arange(4 * 7 * 5).reshape(4, 7, 5) % 3 > 0 if way == "mask" else None
    plain = keras.layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON)
    for each in (layer, plain):
        each.synchronized = way == "several devices"
        each(MAPS, training=True, mask=mask)
    np.testing.assert_array_equal(layer.moving_variance, plain.moving_variance)


@pytest.mark.parametrize("shape", [(1, 1, 1, 6), (2, 1, 1, 6)])
def test_one_or_two_cells(shape):
    """The operation divides by n - 1."""
    inputs = keras.Input(shape[1:])
    layer = keras.layers.BatchNormalization(momentum=0.0)
    model = keras.Model(inputs, layer(inputs))
    speed_up(model)
    maps = MAPS.flat[: np.prod(shape)].reshape(shape)
    model(maps, training=True)
    variance = maps.var((0, 1, 2))
    np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-5, atol=1e-6)
