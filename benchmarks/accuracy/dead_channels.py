"""Which layers of a detector give nothing any more, some epochs into its training.

    python -m benchmarks.accuracy.dead_channels "frozen, no norm" --data raccoon \
        --epochs 5

Trains rows of benchmarks.accuracy.learning as it does, up to an epoch, and prints as
Markdown, for maps from the adapter on, the share of channels that are 0
everywhere in the first training images, and the mAP50 of that epoch. A map whose
channels are all dead tells nothing of the image, nor does anything behind it, and no
gradient comes through it.
"""

import argparse
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.accuracy.learning.experiments import DATA, EXPERIMENTS
from benchmarks.accuracy.learning.trainings import ready

# the adapter's, ImageNet's layers behind it, the first and the last of the new ones
LAYERS = (
    *("conv4_0_relu", "fire6", "fire7", "fire8", "fire9"),
    *("conv6_2_relu", "conv9_2_relu"),
)
NUM_IMAGES = 32  # ours: few enough for one batch


def main() -> None:
    """Train and print, row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy.dead_channels")
    parser.add_argument("names", nargs="+", metavar="NAME", choices=EXPERIMENTS)
    parser.add_argument("--data", required=True, choices=DATA)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    headers = ("data", "change", "seed", "mAP50", *LAYERS)
    print("| " + " | ".join(headers) + " |\n" + "| --- " * len(headers) + "|")
    for name in args.names:
        for seed in args.seeds:
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                row = pool.submit(look, args.data, name, seed, args.epochs).result()
            print("| " + " | ".join(map(str, row)) + " |", flush=True)


def look(data: str, name: str, seed: int, epochs: int) -> tuple:
    """One row."""
    with (
        ready(data, name, seed) as (model, architecture, datasets, settings),
        tempfile.TemporaryDirectory() as folder,
    ):
        import keras  # which `ready` sets up

        from training.fit import Stopped, fit
        from training.runs import RunFolder

        def stop(row: dict) -> None:
            if row["epoch"] == epochs:
                raise Stopped

        maps = [model.get_layer(layer).output for layer in LAYERS]
        viewer = keras.Model(model.input, maps)
        output = RunFolder(Path(folder), on_epoch=stop)
        history = fit(model, architecture, datasets, settings, output)
    shares = [f"{share:.0%}" for share in dead_channels(viewer, datasets[0])]
    return data, name, seed, f"{history[-1]['mAP50']:.3f}", *shares


def dead_channels(viewer: Any, dataset: Any) -> list[float]:
    """Of each map that `viewer` gives the share of channels that are 0 everywhere."""
    from keras import ops

    from data import Batches

    images, _ = Batches(dataset, NUM_IMAGES, augmented=False).batch(0, 0)
    maps = map(ops.convert_to_numpy, viewer(images, training=False))  # (N, H, W, F)
    return [float((features.max(axis=(0, 1, 2)) <= 0).mean()) for features in maps]


if __name__ == "__main__":
    main()
