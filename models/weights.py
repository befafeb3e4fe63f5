"""Weights files: save, load, fold, fill by name.

A file is Keras' `.weights.h5` and one HDF5 attribute, a JSON description: the
architecture, the class names, the threshold of best F1, how it was trained, the
licence, versions. Whoever has the file needs nothing else.

    python -m models.weights FILE        # models/__main__.py: what is it; smaller ones
"""

if __name__ == "__main__":  # first of all: Keras, imported here, would greet
    import sys

    from models.__main__ import main

    sys.exit(main())

import json
import os
import shutil
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import keras
import numpy as np

from base.files import written
from models import Architecture, build, hdf5
from models.layers import NORM_SUFFIX

if TYPE_CHECKING:
    from models.published import Published

SUFFIX = ".weights.h5"  # keras.Model.save_weights takes no other name
ATTRIBUTE = "ssd300"  # name of the HDF5 attribute with the description
HDF5_ROOM = 2**20  # ours: bytes that groups and names of some hundred layers fill
# ours: a file that asks for more is no detector; LVIS has 1203 classes
MAX_CLASSES, MAX_FILTERS = 10_000, 4096
# layers whose kernels have their outputs on the last axis but one
FILTERS_BEFORE_LAST = (keras.layers.Conv2DTranspose, keras.layers.DepthwiseConv2D)
# ours: kept in each file; whoever trains may write another
LICENCE = "Weights of a training by the user; MIT code, see LICENSE."


@dataclass
class Description:
    """What a weights file says of itself; `class_names` leaves the background out."""

    architecture: Architecture
    class_names: list[str]
    threshold: float = 0.5
    f1: float = 0.0
    training: dict = field(default_factory=dict)
    licence: str = LICENCE

    def check(self) -> None:
        """ValueError where the fields don't belong together."""
        names, num_classes = self.class_names, self.architecture.num_classes
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise ValueError(
                f"class_names: expected a list of names, received {names}."
            )
        if len(names) + 1 != num_classes:
            raise ValueError(f"{len(names)} class names for {num_classes} classes.")
        if num_classes > MAX_CLASSES or self.architecture.adapter_filters > MAX_FILTERS:
            raise ValueError(f"a network of absurd size: {self.architecture}")
        if not isinstance(self.threshold, float) or not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold: expected 0..1, received {self.threshold}.")

    def to_json(self) -> str:
        """The attribute's text."""
        versions = {"keras": keras.version(), "backend": keras.backend.backend()}
        fields = {**vars(self), "architecture": self.architecture.to_dict()}
        return json.dumps({**fields, "versions": versions})

    @classmethod
    def from_json(cls, text: str) -> "Description":
        """The way back; ValueError where the text is no description."""
        try:
            fields = dict(json.loads(text))
            fields.pop("versions", None)
            fields["architecture"] = Architecture(**fields["architecture"])
            description = cls(**fields)
            description.check()
            return description
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"description not understood: {error}") from error


def save(
    model: keras.Model, path: Path | str, description: Description, half: bool = False
) -> None:
    """Write a weights file; `half` stores float16, half the size.

    The file appears whole or not at all: it is written under another name in the same
    folder and renamed. OSError where the disk is full or the folder can't be written.
    """
    numbers = sum(int(np.prod(weight.shape)) for weight in model.weights)
    with _with_room(Path(path), 4 * numbers) as temporary:
        model.save_weights(temporary)
        if half:
            _halve(temporary)
        _attach(temporary, description)


def keep_threshold(path: Path | str, threshold: float, f1: float) -> None:
    """Write another threshold of best F1 into a weights file, whole or not at all."""
    path = Path(path)
    description = replace(describe(path), threshold=threshold, f1=f1)
    with _with_room(path, path.stat().st_size) as temporary:
        shutil.copyfile(path, temporary)
        _attach(temporary, description)


@contextmanager
def _with_room(path: Path, size: int) -> Iterator[Path]:
    """A name to write to, as base.files.written, with room for `size` bytes.

    It is asked for first, with what HDF5 itself needs: when a disk fills up while it
    writes, the HDF5 library ends the process instead of raising.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as temporary:
        if hasattr(os, "posix_fallocate"):
            with temporary.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size + size // 10 + HDF5_ROOM)
        yield temporary


def _attach(path: Path, description: Description) -> None:
    with h5py.File(path, "r+") as file:
        file.attrs[ATTRIBUTE] = description.to_json()


def _halve(path: Path) -> None:
    """Rewrite a file's float32 arrays as float16; Keras widens them when it loads."""
    with h5py.File(path, "r") as file:
        names: list[str] = []
        file.visit(names.append)
        arrays = {n: file[n][()] for n in names if isinstance(file[n], h5py.Dataset)}
        groups = [name for name in names if name not in arrays]
    with h5py.File(path, "w") as file:
        for name in groups:
            file.require_group(name)
        for name, array in arrays.items():
            with np.errstate(over="ignore"):
                half = array.astype("float16")
            # statistics beyond float16's range stay as they are
            file[name] = half if np.isfinite(half).all() else array


def describe(path: Path | str) -> Description:
    """The description of a detector's file, ours or published; else ValueError."""
    if (published := find_published(path)) is not None:
        return published.description()
    with hdf5.opened(path) as file:
        text = file.attrs.get(ATTRIBUTE)
    if text is None:
        raise ValueError(
            f"{path}: no detector of this collection; for an extractor's ImageNet "
            "file use it with --weights of train.py."
        )
    try:
        return Description.from_json(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def is_detector(path: Path | str) -> bool:
    """Whether a file holds a detector of this collection."""
    try:
        with hdf5.opened(path) as file:
            return ATTRIBUTE in file.attrs
    except ValueError:
        return False


def find_published(path: Path | str) -> "Published | None":
    """A detector of somebody else's, None where the file is not one of them."""
    if not Path(path).is_file() or is_detector(path):
        return None
    from models.published import read_published

    return read_published(path)


def load(path: Path | str) -> tuple[keras.Model, Description]:
    """The model of a detector's file, ours or published, filled; the description."""
    if (published := find_published(path)) is not None:
        model = build(published.architecture)
        try:
            filled = fill(model, published.arrays)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        missing = {layer.name for layer in model.layers if layer.weights} - set(filled)
        if missing:
            raise ValueError(f"{path}: it has no {', '.join(sorted(missing))}.")
        return model, published.description()
    description = describe(path)
    model = build(description.architecture)
    load_into(model, path)
    return model, description


def load_into(model: keras.Model, path: Path | str) -> None:
    """Fill a model of the same architecture; ValueError where the file does not fit."""
    hdf5.check(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # the error says it
            model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{path}: does not fit {model.name}: {in_one_line(error)}"
        ) from error


def in_one_line(error: Exception) -> str:
    """The beginning of Keras' messages of many lines, some with arrays in them."""
    return textwrap.shorten(str(error), 300, placeholder=" ...")


def fold(model: keras.Model, architecture: Architecture) -> keras.Model:
    """The plain network, without normalisation, that computes the same in inference."""
    plain = build(architecture.plain())
    fill(plain, plain_arrays(model))
    return plain


def plain_arrays(model: keras.Model) -> dict[str, list[np.ndarray]]:
    """All weights by layer name, normalised convolutions as the plain ones they equal.

    kernel * gamma / sigma and beta - mean * gamma / sigma: what inference computes.
    """
    arrays = {layer.name: layer.get_weights() for layer in model.layers}
    for name in [name for name in arrays if f"{name}{NORM_SUFFIX}" in arrays]:
        gamma, beta, mean, variance = arrays.pop(f"{name}{NORM_SUFFIX}")
        epsilon = model.get_layer(f"{name}{NORM_SUFFIX}").epsilon
        scale = gamma / np.sqrt(variance + epsilon)
        (kernel,) = arrays[name]
        if isinstance(model.get_layer(name), FILTERS_BEFORE_LAST):
            kernel = kernel * scale[:, None]  # (h, w, filters, channels)
        else:
            kernel = kernel * scale  # (h, w, channels, filters)
        arrays[name] = [kernel, beta - mean * scale]
    return {name: values for name, values in arrays.items() if values}


def fill(model: keras.Model, arrays: dict[str, list[np.ndarray]]) -> list[str]:
    """Give every layer that `arrays` names its plain weights; returns those names.

    A normalised convolution gets them with identity statistics, so that inference
    computes exactly what the plain one does. ValueError where a shape differs.
    """
    layers = {layer.name: layer for layer in model.layers}
    filled = [name for name in arrays if name in layers]
    for name in filled:
        values, norm = arrays[name], layers.get(f"{name}{NORM_SUFFIX}")
        expected = [tuple(weight.shape) for weight in layers[name].weights]
        if norm is not None:
            expected.append(tuple(norm.beta.shape))  # the plain one's bias
        received = [value.shape for value in values]
        if expected != received:
            raise ValueError(
                f"layer {name}: expected shapes {expected}, received {received}."
            )
        if norm is not None:
            values, statistics = with_identity(values, norm.epsilon)
            norm.set_weights(statistics)
        layers[name].set_weights(values)
    return filled


def with_identity(
    values: list[np.ndarray], epsilon: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A plain convolution's weights as a normalised one's: kernel, and statistics.

    gamma 1, mean 0, variance 1 - epsilon, and the bias as beta.
    """
    *kernel, bias = values
    ones, zeros = np.ones_like(bias), np.zeros_like(bias)
    return kernel, [ones, bias, zeros, ones - epsilon]


def fill_by_name(
    model: keras.Model, path: Path | str, but: Sequence[str] = ()
) -> list[str]:
    """Fill a model from an extractor's file (Keras 1 or 2 HDF5), layer by layer name.

    Slashes in the file's names stand for underscores here; layers whose names begin
    with one of `but` are left alone. Returns the names of the
    layers that were filled; ValueError where the file is not such a file or no layer
    fits.
    """
    arrays = read_legacy(path)
    arrays = {n: a for n, a in arrays.items() if not n.startswith(tuple(but))}
    try:
        filled = fill(model, arrays)
    except ValueError as error:
        raise ValueError(f"{path}: does not fit {model.name}: {error}") from error
    if not filled:
        raise ValueError(f"{path}: no layer of it is one of {model.name}'s.")
    return filled


def read_legacy(path: Path | str) -> dict[str, list[np.ndarray]]:
    """Arrays by layer name of a Keras 1 or 2 weights file; ValueError if it is none."""
    with hdf5.opened(path) as file:
        return legacy_arrays(file)


def legacy_arrays(file: h5py.File) -> dict[str, list[np.ndarray]]:
    """Arrays by layer name of a Keras 1 or 2 weights file, kernel before bias."""
    arrays = {}
    for layer_name in file.attrs["layer_names"]:
        group = file[layer_name]
        values = [np.asarray(group[name]) for name in group.attrs["weight_names"]]
        if values:
            # bytes of fixed length, or what h5py turns into text
            name = layer_name if isinstance(layer_name, str) else layer_name.decode()
            arrays[name.replace("/", "_")] = values
    return arrays


def download(url: str, md5: str) -> str:
    """Path of a file that Keras fetched and checked; ValueError where it can't be had.

    Keras keeps it in ~/.keras/models, shows progress and compares the hash.
    """
    name = url.rsplit("/", 1)[-1]
    try:
        return keras.utils.get_file(name, url, file_hash=md5, cache_subdir="models")
    except Exception as error:  # get_file raises a bare Exception when offline
        raise ValueError(
            f"--weights imagenet: {name} could not be fetched ({error}). Go online "
            f"once, or fetch {url} elsewhere and give its path: --weights FILE."
        ) from error
