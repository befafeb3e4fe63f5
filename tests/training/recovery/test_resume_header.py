"""What a checkpoint says of its run; whether the run can go on here."""

import re
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from base.errors import UserError
from data.dataset import Dataset, Sample
from models import Architecture
from models.weights.metadata import LICENCE
from training.hardware.devices import Device
from training.recovery import checkpoint, resume

ARCHITECTURE = Architecture("squeezenet", 3)
DEVICE = Device("some processor", 8.0, flags=("fma", "avx2"))


def data(split, edge=0.5):
    truth = np.float32([[0, 0, edge, edge, 1]])
    image = Sample(Path("a.png"), (60, 40), truth, np.zeros(1, bool))
    return Dataset("pets", split, ["cat"], [image])


def kept():
    datasets = data("train"), data("val")
    given = ({"lr": 0.1}, ARCHITECTURE, datasets, {"Keras": "3.0"})
    return resume.header(*given, "as its start")


def test_the_header_comes_back_from_the_checkpoint(tmp_path):
    header = kept()
    assert header["options"] == {"lr": 0.1} and header["surroundings"] == {
        "Keras": "3.0"
    }
    assert header["fingerprints"] == [data("train").fingerprint()] * 2
    checkpoint.save(tmp_path / checkpoint.NAME, {**header, "step": 3}, {})
    again = resume.read_header(tmp_path)
    assert again == {**header, "architecture": ARCHITECTURE}


def test_a_checkpoint_from_before_runs_had_a_licence(tmp_path):
    header = kept()
    assert header.pop("licence") == "as its start"
    checkpoint.save(tmp_path / checkpoint.NAME, header, {})
    assert resume.read_header(tmp_path)["licence"] == LICENCE


def test_a_folder_without_a_checkpoint(tmp_path):
    message = (
        f"--resume {tmp_path}: expected a run's folder with checkpoint.npz, there is "
        "none; start the training anew."
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        resume.read_header(tmp_path)


BROKEN = {  # key: content that no run writes
    "options": None,
    "architecture": {"backbone": "squeezenet"},
    "fingerprints": 3,
    "surroundings": [1],
}


@pytest.mark.parametrize("key", [*BROKEN, "absent"])
def test_a_checkpoint_of_something_else(tmp_path, key):
    header = kept()
    header = {**header, key: BROKEN[key]} if key in BROKEN else {"step": 3}
    checkpoint.save(tmp_path / checkpoint.NAME, header, {})
    path = re.escape(str(tmp_path / checkpoint.NAME))
    with pytest.raises(UserError, match=f"^{path}: no checkpoint of train.py: .+"):
        resume.read_header(tmp_path)


def test_the_same_data_or_none():
    resume.check_data(kept(), (data("train"), data("val")))
    message = (
        "--resume: split val of pets is not the one that the run began with: names, "
        "sizes, boxes or marks differ. Bring it back, or start anew with --weights "
        "RUN/last.weights.h5."
    )
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        resume.check_data(kept(), (data("train"), data("val", 0.6)))
    with pytest.raises(ValueError, match="zip"):  # ours, not the user's
        resume.check_data(kept(), (data("train"),))


def test_what_changed_around_the_run():
    now = {"Keras": "3.1", "device": "x", "precision": None}
    lines = resume.differences({"surroundings": {"Keras": "3.0", "device": "x"}}, now)
    assert lines == [
        "Keras was 3.0, is 3.1: the last bits of the weights will differ from those of "
        "a run that was not interrupted."
    ]
    (line,) = resume.differences({"surroundings": {}}, {"device": "x"})
    assert line.startswith("device was None, is x: ")


def test_surroundings(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setattr("os.cpu_count", lambda: 5)
    found = resume.environment(DEVICE, "float32")
    backend = keras.backend.backend()
    assert found == {
        "backend": f"{backend} {version(backend)}",
        "Keras": keras.version(),
        "numpy": np.__version__,
        "OpenCV": cv2.__version__,
        "device": "some processor",
        "processor's flags": "avx2 fma",
        "threads": 5,
        "oneDNN": "1",
        "precision": "float32",
    }
    assert re.fullmatch(r"\d+\.\d+.*", found["OpenCV"])
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    assert resume.environment(DEVICE, "float32")["oneDNN"] == ""


def test_marks_of_objects_belong_to_the_data():
    def marked(difficult, crowd):
        dataset = data("train")
        (sample,) = dataset.samples
        marks = np.array([difficult]), np.array([crowd])
        sample = replace(sample, difficult=marks[0], crowd=marks[1])
        return replace(dataset, samples=[sample])

    hashes = {marked(d, c).fingerprint() for d in (0, 1) for c in (False, True)}
    assert len(hashes) == 4 and marked(0, True).fingerprint(with_marks=False) == (
        data("train").fingerprint(with_marks=False)
    )
    header = kept()
    with pytest.raises(UserError, match="boxes or marks differ"):
        resume.check_data(header, (marked(1, False), data("val")))
    # what earlier versions wrote
    header["fingerprints"] = [data("train").fingerprint(with_marks=False)] * 2
    resume.check_data(header, (data("train"), data("val")))
