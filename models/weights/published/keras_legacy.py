"""Weights files of Keras 1 and 2: extractors' ImageNet files, and their download."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import h5py
import keras
import numpy as np

from base.errors import UserError
from models.weights import hdf5
from models.weights.arrays import fill


def fill_by_name(
    model: keras.Model, path: Path | str, but: Sequence[str] = ()
) -> list[str]:
    """Fill a model from an extractor's file (Keras 1 or 2 HDF5), layer by layer name.

    Slashes in the file's names stand for underscores here; layers whose names begin
    with one of `but` are left alone. Returns the names of the
    layers that were filled; UserError where the file is not such a file or no layer
    fits.
    """
    arrays = read_legacy(path)
    arrays = {n: a for n, a in arrays.items() if not n.startswith(tuple(but))}
    try:
        filled = fill(model, arrays)
    except UserError as error:
        raise UserError(f"{path}: does not fit {model.name}: {error}") from error
    if not filled:
        raise UserError(f"{path}: no layer of it is one of {model.name}'s.")
    return filled


def read_legacy(path: Path | str) -> dict[str, list[np.ndarray]]:
    """Arrays by layer name of a weights file of Keras 1, 2 or 3.

    UserError if it is none.
    """
    with hdf5.opened(path) as file:
        if "layer_names" not in file.attrs and "layers" in file:
            return _keras3_arrays(file, path)
        return legacy_arrays(file)


def refuse_archive(path: Path | str) -> None:
    """UserError where a file is what Keras 3's model.save writes."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if "model.weights.h5" in archive.namelist():
            raise UserError(
                f"{path}: a whole model of Keras 3; give its weights, as "
                "model.save_weights('NAME.weights.h5') writes them."
            )


def _keras3_arrays(file: h5py.File, path: Path | str) -> dict[str, list[np.ndarray]]:
    """Of Keras 3's save_weights: layers/ by class and number, names as attributes."""
    arrays: dict[str, list[np.ndarray]] = {}

    def visit(place: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group) and place.endswith("/vars") and len(item):
            name = item.attrs.get("name")
            if name is None:
                raise UserError(
                    "Keras wrote no names of layers; save it with Keras 3.5"
                )
            name = name if isinstance(name, str) else name.decode()
            values = [np.asarray(item[key]) for key in sorted(item, key=int)]
            arrays[name.replace("/", "_")] = values

    file.visititems(visit)
    if not arrays:
        raise UserError("it holds no layer with weights")
    return arrays


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
    """Path of a file that Keras fetched and checked; UserError where it can't be had.

    Keras keeps it in ~/.keras/models, shows progress and compares the hash.
    """
    name = url.rsplit("/", 1)[-1]
    try:
        return keras.utils.get_file(name, url, file_hash=md5, cache_subdir="models")
    except Exception as error:  # get_file raises a bare Exception when offline
        raise UserError(
            f"--weights imagenet: {name} could not be fetched ({error}). Go online "
            f"once, or fetch {url} elsewhere and give its path: --weights FILE."
        ) from error
