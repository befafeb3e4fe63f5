"""Where a training starts from: what a detector's file gives it."""

import numpy as np
import pytest

from models import Architecture, build, weights
from models.weights import initialise
from models.weights.metadata import ModelMetadata
from tests.helpers.saved_detector import ARCHITECTURE, infer


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
