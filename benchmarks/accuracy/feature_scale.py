"""How large features are where the untrained layers begin, before any training.

    python -m benchmarks.accuracy.feature_scale --data raccoon bccd shapes
    python -m benchmarks.accuracy.feature_scale --data raccoon --backbone vgg19

Standard deviation and greatest value over the first images of the training split, of
a backbone with ImageNet's weights and the neck `light`. Prints a Markdown table.
"""

import argparse

import keras
import numpy as np

from benchmarks.accuracy.learning.experiments import DATA, SQUEEZENET
from benchmarks.accuracy.learning.trainings import read
from data import Batches
from models import Architecture
from models.weights import initialise, read_weights
from reports import markdown_table

# the backbone's, the adapter's, the last of ImageNet's layers behind it, the smallest
LAYERS = ("features", "conv4_0_relu", "fire9", "conv9_2_relu")
HEADERS = ("data", "norm", *(f"{name}: std (max)" for name in LAYERS))
NUM_IMAGES = 32


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy.feature_scale")
    parser.add_argument("--data", nargs="+", required=True, choices=DATA)
    parser.add_argument("--backbone", default="squeezenet")
    args = parser.parse_args()
    is_squeezenet = args.backbone == "squeezenet"
    weights = read_weights(SQUEEZENET) if is_squeezenet else "imagenet"
    rows = []
    for name in args.data:
        train_set, _ = read(DATA[name])
        batches = Batches(train_set, NUM_IMAGES, augmented=False)
        images, _ = batches.batch(0, 0)
        for norm in ("none", "batch"):
            keras.utils.set_random_seed(0)
            model, _ = initialise.initialise_weights(
                Architecture(args.backbone, 2, neck="light", norm=norm),
                weights,
                ["object"],
            )
            seen = [model.get_layer(layer).output for layer in LAYERS]
            # as in training: with the statistics of the batch
            maps = keras.Model(model.input, seen)(images, training=True)
            maps = [keras.ops.convert_to_numpy(features) for features in maps]
            cells = [f"{np.std(x):.1f} ({np.max(x):.0f})" for x in maps]
            rows.append((name, norm, *cells))
    print(markdown_table(HEADERS, rows))


if __name__ == "__main__":
    main()
