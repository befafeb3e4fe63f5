"""Weights files: what is saved comes back, and the file says what it is."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from inference.runtimes.keras_file import KerasModel
from models import Architecture, weights
from models.weights.__main__ import main
from models.weights.metadata import ModelMetadata
from tests.helpers.saved_detector import ARCHITECTURE, infer


def test_description_there_and_back():
    description = ModelMetadata(
        Architecture("vgg16", 4, 512, "light", "none", "coco", True),
        ["Katze", "наука", 'quo"te'],
        threshold=0.123,
        f1=0.5,
        training={"epochs": 3},
    )
    text = description.to_json(keras="3.15.1")
    assert ModelMetadata.from_json(text) == description
    assert json.loads(text)["versions"] == {"keras": "3.15.1"}


@pytest.mark.core
def test_saved_file_says_what_it_is(model, saved):
    loaded, description = weights.load(saved)
    assert description == ModelMetadata(ARCHITECTURE, ["cat", "dog"], 0.4, 0.7)
    assert np.abs(infer(loaded) - infer(model)).max() == 0
    assert weights.read_weights(saved).origin == "train.py"
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_keep_threshold_changes_nothing_else(model, saved, tmp_path):
    path = tmp_path / "copy.weights.h5"
    path.write_bytes(saved.read_bytes())
    weights.save_threshold(path, 0.25, 0.9)
    loaded, description = weights.load(path)
    assert description == ModelMetadata(ARCHITECTURE, ["cat", "dog"], 0.25, 0.9)
    assert np.abs(infer(loaded) - infer(model)).max() == 0
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_of_earlier_names(tmp_path, saved):
    path = tmp_path / "earlier.weights.h5"
    path.write_bytes(saved.read_bytes())
    with h5py.File(path, "r+") as file:
        fields = json.loads(file.attrs[weights.ATTRIBUTE])
        fields["architecture"]["trunk"] = fields["architecture"].pop("neck")
        fields["architecture"]["reuse"] = "extractor"
        file.attrs[weights.ATTRIBUTE] = json.dumps(fields)
    assert weights.load(path)[1] == weights.load(saved)[1]


def test_a_file_is_opened_once(saved, monkeypatch):
    opened = []

    class File(h5py.File):
        def __init__(self, *args, **kwargs):
            opened.append(args[0])
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(h5py, "File", File)
    KerasModel(saved)
    assert opened == [saved] or opened == [str(saved)]


def test_half_precision_is_half_the_size_and_loads(model, saved, tmp_path):
    path = tmp_path / "half.weights.h5"
    description = ModelMetadata(ARCHITECTURE, ["cat", "dog"])
    weights.save(model, path, description, half=True)
    assert path.stat().st_size < 0.6 * saved.stat().st_size
    loaded, received = weights.load(path)
    assert received == description
    for weight, expected in zip(loaded.weights, model.weights, strict=True):
        narrow = np.array(expected).astype("float16").astype("float32")
        np.testing.assert_array_equal(np.array(weight), narrow, err_msg=weight.path)
    weights.save_threshold(path, 0.1, 0.2)
    assert path.stat().st_size < 0.6 * saved.stat().st_size


def test_half_precision_keeps_what_float16_cannot_hold(model, tmp_path):
    norm = model.get_layer("conv4_0_batchnorm")
    before = norm.get_weights()
    norm.set_weights([*before[:3], np.full_like(before[3], 1e6)])
    path = tmp_path / "half.weights.h5"
    weights.save(model, path, ModelMetadata(ARCHITECTURE, ["cat", "dog"]), half=True)
    norm.set_weights(before)
    loaded, _ = weights.load(path)
    variance = loaded.get_layer("conv4_0_batchnorm").get_weights()[3]
    np.testing.assert_array_equal(variance, 1e6)


def test_a_file_is_halved(saved, tmp_path, capsys):
    output = tmp_path / "half.weights.h5"
    assert main([str(saved), "--half", "--output", str(output)]) == 0
    assert capsys.readouterr().out == f"{output}: cat, dog\n"
    assert output.stat().st_size < 0.6 * saved.stat().st_size
    assert weights.load(output)[1] == weights.read_detector(saved).metadata
    assert main([str(saved), "--half", "--output", str(output)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_the_command_speaks_without_the_backends_greeting(tmp_path):
    command = [sys.executable, "-m", "models.weights", str(tmp_path / "gone")]
    root = Path(__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 2 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("python -m models.weights: ") and "no such file" in line
