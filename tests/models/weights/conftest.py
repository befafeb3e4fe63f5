"""A detector and its file, for the tests of weights files."""

import pytest

from models import build, weights
from models.weights.metadata import ModelMetadata
from tests.helpers.saved_detector import ARCHITECTURE


@pytest.fixture(scope="module")
def model():
    return build(ARCHITECTURE)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    """A weights file that tests only read."""
    path = tmp_path_factory.mktemp("saved") / "best.weights.h5"
    weights.save(model, path, ModelMetadata(ARCHITECTURE, ["cat", "dog"], 0.4, 0.7))
    return path
