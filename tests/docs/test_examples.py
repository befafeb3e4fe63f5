"""What the programs of examples/ make of detections; their own packages aside."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.helpers.detectors import colour_detector, scene

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def ray_detect(monkeypatch):
    """examples/ray_detect.py, without Ray."""
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = spec_from_file_location("ray_detect", EXAMPLES / "ray_detect.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_worker_of_ray(ray_detect, monkeypatch):
    monkeypatch.setattr("inference.load", lambda **_: colour_detector())
    worker = ray_detect.Worker(None, batch_size=2)
    images = [scene((50, 40), red=(10, 10, 30, 30)), scene((80, 60))]
    batch = {"path": np.array(["a/1.jpg", "a/2.jpg"]), "image": np.array([0, 0], "O")}
    batch["image"][:] = images
    rows = worker(batch)
    assert rows["image"] == ["1.jpg"] and rows["class_name"] == ["red"]
    np.testing.assert_allclose(rows["bbox"], [[10, 10, 20, 20]], atol=2)
    assert len({len(column) for column in rows.values()}) == 1
    nothing = worker({name: column[1:] for name, column in batch.items()})
    assert not any(nothing.values()) and nothing.keys() == rows.keys()
