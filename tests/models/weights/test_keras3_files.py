"""--weights of a backbone that Keras 3 wrote."""

import h5py
import keras
import numpy as np
import pytest

from models import weights
from models.weights import transfer


def backbone():
    x = images = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, name="block1_conv1")(x)
    x = keras.layers.BatchNormalization(name="bn1")(x)
    return keras.Model(images, keras.layers.Conv2D(2, 3, name="block1_conv2")(x))


def test_layers_are_known_by_their_names(tmp_path):
    model, path = backbone(), tmp_path / "a.weights.h5"
    model.save_weights(path)
    arrays = weights.read_weights(path).stored
    assert list(arrays) == ["bn1", "block1_conv1", "block1_conv2"]
    for name, values in arrays.items():
        for value, wanted in zip(values, model.get_layer(name).weights, strict=True):
            np.testing.assert_array_equal(value, wanted)


def test_a_whole_model_says_what_to_give(tmp_path):
    path = tmp_path / "a.keras"
    backbone().save(path)
    with pytest.raises(ValueError, match=r"a.keras: a whole model of .*save_weights"):
        weights.read_weights(path)


def test_without_names_of_layers_it_says_so(tmp_path):
    path = tmp_path / "a.weights.h5"
    backbone().save_weights(path)
    with h5py.File(path, "a") as file:
        for group in file["layers"].values():
            group["vars"].attrs.pop("name", None)
    with pytest.raises(ValueError, match=r"a.weights.h5: .*no names of layers"):
        transfer.transfer(backbone(), [], weights.read_weights(path))
