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

MODULES = {  # module -> its public names; ours
    "metadata": ("ATTRIBUTE", "SUFFIX", "ModelMetadata"),
    "read": ("WeightsFile", "read_detector", "read_weights"),
    "arrays": ("fill", "folded_arrays"),
    "file": ("fold_batchnorm", "load", "save", "save_threshold"),
}
__all__ = [name for names in MODULES.values() for name in names]
__getattr__ = imported_on_use(__name__, MODULES)
