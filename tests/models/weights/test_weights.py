"""Weights files: whole or not at all, understood or refused in one line."""

import errno
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from base.errors import UserError
from inference.runtimes.keras_file import KerasModel
from models import Architecture, build, weights
from models.weights import initialise
from models.weights.__main__ import main
from models.weights.metadata import ModelMetadata
from tests.helpers.spoiled_files import (
    cut_short,
    empty,
    missing,
    no_detector,
    no_hdf5,
    one_line,
)

ARCHITECTURE = Architecture("squeezenet", 3)
IMAGE = np.random.default_rng(0).integers(0, 255, (1, 300, 300, 3), dtype="uint8")


@pytest.fixture(scope="module")
def model():
    return build(ARCHITECTURE)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    """A weights file that tests only read."""
    path = tmp_path_factory.mktemp("saved") / "best.weights.h5"
    weights.save(model, path, ModelMetadata(ARCHITECTURE, ["cat", "dog"], 0.4, 0.7))
    return path


def infer(model):
    return keras.ops.convert_to_numpy(model(IMAGE, training=False))


# the description


UNSOUND = [  # what a file's description says, and what the error names
    ({"class_names": ["cat"]}, "1 class names for 3"),
    ({"class_names": 5}, "list of names"),
    ({"threshold": "high"}, "threshold"),
    ({"threshold": 1.5}, "threshold"),
    ({"colour": "red"}, "colour"),
    ({"architecture": {"backbone": "vgg16"}}, "num_classes"),
    ({"architecture": {**ARCHITECTURE.to_dict(), "num_classes": "3"}}, "classes"),
]


@pytest.mark.parametrize(("change", "named"), UNSOUND)
def test_description_that_does_not_fit_together_is_refused(change, named):
    fields = json.loads(ModelMetadata(ARCHITECTURE, ["cat", "dog"]).to_json())
    with pytest.raises(ValueError, match=named):
        ModelMetadata.from_json(json.dumps(fields | change))


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


@pytest.fixture
def full_disk():
    """No file grows beyond 1 MiB. (Python ignores the signal that comes with it.)"""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="Linux only")
def test_full_disk_is_an_error_not_a_crash(model, saved, tmp_path, request):
    path = tmp_path / "best.weights.h5"
    path.write_bytes(saved.read_bytes())
    request.getfixturevalue("full_disk")  # from here on
    with pytest.raises(OSError, match=r"best\.weights\.h5") as error:
        weights.save(model, path, ModelMetadata(ARCHITECTURE, ["cat", "dog"]))
    one_line(error)
    assert path.read_bytes() == saved.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "3",
        '{"architecture": {}}',
        '{"architecture": {"backbone": "vgg16"}, "class_names": []}',
        '{"architecture": {"backbone": "xyz", "num_classes": 2}, "class_names": ["a"]}',
        '{"architecture": {"backbone": "vgg16", "num_classes": 2}, "surprise": 1}',
    ],
)
def test_description_that_is_none(text, tmp_path):
    with pytest.raises(UserError):
        ModelMetadata.from_json(text)
    check_refused(text, tmp_path)


def test_a_weights_file_names_its_network(tmp_path):
    check_refused('{"class_names": ["a"]}', tmp_path)


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


def check_refused(text, tmp_path):
    path = tmp_path / "odd.weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs[weights.ATTRIBUTE] = text
    with pytest.raises(ValueError, match=r"odd\.weights\.h5: ") as error:
        weights.load(path)
    one_line(error)


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


# files that don't serve


def folder(path, source):
    path.mkdir()


def other_backbone(path, source):
    """The description of one detector, the arrays of another."""
    path.write_bytes(source.read_bytes())
    description = ModelMetadata(Architecture("small", 3, neck="light"), ["a", "b"])
    with h5py.File(path, "r+") as file:
        file.attrs[weights.ATTRIBUTE] = description.to_json()


def lacks_a_layer(path, source):
    path.write_bytes(source.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["layers/conv2d_5"]


def other_classes(path, source):
    path.write_bytes(source.read_bytes())
    description = ModelMetadata(Architecture("squeezenet", 5), list("abcd"))
    with h5py.File(path, "r+") as file:
        file.attrs[weights.ATTRIBUTE] = description.to_json()


@pytest.mark.parametrize(
    "spoil",
    [
        cut_short,
        no_hdf5,
        empty,
        no_detector,
        folder,
        missing,
        other_backbone,
        other_classes,
        lacks_a_layer,
    ],
)
def test_file_that_does_not_serve(spoil, saved, tmp_path):
    path = tmp_path / "spoiled.weights.h5"
    spoil(path, saved)
    refused = pytest.raises(ValueError, match=r"spoiled\.weights\.h5: ")
    # warnings go to the screen as well
    with warnings.catch_warnings(action="error"), refused as error:
        weights.load(path)
    assert len(one_line(error)) < 500


def test_load_into_another_model(saved):
    other = build(Architecture("small", 3, neck="light"))
    with pytest.raises(ValueError, match="does not fit small") as error:
        weights.read_detector(saved).fill(other)
    assert str(saved) in one_line(error)


def disk_full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_a_bit_then_fail(model, path, **_):
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"a part of the file")
    disk_full()


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    ("owner", "name", "failure"),
    [
        (os, "fsync", disk_full),
        (keras.Model, "save_weights", disk_full),
        (keras.Model, "save_weights", write_a_bit_then_fail),
    ],
)
def test_failing_write_leaves_what_was_there(
    model, saved, tmp_path, monkeypatch, owner, name, failure, old
):
    path = tmp_path / "best.weights.h5"
    if old:
        path.write_bytes(saved.read_bytes())
    monkeypatch.setattr(owner, name, failure)
    with pytest.raises(OSError, match=r"best\.weights\.h5.*No space left") as error:
        weights.save(model, path, ModelMetadata(ARCHITECTURE, ["x", "y"]))
    one_line(error)
    assert [file.name for file in tmp_path.iterdir()] == [path.name] * old
    if old:
        assert path.read_bytes() == saved.read_bytes()


def test_failing_threshold_leaves_what_was_there(saved, tmp_path, monkeypatch):
    path = tmp_path / "best.weights.h5"
    path.write_bytes(saved.read_bytes())
    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError):
        weights.save_threshold(path, 0.9, 0.9)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == saved.read_bytes()


def test_file_is_on_disk_before_it_takes_its_place(model, saved, tmp_path, monkeypatch):
    path = tmp_path / "best.weights.h5"
    events = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(handle):
        events.append("fsync")
        fsync(handle)

    def record_replace(source, target):
        events.append("replace")
        assert (
            weights.read_weights(source).origin == "train.py"
        )  # whole, description and all
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    weights.save(model, path, ModelMetadata(ARCHITECTURE, ["x", "y"]))
    assert events[:2] == ["fsync", "replace"]


# where a training starts from


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_start_from_a_detector(model, saved, norm):
    wanted = Architecture("squeezenet", 3, norm=norm)
    received, architecture = initialise.initialise_weights(
        wanted, str(saved), ["cat", "dog"]
    )
    assert architecture == wanted
    expected = infer(model)
    tolerance = 0 if norm == "batch" else 1e-4 * np.abs(expected).max()  # rounding
    assert np.abs(infer(received) - expected).max() <= tolerance


def test_start_from_a_detector_keeps_its_plain_extractor(tmp_path):
    theirs = Architecture("squeezenet", 3, pretrained=True)
    path = tmp_path / "pretrained.weights.h5"
    weights.save(build(theirs), path, ModelMetadata(theirs, ["cat", "dog"]))
    assert (
        initialise.initialise_weights(ARCHITECTURE, str(path), ["cat", "dog"])[1]
        == theirs
    )


@pytest.mark.parametrize(
    ("architecture", "names", "line"),
    [
        (ARCHITECTURE, ["dog", "cat"], "{all} of {all} layers taken"),
        (Architecture("squeezenet", 2), ["cat"], "{all} of {all} layers taken"),
        (Architecture("squeezenet", 3, 512), ["cat", "dog"], "shape differs"),
        (Architecture("squeezenet", 3, neck="ssd"), ["cat", "dog"], "absent"),
        (Architecture("squeezenet", 3, layout="coco"), ["cat", "dog"], "{all} of"),
    ],
)
def test_start_from_another_detector_takes_what_fits(
    saved, architecture, names, line, capsys
):
    initialise.initialise_weights(architecture, str(saved), names)
    out = capsys.readouterr().out
    count = out.split(" of ")[1].split()[0]
    assert line.format(all=count) in out


@pytest.mark.parametrize(
    "content",
    [b"\x1c\0\0\0TFL3 and weights", b"\x08\x08 graph \x0a\x06ssd300\x12\x02{}"],
    ids=["litert", "onnx"],
)
def test_an_exported_file_is_called_that(content, tmp_path):
    path = tmp_path / "best"
    path.write_bytes(content)
    with pytest.raises(UserError, match="best: an exported file, which can't be"):
        weights.read_weights(path)
