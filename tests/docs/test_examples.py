"""What the programs of examples/ make of detections; their own packages aside."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import cv2
import numpy as np
import pytest
from PIL import Image

from data.images import EXIF_ORIENTATION, read_image
from tests.helpers.detectors import colour_detector, scene

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def ray_detect(monkeypatch):
    """examples/ray_detect.py, without Ray."""
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    return load_example("ray_detect")


def load_example(name):
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def worker(ray_detect, monkeypatch):
    """Its Worker, which finds red patches in images of the folder photos."""
    monkeypatch.setattr("inference.load", lambda **_: colour_detector())
    return ray_detect.Worker(None, batch_size=2, root="/photos")


def batch_of(files):
    """What Ray gives of files: their paths and their bytes."""
    return {
        "path": np.array([f"/photos/{name}" for name in files], "O"),
        "bytes": np.array([*files.values()], "O"),
    }


def png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def test_a_worker_of_ray(worker):
    red = png(scene((50, 40), red=(10, 10, 30, 30)))
    batch = batch_of({"a/1.png": red, "b/1.png": red, "2.png": png(scene((80, 60)))})
    rows = worker(batch)
    assert rows["image"] == ["a/1.png", "b/1.png"] and rows["class_name"] == ["red"] * 2
    np.testing.assert_allclose(rows["bbox"], [[10, 10, 20, 20]] * 2, atol=2)
    assert len({len(column) for column in rows.values()}) == 1
    nothing = worker({name: column[2:] for name, column in batch.items()})
    assert not any(nothing.values()) and nothing.keys() == rows.keys()


def test_a_worker_of_ray_turns_by_exif(worker, tmp_path):
    upright = scene((50, 40), red=(10, 5, 30, 25))
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    path = tmp_path / "a.png"
    Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    np.testing.assert_array_equal(read_image(path), upright)
    rows = worker(batch_of({"a.png": path.read_bytes()}))
    np.testing.assert_allclose(rows["bbox"], [[10, 5, 20, 20]], atol=2)


def test_a_worker_of_ray_leaves_out_a_broken_image(worker, capsys):
    red = png(scene((50, 40), red=(10, 10, 30, 30)))
    files = {"cut.png": red[:-40], "empty.jpg": b"", "1.png": red}
    assert worker(batch_of(files))["image"] == ["1.png"]
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told] == ["cut.png", "empty.jpg"]
    del files["1.png"]
    assert not any(worker(batch_of(files)).values())


def test_fiftyone_names_classes_by_the_ids_of_the_annotations(tmp_path, monkeypatch):
    fiftyone = mock.MagicMock()
    fiftyone.Detection = fiftyone.Detections = SimpleNamespace
    monkeypatch.setitem(sys.modules, "fiftyone", fiftyone)
    samples = [SampleStandIn(filename=name) for name in ("1.jpg", "2.jpg")]
    dataset = fiftyone.Dataset.from_dir.return_value
    dataset.iter_samples.return_value = samples
    labels = tmp_path / "coco/annotations/instances_val.json"
    labels.parent.mkdir(parents=True)
    categories = [{"id": 7, "name": "dog"}, {"id": 2, "name": "cat"}]
    labels.write_text(json.dumps({"categories": categories}))
    row = {"image_id": "1.jpg", "bbox": [10, 10, 20, 5], "score": 0.5}
    results = tmp_path / "found.json"
    results.write_text(json.dumps([{**row, "category_id": id} for id in (2, 7)]))
    load_example("fiftyone_mistakes").main(str(tmp_path / "coco"), str(results))
    found = samples[0]["found"].detections
    assert [one.label for one in found] == ["cat", "dog"]
    assert found[0].bounding_box == [0.1, 0.2, 0.2, 0.1]  # of 100 by 50 pixels
    assert not samples[1]["found"].detections


class SampleStandIn(dict):
    """A sample of FiftyOne: fields by name, and what it knows of its file."""

    metadata = SimpleNamespace(width=100, height=50)

    @property
    def filename(self):
        return self["filename"]
