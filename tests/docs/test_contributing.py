"""The example backbone of CONTRIBUTING.md works as it stands there."""

import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from models import BACKBONES, Architecture, backbone_layers, build, weights

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture
def example(monkeypatch):
    """The name under which the example is registered."""
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    ((name, file),) = re.findall(r'add `"(\w+)": "(\w+)"`', TEXT)
    module = ModuleType(f"models.{file}")
    exec(compile(code, file, "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(BACKBONES, name, file)
    return name


def test_example_builds_saves_and_folds(example, tmp_path):
    architecture = Architecture(example, 3, neck="light")
    model = build(architecture)
    assert model.get_layer("features").output.shape[1:] == (37, 37, 256)
    assert model.get_layer("conv4_0").kernel_size == (2, 2)
    assert len(backbone_layers(model)) > 30
    path = tmp_path / "example.weights.h5"
    weights.save(model, path, weights.ModelMetadata(architecture, ["cat", "dog"]))
    loaded, _ = weights.load(path)
    image = np.random.default_rng(0).integers(0, 255, (1, 300, 300, 3), dtype="uint8")
    expected = loaded.predict_on_batch(image)
    folded = weights.fold_batchnorm(loaded, architecture).predict_on_batch(image)
    np.testing.assert_allclose(folded, expected, atol=1e-4 * np.abs(expected).max())
