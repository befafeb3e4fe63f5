"""What the tests of several scripts need: images, weights, their mistakes."""

import json
from pathlib import Path

import cv2
import keras
import numpy as np

from data import read_dataset
from models import Architecture, build, weights
from tests.helpers.slim import slim

QUICK = ["--backbone", "squeezenet", "--precision", "float32"]
QUICK += ["--epochs", "1", "--batch-size", "4"]


def write_untrained(shapes, path):
    """A slim detector that finds something everywhere, with scores of all sizes."""
    names = read_dataset(shapes, "val").class_names
    architecture = Architecture("squeezenet", len(names) + 1, norm="none")
    keras.utils.set_random_seed(0)
    with slim():
        model = build(architecture)
    heads = [layer for layer in model.layers if "_mbox_" in layer.name]
    maps = keras.Model(model.input, [layer.output for layer in heads])
    noise = np.random.default_rng(0).integers(0, 255, (1, 300, 300, 3), "uint8")
    for layer, values in zip(heads, maps(noise), strict=True):
        layer.kernel.assign(np.array(layer.kernel) / np.array(values).std())
    description = weights.ModelMetadata(architecture, names, threshold=0.011)
    weights.save(model, path, description)
    return path


def make_image(path, value=90, size_wh=(80, 50)):
    width, height = size_wh
    image = np.full((height, width, 3), value, "uint8")
    image[10:40, 10:30] = 255 - value
    assert cv2.imwrite(str(path), image)
    return path


def strict_json(path):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(Path(path).read_text("utf-8"), parse_constant=refuse)


def check_mistake(script, options, words, capsys):
    assert script.main([str(option) for option in options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"{script.__name__}.py: ")
    for word in words:
        assert str(word) in line
