"""Weights files: what a detector's file holds, and everything that is read from one.

- file.py: save and load; description.py: what a file says of itself; arrays.py: fold
  the normalisation, fill by name
- initialise.py: what a training starts from; transfer.py: layer by layer, class by
  class; vgg_trunk.py: VGG's later blocks in the neck `ssd`
- hub.py: detectors by name, downloaded once; published/: files of other projects
- hdf5.py, hdf5_attributes.py: checks before a byte of a stranger's file is read
- `python -m models.weights FILE`: what a file is; a smaller one

The names are imported on use: the command above starts without Keras.
"""

from importlib import import_module
from typing import Any

MODULES = {  # public name -> its module; ours
    "ATTRIBUTE": "description",
    "Description": "description",
    "SUFFIX": "description",
    "describe": "file",
    "download": "published.keras_legacy",
    "fill": "arrays",
    "fill_by_name": "published.keras_legacy",
    "find_published": "file",
    "fold": "file",
    "is_detector": "file",
    "keep_threshold": "file",
    "load": "file",
    "load_into": "file",
    "plain_arrays": "arrays",
    "read_legacy": "published.keras_legacy",
    "save": "file",
    "with_identity": "arrays",
}
__all__ = list(MODULES)


def __getattr__(name: str) -> Any:
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
