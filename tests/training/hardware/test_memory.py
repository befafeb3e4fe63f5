"""What a step is expected to take of the memory, and how many pictures have room."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from keras import layers

from training.hardware.devices import Device
from training.hardware.memory import (
    PER_OUTPUT,
    PER_WEIGHT,
    STEP_BYTES,
    largest_batch,
    step_bytes,
)

ROOT = Path(__file__).parents[3]
WEIGHTS = (3 * 4 + 4) + (4 * 5 + 5)  # of two Dense layers
OUTPUTS = (2 * 2 * 4, 2 * 2 * 5)


def two_layers():
    picture = keras.Input((2, 2, 3))
    return keras.Model(picture, layers.Dense(5)(layers.Dense(4)(picture)))


def test_what_is_kept_of_a_step():
    fixed = STEP_BYTES + PER_WEIGHT * 4 * WEIGHTS
    model = two_layers()
    kept = 3 * PER_OUTPUT * 4 * sum(OUTPUTS)
    assert step_bytes(model, 3) == fixed + kept
    model.layers[1].trainable = False
    kept = 3 * PER_OUTPUT * 4 * OUTPUTS[1]
    assert step_bytes(model, 3) == fixed + kept


def test_pytorch_holds_the_frozen_outputs_too(monkeypatch):
    model = two_layers()
    model.layers[1].trainable = False
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    on_tensorflow = step_bytes(model, 3)
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    picture = 2 * 2 * 3
    assert step_bytes(model, 3) == on_tensorflow + 3 * 4 * (picture + OUTPUTS[0])


def test_half_precision_halves_what_is_kept():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = two_layers()
    finally:
        keras.config.set_dtype_policy(policy)
    each = step_bytes(model, 1) - step_bytes(model, 0)
    assert each == PER_OUTPUT * 2 * sum(OUTPUTS)


def test_sums_and_layers_of_models_inside_count():
    picture = keras.Input((2, 2, 3))
    first = layers.Dense(3)(picture)
    inner = keras.Sequential([layers.Dense(4), layers.Dense(5)])(first + first)
    model = keras.Model(picture, inner)
    kept = 2 * 2 * (3 + 3 + 4 + 5)  # the first layer, its sum, the two inside
    each = step_bytes(model, 1) - step_bytes(model, 0)
    assert each == PER_OUTPUT * 4 * kept


def test_how_many_pictures_have_room():
    model = two_layers()
    for pictures in (0, 1, 7):
        room = step_bytes(model, pictures) + 1
        assert largest_batch(model, Device("", room / 2**30)) == pictures
    assert largest_batch(model, Device("tiny", 0.1)) == 0
    assert largest_batch(model, Device("tells nothing", 0.0)) > 10**6


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells no peak")
def test_a_step_of_squeezenet_takes_no_more_than_expected():
    command = "-m benchmarks.cost.memory --backbones squeezenet --batch-sizes 2"
    result = subprocess.run(
        [sys.executable, *command.split()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    for line in result.stdout.splitlines()[2:]:
        cells = line.split("|")
        measured, expected = float(cells[5]), float(cells[6])
        assert expected / 4 < measured < expected, line
    assert "trained" in result.stdout and "frozen" in result.stdout
