"""What Keras does not promise, and we override or call: a new Keras shows here."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers, ops

from training.optimiser import OPTIMISERS, make_optimiser
from training.variable_groups import SlowerVariables

pytestmark = pytest.mark.core
UPDATE = ["self", "gradient", "variable", "learning_rate"]


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (keras.optimizers.AdamW, "update_step", UPDATE),
        (keras.optimizers.SGD, "update_step", UPDATE),
        (keras.optimizers.AdamW, "_get_variable_index", ["self", "variable"]),
        (keras.Model, "_flatten_layers", ["self", "include_self", "recursive"]),
        (keras.layers.Conv2D, "convolution_op", ["self", "inputs", "kernel"]),
        (keras.layers.Conv2D, "load_own_variables", ["self", "store"]),
        (
            keras.layers.BatchNormalization,
            "call",
            ["self", "inputs", "training", "mask"],
        ),
        (
            keras.Model,
            "compute_loss",
            ["self", "x", "y", "y_pred", "sample_weight", "training"],
        ),
    ],
)
def test_it_is_there_and_takes_the_same(owner, name, parameters):
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_calls_what_it_overrides(name, monkeypatch):
    called = []
    for method in ("update_step", "_use_weight_decay", "_all_reduce_sum_gradients"):
        original = getattr(SlowerVariables, method)

        def noted(self, *args, method=method, original=original):
            called.append(method)
            return original(self, *args)

        monkeypatch.setattr(SlowerVariables, method, noted)
    variable = keras.Variable(np.ones(3, "float32"))
    optimiser = make_optimiser(name, [variable], [variable], 0.5)
    optimiser.learning_rate = 0.1
    optimiser.apply([ops.ones(3)])
    assert {"update_step", "_use_weight_decay"} <= set(called)
    if keras.backend.backend() == "tensorflow":  # the others have no such sum
        assert "_all_reduce_sum_gradients" in called


def test_a_layer_calls_its_own_convolution():
    layer = layers.Conv2D(2, 3)
    layer.build((None, 5, 5, 1))
    layer.convolution_op = lambda inputs, kernel: ops.ones((1, 3, 3, 2))
    assert (ops.convert_to_numpy(layer(np.zeros((1, 5, 5, 1)))) == 1).all()


def test_a_built_layer_takes_another_call_and_activation():
    images = keras.Input((2, 2, 1))
    norm, activation = layers.BatchNormalization(), layers.Activation("silu")
    model = keras.Model(images, [norm(images), activation(images)])
    norm.call = lambda inputs, training=None, mask=None: inputs + 3
    activation.activation = lambda inputs: inputs + 5
    found = model(np.zeros((1, 2, 2, 1)), training=True)
    assert [float(ops.max(maps)) for maps in found] == [3, 5]


def test_nodes_lead_to_the_layers_that_follow():
    images = keras.Input((4, 4, 1))
    first, second, third = (layers.Conv2D(1, 1) for _ in range(3))
    x = first(images)
    keras.Model(images, [second(x), third(x)])
    followers = [node.operation for node in first._outbound_nodes]
    assert followers == [second, third]
