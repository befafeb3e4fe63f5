"""Keras' own weights files: backbones' ImageNet files, and their download."""

import zipfile
from pathlib import Path
from typing import Any

import keras

from base.errors import UserError
from models.weights.arrays import Arrays
from models.weights.hdf5 import Contents


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


def keras3_arrays(contents: Contents) -> Arrays:
    """By layer name, of Keras 3's save_weights; none where it kept no names.

    Its groups are named by class and number; since Keras 3.5 an attribute has the name.
    """
    names = {
        place.removesuffix("/vars"): _text(attributes["name"]).replace("/", "_")
        for place, attributes in contents.attributes.items()
        if place.endswith("/vars") and "name" in attributes
    }
    stored = stored_arrays(contents)
    return {name: stored[place] for place, name in names.items() if place in stored}


def stored_arrays(contents: Contents) -> Arrays:
    """Lists of arrays, in their order, by Keras 3's path of their layer."""
    numbered: dict[str, dict[int, Any]] = {}
    for name, array in contents.arrays.items():
        layer, _, number = name.rpartition("/")
        if number.isdigit():
            numbered.setdefault(layer.removesuffix("/vars"), {})[int(number)] = array
    return {name: [a[n] for n in sorted(a)] for name, a in numbered.items()}


def arrays_of(contents: Contents) -> Arrays:
    """Arrays by layer name, kernel before bias; slashes in names become underscores."""
    arrays = {}
    for layer_name in map(_text, contents.attributes[""]["layer_names"]):
        weight_names = contents.attributes[layer_name]["weight_names"]
        values = [contents.arrays[f"{layer_name}/{_text(n)}"] for n in weight_names]
        if values:
            arrays[layer_name.replace("/", "_")] = values
    return arrays


def _text(name: str | bytes) -> str:
    """h5py gives texts of fixed length as bytes."""
    return name if isinstance(name, str) else name.decode()


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
