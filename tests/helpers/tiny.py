"""A detector whose step takes milliseconds, with all that a checkpoint must hold."""

import sys
from pathlib import Path

import cv2
import h5py
import keras
import numpy as np

from data import Dataset, Sample
from models import Architecture
from models.necks.heads import images_input
from ssd_utils import make_priors
from training import TrainingConfig
from training.fit import fit
from training.recovery import checkpoint, checkpoint_writer
from training.runs import RunFolder

ARCHITECTURE = Architecture("squeezenet", 3)  # its prior layout is what counts
NAMES = ["x", "y"]


def detector(seed):
    """Normalisation, dropout (a random state of its own), a backbone to freeze."""
    keras.utils.set_random_seed(seed)
    images = images_input()
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Conv2D(4, 9, strides=16, use_bias=False, name="conv1")(x)
    x = keras.layers.BatchNormalization(name="conv1_batchnorm")(x)
    x = keras.layers.Identity(name="features")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.Dense(7, name="heads")(x)
    return keras.Model(images, keras.layers.RepeatVector(len(make_priors()))(x))


def dataset(folder, num_images, split="train"):
    """Images of noise, each with two boxes; the same each time."""
    images = []
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(num_images):
        path = folder / f"{split}_{number}.png"
        rng = np.random.default_rng((number, split == "train"))
        image = rng.integers(0, 256, (40, 60, 3), np.uint8)
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        low = rng.uniform(0, 0.5, (2, 2))
        corners = np.concatenate([low, low + 0.4], axis=1)  # (M, 4)
        truth = np.concatenate([corners, [[1], [2]]], axis=1).astype(np.float32)
        images.append(Sample(path, (60, 40), truth, np.zeros(2, bool)))
    return Dataset("noise", split, NAMES, images)


def train(folder, resume=False, seed=0, on_epoch=None, **settings):
    """Epochs of three steps in `folder`, images beside it; the history."""
    folder.mkdir(exist_ok=True)
    settings = TrainingConfig(
        **{"epochs": 3, "batch_size": 2, "ema": False, **settings}
    )
    data = folder.parent / "data"
    train_set, val_set = dataset(data, 7), dataset(data, 2, "val")
    model = detector(seed)
    return fit(
        model,
        ARCHITECTURE,
        (train_set, val_set),
        settings,
        RunFolder(folder, on_epoch=on_epoch),
        resume,
    )


# what tells how long it took
CLOCKS = {"seconds", "images_per_second", "waiting"}


def result(folder):
    """State and arrays by name of all that a training leaves, but for its clocks."""
    path = folder / checkpoint.NAME
    state = checkpoint.read_state(path)
    state["history"] = [
        {k: v for k, v in row.items() if k not in CLOCKS} for row in state["history"]
    ]
    for name in ("seconds", "cold"):  # by steps: neither counts
        state["schedule"].pop(name)
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if name != checkpoint.STATE}
    state.get("options", {}).pop("resume", None)
    for name in ("best", "last"):
        with h5py.File(folder / f"{name}.weights.h5") as file:
            arrays |= {f"{name}/{key}": a for key, a in _stored(file).items()}
    return state, arrays


def _stored(group):
    """Arrays by path of an HDF5 file."""
    arrays = {}
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            arrays |= {f"{name}/{key}": a for key, a in _stored(item).items()}
        else:
            arrays[name] = item[()]
    return arrays


def assert_same(received, expected):
    """Two results, bit for bit."""
    (state, arrays), (expected_state, expected_arrays) = received, expected
    assert state == expected_state
    assert arrays.keys() == expected_arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected_arrays[name], err_msg=name)


if __name__ == "__main__":  # FOLDER EPOCHS [--resume], a checkpoint after each step
    checkpoint_writer.CHECKPOINT_SECONDS, checkpoint_writer.CHECKPOINT_SHARE = 0, 1e9
    resumes = "--resume" in sys.argv
    epochs = int(sys.argv[2])
    train(Path(sys.argv[1]), resumes, seed=int(resumes), epochs=epochs, ema=True)
