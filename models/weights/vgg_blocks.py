"""More of VGG than the backbone: its later blocks and dense layers fill the neck.

The 2018 article used half of the classifier and asked for the rest. The paper, sec. 3:
SSD begins with all of VGG16, fc6 and fc7 turned into convolutions by sampling.
"""

import re
from pathlib import Path

import h5py
import keras
import numpy as np

from base.errors import UserError
from models import explained, keras_applications
from models.layers import NORM_SUFFIX
from models.weights import hdf5
from models.weights.arrays import fill
from models.weights.published.keras_legacy import arrays_of
from ssd_utils import IMAGE_SIZE

FULL = Path("~/.keras/models/{}_weights_tf_dim_ordering_tf_kernels.h5")  # Keras' own
BLOCK = re.compile(r"block(\d)_conv(\d)")  # keras.applications.VGG16
DENSE = {"fc1": "fc6", "fc2": "fc7"}  # Keras' name -> SSD's
# weiliu89/caffe, DeepLab-LargeFOV: every third of 7x7 cells
MAP_SIZE, CELL_STEP = 7, 3


def fill_deep(model: keras.Model, classifier: str | None, wanted: str) -> list[str]:
    """Fill backbone, conv4_1 to conv5_3 and, from a full file, fc6 and fc7.

    `wanted` is "imagenet" or a file of the classifier's, with its dense layers or not;
    with "imagenet" the full file is used where Keras has fetched it before. VGG19's
    fourth convolutions of block4 and block5 have no place in the neck. Returns the
    names of the layers of the neck that were filled; UserError where the classifier,
    or the file, has no such blocks.
    """
    if classifier not in ("VGG16", "VGG19"):
        others = "--backbone vgg16, vgg19 or ssd300"
        raise UserError(f"--reuse deep needs VGG's block4 and block5: {others}.")
    if wanted != "imagenet" and not Path(wanted).is_file():
        raise UserError(f"--weights {wanted}: no such file.")
    arrays = classifier_arrays(classifier, wanted)
    if "block5_conv3" not in arrays:
        what = f"--weights {wanted}: expected a file of {classifier}"
        raise UserError(f"{what}; its block5_conv3 is missing.")
    # what is no layer of the backbone by that name is SSD's: block4_conv1, conv4_1
    known = {layer.name for layer in model.layers}
    blocks = {
        name if name in known else BLOCK.sub(r"conv\1_\2", name): values
        for name, values in arrays.items()
        if BLOCK.match(name) and values
    }
    filled = fill(model, blocks)
    for theirs, ours in DENSE.items():
        if theirs in arrays:
            fill_sampled(model, ours, *arrays[theirs])
            filled.append(ours)
    return [name for name in filled if name.startswith(("conv4", "conv5", "fc"))]


def classifier_arrays(classifier: str, wanted: str) -> dict[str, list]:
    """Arrays by layer name of a classifier's file."""
    if wanted == "imagenet":
        full = Path(str(FULL).format(classifier.lower())).expanduser()
        if full.exists():
            return classifier_arrays(classifier, str(full))
    elif h5py.is_hdf5(wanted):
        contents = hdf5.read(wanted)
        if "layer_names" in contents.attributes[""]:
            return arrays_of(contents)
    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3))
    with explained(wanted, classifier):
        layers = keras_applications.classifier(classifier, images, wanted).layers
    return {layer.name: layer.get_weights() for layer in layers}


def fill_sampled(
    model: keras.Model, name: str, kernel: np.ndarray, bias: np.ndarray
) -> None:
    """A dense layer's weights (7 * 7 * C, F) or (C, F) into a convolution's, sampled.

    A normalised convolution takes the kernel only; its normalisation starts afresh.
    """
    layer = model.get_layer(name)
    height, _, num_inputs, num_filters = layer.kernel.shape
    size = MAP_SIZE if height > 1 else 1
    kernel = kernel.reshape(size, size, -1, kernel.shape[-1])
    cells = slice(None, None, CELL_STEP)
    inputs = slice(None, None, kernel.shape[2] // num_inputs)
    filters = slice(None, None, kernel.shape[3] // num_filters)
    layer.kernel.assign(kernel[cells, cells, inputs, filters])
    if f"{name}{NORM_SUFFIX}" not in {layer.name for layer in model.layers}:
        layer.bias.assign(bias[filters])
