"""Detectors' files: save, load, fold.

A file is Keras' `.weights.h5` and one HDF5 attribute, the metadata as JSON: the
architecture, the class names, the threshold of best F1, how it was trained, the
licence, versions. Whoever has the file needs nothing else.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np

from base.errors import UserError
from base.files import atomic_write
from models import Architecture, build
from models.layers import NORM_SUFFIX
from models.weights.arrays import fill, folded_arrays
from models.weights.metadata import ATTRIBUTE, ModelMetadata
from models.weights.read import TRAINED, read_detector

HDF5_ROOM = 2**20  # ours: bytes that groups and names of some hundred layers fill


def save(
    model: keras.Model, path: Path | str, metadata: ModelMetadata, half: bool = False
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
        _attach(temporary, metadata)


def save_threshold(path: Path | str, threshold: float, f1: float) -> None:
    """Write another threshold of best F1 into a file of train.py's, whole or not at
    all.

    UserError where the file is another one.
    """
    path, file = Path(path), read_detector(path)
    if file.origin != TRAINED:
        raise UserError(f"{path}: only a weights file of train.py's keeps a threshold.")
    metadata = replace(file.metadata, threshold=threshold, f1=f1)
    with _with_room(path, path.stat().st_size) as temporary:
        shutil.copyfile(path, temporary)
        _attach(temporary, metadata)


@contextmanager
def _with_room(path: Path, size: int) -> Iterator[Path]:
    """A name to write to, as base.files.atomic_write, with room for `size` bytes.

    It is asked for first, with what HDF5 itself needs: when a disk fills up while it
    writes, the HDF5 library ends the process instead of raising.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        if hasattr(os, "posix_fallocate"):
            with temporary.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size + size // 10 + HDF5_ROOM)
        yield temporary


def _attach(path: Path, metadata: ModelMetadata) -> None:
    versions = {"keras": keras.version(), "backend": keras.backend.backend()}
    with h5py.File(path, "r+") as file:
        file.attrs[ATTRIBUTE] = metadata.to_json(**versions)


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


def load(path: Path | str) -> tuple[keras.Model, ModelMetadata]:
    """The model of a detector's file, ours or published, filled; the metadata."""
    file = read_detector(path)
    return file.build(), file.metadata


def fold_batchnorm(model: keras.Model, architecture: Architecture) -> keras.Model:
    """The plain network, without normalisation, that computes the same in inference.

    `model` itself where nothing in it is normalised.
    """
    if not any(layer.name.endswith(NORM_SUFFIX) for layer in model.layers):
        return model  # measured: a second yolox_nano takes 0.9 s of detect.py's 8.5
    plain = build(architecture.without_batchnorm())
    fill(plain, folded_arrays(model))
    return plain
