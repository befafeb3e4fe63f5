"""What benchmarks.accuracy.learning would train: every experiment still fits the
product."""

from pkgutil import resolve_name

import keras
import pytest
from keras import layers

from benchmarks.accuracy.dead_channels import dead_channels
from benchmarks.accuracy.experiments import DATA, EXPERIMENTS, PLOTS
from data import read_dataset
from models import Architecture
from training.state import TrainingConfig


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_an_experiment_changes_is_there(name):
    experiment = EXPERIMENTS[name]
    Architecture(
        **{"backbone": "squeezenet", "num_classes": 2, **experiment.architecture}
    )
    TrainingConfig(1, **experiment.settings)
    for target, change in experiment.patches.items():
        original = resolve_name(target)
        assert change(original) != original


def test_what_is_plotted_is_an_experiment():
    for data, names in PLOTS.values():
        assert data in DATA and set(names) <= set(EXPERIMENTS)


def test_dead_channels_are_counted(shapes):
    image = keras.Input((300, 300, 3))
    bias = keras.initializers.Constant([1, -1, 1, -1])
    first = layers.Conv2D(4, 9, 50, kernel_initializer="zeros", bias_initializer=bias)
    first = layers.ReLU()(first(image))
    last = layers.ReLU()(-first)
    viewer = keras.Model(image, [first, last])
    assert dead_channels(viewer, read_dataset(shapes, "val")) == [0.5, 1.0]
