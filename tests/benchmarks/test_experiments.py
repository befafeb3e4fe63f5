"""What benchmarks.accuracy.learning would train: every experiment still fits the
product."""

from pkgutil import resolve_name

import keras
import numpy as np
import pytest
from keras import layers

from benchmarks.accuracy.dead_channels import dead_channels
from benchmarks.accuracy.learning.experiments import BOX_LOSS, DATA, EXPERIMENTS, PLOTS
from data import read_dataset
from models import Architecture
from training import TrainingConfig


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


def test_ciou_by_hand():
    prior = np.float32([[0.5, 0.5, 0.4, 0.4]])
    b = np.array([0.35, 0.3, 0.65, 0.75])
    offsets = np.float32([[[1.0, -0.5, 0.8, -1.2]]])
    middle = 0.5 + 0.1 * offsets[0, 0, :2] * 0.4
    size = 0.4 * np.exp(0.2 * offsets[0, 0, 2:])
    a = np.concatenate([middle - size / 2, middle + size / 2])
    wide, high = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    size_a, size_b = a[2:] - a[:2], b[2:] - b[:2]
    overlap = wide * high / (size_a.prod() + size_b.prod() - wide * high)
    apart = ((a[:2] + a[2:] - b[:2] - b[2:]) ** 2).sum() / 4
    around = ((np.maximum(a[2:], b[2:]) - np.minimum(a[:2], b[:2])) ** 2).sum()
    angle = np.arctan(size_b[0] / size_b[1]) - np.arctan(size_a[0] / size_a[1])
    v = 4 / np.pi**2 * angle**2
    by_hand = overlap - apart / around - v * v / (1 - overlap + v)
    ciou_loss = EXPERIMENTS["full, ciou"].patches[BOX_LOSS](None)
    received = ciou_loss(offsets, np.float32(b[None, None]), prior)
    assert float(received[0, 0]) == pytest.approx(5 * (1 - by_hand), rel=1e-4)
