"""Weights files: what a detector's file holds, and everything that is read from one.

- read.py: what a file holds, read once; metadata.py: what it says of itself; file.py:
  save, load, fold; arrays.py: arrays by layer name, folded and filled in
- initialise.py: what a training starts from; transfer.py: layer by layer, class by
  class; vgg_blocks.py: VGG's later blocks in the neck `ssd`
- hub.py: detectors by name, downloaded once; published/: files of other projects
- hdf5.py, hdf5_attributes.py: checks before a byte of a stranger's file is read
- `python -m models.weights FILE`: what a file is; a smaller one

The names are imported on use: the command above starts without Keras.
"""

from base import imported_on_use

MODULES = {  # public name -> its module; ours
    "ModelMetadata": "metadata",
    "SUFFIX": "metadata",
    "WeightsFile": "read",
    "ATTRIBUTE": "metadata",
    "fill": "arrays",
    "fold_batchnorm": "file",
    "load": "file",
    "read_detector": "read",
    "read_weights": "read",
    "folded_arrays": "arrays",
    "save": "file",
    "save_threshold": "file",
}
__all__ = list(MODULES)
__getattr__ = imported_on_use(__name__, MODULES)
