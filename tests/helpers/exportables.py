"""Detectors small enough to be converted in seconds, with objects of all sizes."""

from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec

import keras
import numpy as np
import pytest

import exporting
from exporting import FORMATS, ExportSpec
from models import BACKBONES, Architecture, build, weights
from models.necks.heads import heads, images_input
from models.weights.metadata import ModelMetadata
from ssd_utils import detect, make_priors

NAMES = ["Küken", "b c", "d"]


def random_images(number, seed=0):
    """uint8 (N, 300, 300, 3): patches of colour, the same for the same seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (number, 30, 30, 3), "uint8")
    return coarse.repeat(10, axis=1).repeat(10, axis=2)


def exportable(precision="float32", layout="plain", calibration=0):
    """Heads on maps of one convolution; scores of all sizes, many boxes suppressed."""
    keras.utils.set_random_seed(0)
    images = images_input()
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(8, 8, strides=8, padding="same", activation="relu")(x)
    sources = {"a": x}  # 38x38
    for name in "bcde":  # 19, 10, 5, 3
        x = sources[name] = keras.layers.MaxPooling2D(2, padding="same")(x)
    sources["f"] = keras.layers.MaxPooling2D(3)(x)  # 1
    model = keras.Model(images, heads(sources, len(NAMES) + 1, "voc"))
    num_classes = len(NAMES) + 1
    for layer in model.layers:
        if "_mbox_conf" in layer.name:  # most of an image is background
            bias = np.zeros((layer.filters // num_classes, num_classes), "float32")
            bias[:, 0] = 16
            layer.kernel.assign(layer.kernel * 24)
            layer.bias.assign(bias.ravel())
    metadata = ModelMetadata(
        None, NAMES, 0.25, 0.5, {"tile_px": 480}, "free", "tiny", precision, layout
    )
    return ExportSpec(model, "voc", metadata, random_images(calibration, seed=1))


def expected(exportable, images):
    """Detections (B, K, 6) by ssd_utils."""
    predictions = exportable.model.predict_on_batch(images)
    return np.asarray(detect(predictions, make_priors(exportable.priors)))


def exportable_of(path):
    """A real weights file's detector, for float32."""
    model, description = weights.load(path)
    architecture = description.architecture
    said = replace(description, architecture=None)
    plain = weights.fold_batchnorm(model, architecture)
    return ExportSpec(plain, architecture.layout, said, random_images(0))


def untrained(backbone, class_names):
    """A detector with neck `light` or `native`, and scores of all sizes."""
    neck = "light" if backbone in BACKBONES else "native"
    architecture = Architecture(backbone, len(class_names) + 1, neck=neck, norm="none")
    keras.utils.set_random_seed(0)
    model = build(architecture)
    layers = [layer for layer in model.layers if "_mbox_" in layer.name]
    maps = keras.Model(model.input, [layer.output for layer in layers])
    for layer, values in zip(layers, maps(random_images(1)), strict=True):
        layer.kernel.assign(np.array(layer.kernel) / np.array(values).std())
    return ExportSpec(model, "voc", ModelMetadata(None, class_names), random_images(0))


def written_once(folder):
    """path_of(format, precision, layout): such a file, made at first use."""
    paths, graphs = {}, []

    def path_of(name, precision="float32", layout="plain"):
        need(name)
        key = (name, precision, layout)
        if key not in paths:
            path = paths[key] = folder / "-".join(key) / f"tiny{FORMATS[name].suffix}"
            path.parent.mkdir()
            calibration = 4 if precision == "int8" else 0
            with one_translation(graphs):
                exporting.write(name, exportable(precision, layout, calibration), path)
        return paths[key]

    return path_of


@contextmanager
def one_translation(graphs):
    """Inside, tf2onnx works only where `graphs` is empty; later each gets a copy.

    It takes seconds, and of the tiny detector always gives the same graph.
    """
    if find_spec("tf2onnx") is None:
        yield
        return
    from exporting import onnx_file

    translate = onnx_file.translate

    def copied(exportable):
        if not graphs:
            graphs.append(translate(exportable))
        copy = type(graphs[0])()
        copy.CopyFrom(graphs[0])
        return copy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_file, "translate", copied)
        yield


def need(name):
    """Skip where a package for the format is not installed."""
    for module, package in FORMATS[name].packages.items():
        if find_spec(module) is None:
            pytest.skip(f"{package} is not installed")
