"""What decays, what learns slower, and the average of the weights."""

import keras
import numpy as np
import pytest
from keras import ops

from models import Architecture, build
from training.ema import WeightEMA
from training.optimiser import OPTIMISERS, make_optimiser
from training.variable_groups import assign_state, read_state


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMISERS)
def test_decay_spares_scales_and_shifts(name, slim_squeezenet):
    model = build(Architecture("squeezenet", 3))
    optimiser = make_optimiser(name, model.trainable_variables)
    names = [{v.name for v in group.variables} for group in optimiser.groups]
    (decayed,) = optimiser.decayed
    assert names[decayed] == {"kernel"}
    assert names[1 - decayed] == {"bias", "gamma", "beta"}


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


def stack():
    """Layers whose variables are of two rates, decayed and not."""
    model = keras.Sequential([keras.Input((3,))])
    for size in (4, 5, 2):
        model.add(keras.layers.Dense(size))
    slow = model.layers[1].trainable_variables
    return model.trainable_variables, slow


def updated(make, values, gradients, accumulate):
    """Variables and state after an update for each list of gradients."""
    variables, slow = stack()
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    optimiser = make(variables, slow, accumulate)
    for some in gradients:
        optimiser.apply([ops.convert_to_tensor(g) for g in some], variables)
    return [ops.convert_to_numpy(v) for v in variables], read_state(optimiser)


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_groups_compute_what_each_variable_would(name, accumulate):
    """Against the class that goes variable by variable; its state too."""
    rng = np.random.default_rng(0)
    shapes = [tuple(v.shape) for v in stack()[0]]
    values = [rng.normal(size=shape).astype("float32") for shape in shapes]
    gradients = [
        [rng.normal(size=shape).astype("float32") for shape in shapes] for _ in range(5)
    ]
    made = []

    def make(variables, slow, accumulate):
        optimiser = make_optimiser(name, variables, slow, 0.3, accumulate)
        optimiser.learning_rate = 1e-2
        made.append(optimiser)
        return optimiser

    grouped = updated(make, values, gradients, accumulate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.optimiser._is_mirrored", lambda: True)
        apart = updated(make, values, gradients, accumulate)
    assert len(made[0].groups) == 4 and not hasattr(made[1], "groups")
    for some, others in zip(grouped, apart, strict=True):
        for received, expected in zip(some, others, strict=True):
            assert received.dtype == expected.dtype
            np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.core
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_state_comes_back(is_mirrored):
    variables, slow = stack()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.optimiser._is_mirrored", lambda: is_mirrored)
        optimiser = make_optimiser("adamw", variables, slow, 0.3, accumulate=2)
    rng = np.random.default_rng(0)
    state = [rng.normal(size=a.shape).astype(a.dtype) for a in read_state(optimiser)]
    assign_state(optimiser, state)
    for received, expected in zip(read_state(optimiser), state, strict=True):
        np.testing.assert_array_equal(received, expected)


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


@pytest.mark.core
def test_average_outlives_a_scoring():
    model = keras.Sequential([keras.Input((2,)), dense()])
    model.compile(loss="mse")
    average = WeightEMA(model)
    average.update()
    images, truth = np.ones((4, 2)), np.zeros((4, 2))
    with average.applied():
        model.predict_on_batch(images)
        model.test_on_batch(images, truth)
    for value in average.values:  # JAX's functions take over what they are given
        assert np.isfinite(ops.convert_to_numpy(value)).all()
