"""What decays, what learns slower, and the average of the weights."""

import keras
import numpy as np
import pytest
from keras import ops

from models import Architecture, build
from training.ema import WeightEMA
from training.optimiser import OPTIMISERS, make_optimiser


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMISERS)
def test_decay_spares_scales_and_shifts(name, slim_squeezenet):
    model = build(Architecture("squeezenet", 3))
    optimiser = make_optimiser(name, model.trainable_variables)
    decayed = {
        v.name for v in model.trainable_variables if optimiser._use_weight_decay(v)
    }
    assert decayed == {"kernel"}
    spared = {v.name for v in model.trainable_variables} - decayed
    assert spared == {"bias", "gamma", "beta"}


def dense():
    """Four kernel weights of 1 and two biases."""
    layer = keras.layers.Dense(2, kernel_initializer="ones")
    layer.build((None, 2))
    return layer


@pytest.mark.core
@pytest.mark.parametrize(("name", "decay"), [("adamw", 1e-4), ("sgd", 5e-4)])
def test_decay_shrinks_kernels_without_gradient(name, decay):
    layer = dense()
    layer.bias.assign([1.0, 2.0])
    optimiser = make_optimiser(name, [layer.kernel, layer.bias])
    optimiser.learning_rate = 10.0
    optimiser.apply([ops.zeros((2, 2)), ops.zeros((2,))], [layer.kernel, layer.bias])
    expected = np.full((2, 2), 1 - 10 * decay)
    assert ops.convert_to_numpy(layer.kernel) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.bias), [1.0, 2.0])


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMISERS)
def test_some_variables_learn_slower(name):
    steps = {}
    for slower_by in (1.0, 0.25):
        layer = dense()
        variables = [layer.kernel, layer.bias]
        optimiser = make_optimiser(name, variables, [layer.bias], slower_by)
        optimiser.learning_rate = 1e-2
        optimiser.apply([ops.ones((2, 2)), ops.ones((2,))], variables)
        steps[slower_by] = ops.convert_to_numpy(layer.bias)
        kernel = ops.convert_to_numpy(layer.kernel)
        assert kernel == pytest.approx(np.full((2, 2), 0.99), abs=1e-4)
    assert steps[1.0] == pytest.approx([-0.01, -0.01], rel=1e-3)
    assert steps[0.25] == pytest.approx(steps[1.0] / 4, rel=1e-5)


@pytest.mark.core
def test_large_gradients_are_clipped_together():
    layer = dense()
    variables = [layer.kernel, layer.bias]
    optimiser = make_optimiser("sgd", variables)
    optimiser.learning_rate = 1e-2
    kernel = ops.convert_to_tensor([[0.0, 0.0], [0.0, 40.0]])
    optimiser.apply([kernel, ops.convert_to_tensor([30.0, 0.0])], variables)
    # of length 50 both together, and cut to 10
    bias = ops.convert_to_numpy(layer.bias)
    assert bias == pytest.approx([-1e-2 * 30 * 10 / 50, 0.0], rel=1e-4)


@pytest.mark.core
def test_average_follows_and_gives_the_weights_back():
    layer = dense()
    model = keras.Sequential([keras.Input((2,)), layer])
    average = WeightEMA(model)
    expected, now = np.zeros(2), np.zeros(2)
    for step in range(1, 40):
        now = np.array([step, -2.0 * step])
        layer.bias.assign(now)
        average.update()
        decay = min(0.99, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * now
    with pytest.raises(RuntimeError, match="inside"), average.applied():
        assert ops.convert_to_numpy(layer.bias) == pytest.approx(expected, rel=1e-5)
        assert ops.convert_to_numpy(layer.kernel) == pytest.approx(np.ones((2, 2)))
        raise RuntimeError("inside")
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.bias), now)
    assert abs(expected - now).min() > 1
