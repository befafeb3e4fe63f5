"""Weights files: whole or not at all, refused in one line."""

import errno
import json
import os
import warnings

import h5py
import keras
import pytest

from base.errors import UserError
from models import Architecture, build, weights
from models.weights.metadata import ModelMetadata
from tests.helpers.saved_detector import ARCHITECTURE
from tests.helpers.spoiled_files import (
    cut_short,
    empty,
    missing,
    no_detector,
    no_hdf5,
    one_line,
)

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


def check_refused(text, tmp_path):
    path = tmp_path / "odd.weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs[weights.ATTRIBUTE] = text
    with pytest.raises(ValueError, match=r"odd\.weights\.h5: ") as error:
        weights.load(path)
    one_line(error)


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
