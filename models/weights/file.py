"""Detectors' files: save and load.

A file is Keras' `.weights.h5` and one HDF5 attribute, a JSON description: the
architecture, the class names, the threshold of best F1, how it was trained, the
licence, versions. Whoever has the file needs nothing else.
"""

import os
import shutil
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import keras
import numpy as np

from base.errors import UserError
from base.files import written
from models import Architecture, build
from models.weights import hdf5
from models.weights.arrays import fill, plain_arrays
from models.weights.description import ATTRIBUTE, Description

if TYPE_CHECKING:
    from models.weights.published.ssd300s import Published

HDF5_ROOM = 2**20  # ours: bytes that groups and names of some hundred layers fill


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
    """The description of a detector's file, ours or published; else UserError."""
    if (published := find_published(path)) is not None:
        return published.description()
    with hdf5.opened(path) as file:
        text = file.attrs.get(ATTRIBUTE)
    if text is None:
        raise UserError(
            f"{path}: no detector of this collection; for an extractor's ImageNet "
            "file use it with --weights of train.py."
        )
    try:
        return Description.from_json(text)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def is_detector(path: Path | str) -> bool:
    """Whether a file holds a detector of this collection."""
    try:
        with hdf5.opened(path) as file:
            return ATTRIBUTE in file.attrs
    except UserError:
        return False


def find_published(path: Path | str) -> "Published | None":
    """A detector of somebody else's, None where the file is not one of them."""
    if not Path(path).is_file() or is_detector(path):
        return None
    from models.weights.published.ssd300s import read_published

    return read_published(path)


def load(path: Path | str) -> tuple[keras.Model, Description]:
    """The model of a detector's file, ours or published, filled; the description."""
    if (published := find_published(path)) is not None:
        model = build(published.architecture)
        try:
            filled = fill(model, published.arrays)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        missing = {layer.name for layer in model.layers if layer.weights} - set(filled)
        if missing:
            raise UserError(f"{path}: it has no {', '.join(sorted(missing))}.")
        return model, published.description()
    description = describe(path)
    model = build(description.architecture)
    load_into(model, path)
    return model, description


def load_into(model: keras.Model, path: Path | str) -> None:
    """Fill a model of the same architecture; UserError where the file does not fit."""
    hdf5.check(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # the error says it
            model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        raise UserError(
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
