"""How cost grows: with the batch, images, boxes an image and classes.

    python -m benchmarks.speed.growth --data BCCD_Dataset/BCCD

Each table gives seconds and, in brackets, the exponent of the growth from the
row before: 1 is linear, 0 is free.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

BATCHES = (1, 2, 4, 8, 16, 32)
IMAGES = (100, 1000, 10_000)
BOXES = (1, 5, 20, 100, 500)
CLASSES = (2, 10, 30, 100)
SHORT = 0.3  # seconds that a call is repeated for


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.growth")
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    args = parser.parse_args()
    from base.keras_setup import import_keras

    keras = import_keras()
    from benchmarks.machine import machine
    from data import read_dataset
    from reports import markdown_table

    backend = keras.backend.backend()
    print(machine(backend, "keras", "numpy", "opencv-python", "faster-coco-eval"))
    dataset = read_dataset(args.data, "train")
    for name in args.tables:
        sizes, measure = TABLES[name]
        columns: dict[str, list] = {}
        for size in sizes:
            for what, value in measure(dataset, size).items():
                columns.setdefault(what, []).append(value)
        rows = [row(sizes, columns, at) for at in range(len(sizes))]
        print(markdown_table((name, *columns), rows), end="\n\n", flush=True)


def row(sizes, columns, at: int) -> tuple:
    """A size, and of each column its figure with the exponent from the row before."""
    cells = []
    for what, values in columns.items():
        text = f"{values[at]:.0f}" if "MB" in what else f"{values[at]:.4f}"
        if at and "MB" not in what:
            step = math.log(sizes[at] / sizes[at - 1])
            text += f" ({math.log(values[at] / values[at - 1]) / step:.2f})"
        cells.append(text)
    return (sizes[at], *cells)


def seconds_of(call: Callable) -> float:
    """The fastest of some calls; one that takes long is called once."""
    call()
    times, begun = [], time.perf_counter()
    while not times or time.perf_counter() - begun < SHORT:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def by_batch(dataset, size: int) -> dict[str, float]:
    """Seconds a batch of the loader, matching and squeezenet's light network."""
    import keras

    from base.compiled import compiled
    from benchmarks.speed.training.matching import draw_truth
    from data import Batches
    from models import Architecture, build
    from ssd_utils import make_priors, match

    keras.utils.clear_session()
    made = Batches(dataset, size)
    made.batch(0, 0)
    truth, priors = draw_truth(size, 20), make_priors()
    matching = compiled(match, jit_compile=True)
    model = build(Architecture("squeezenet", 21, neck="light"))
    images = np.zeros((size, 300, 300, 3), np.uint8)
    return {
        "loader, s": seconds_of(lambda: made.batch(0, 0)),
        "matching, s": seconds_of(lambda: np.asarray(matching(truth, priors)[0])),
        "forward, s": seconds_of(lambda: model.predict_on_batch(images)),
    }


def by_images(dataset, number: int) -> dict[str, float]:
    """Opening a data set, an epoch of the loader, scoring; memory after the loader."""
    import tempfile
    from pathlib import Path

    from benchmarks.cost.coco_json import make
    from benchmarks.cost.scoring import draw
    from benchmarks.speed.training.loader import batches_of, resident_mb
    from data import read_dataset
    from evaluation import evaluate_coco, evaluate_voc

    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), number, 7)
        opening = once(lambda: read_dataset(folder, "trainval"))
    repeated = dataset.samples * -(-number // len(dataset))
    many = replace(dataset, samples=repeated[:number])
    made = batches_of(many, is_kept=False, workers=2)
    epoch = once(lambda: [None for _ in made.epoch(0)])
    loaded_mb = resident_mb()
    data = draw(number, 50, 20)
    names = [f"class {i}" for i in range(1, 21)]
    return {
        "opening, s": opening,
        "an epoch of the loader, s": epoch,
        "resident after it, MB": loaded_mb,
        "VOC, s": once(lambda: evaluate_voc(*data, names)),
        "COCO, s": once(lambda: evaluate_coco(*data, [(500, 375)] * number, names)),
    }


def once(call: Callable) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def by_boxes(dataset, number: int) -> dict[str, float]:
    """Augmenting an image, matching a batch of 8, scoring 200 images."""
    from base.compiled import compiled
    from benchmarks.cost.scoring import draw
    from benchmarks.speed.training.matching import draw_truth
    from data import augment
    from evaluation import evaluate_voc
    from ssd_utils import make_priors, match

    image = dataset.samples[0].read_image()
    truth, priors = draw_truth(8, number), make_priors()
    data = draw(200, 200, 20, number)
    names = [f"class {i}" for i in range(1, 21)]
    matching = compiled(match, jit_compile=True)

    def augment_some() -> None:
        for seed in range(20):
            augment(image, truth[0], np.random.default_rng(seed))

    return {
        "20 images augmented, s": seconds_of(augment_some),
        "matching, s": seconds_of(lambda: np.asarray(matching(truth, priors)[0])),
        "VOC, s": seconds_of(lambda: evaluate_voc(*data, names)),
    }


def by_classes(dataset, number: int) -> dict[str, float]:
    """The network's forward pass, loss, detections and scoring of 200 images."""
    import keras

    from benchmarks.cost.scoring import draw
    from benchmarks.speed.time_shares import compiled
    from benchmarks.speed.training.matching import draw_truth
    from evaluation import evaluate_voc
    from models import Architecture, build
    from models.losses.multibox_loss import multibox_loss
    from ssd_utils import detect, make_priors

    keras.utils.clear_session()
    model = build(Architecture("squeezenet", number + 1, neck="light"))
    images = np.zeros((8, 300, 300, 3), np.uint8)
    truth, priors = draw_truth(8, 20), make_priors()
    truth[..., 4] = truth[..., 4] % number + 1
    shape = (8, len(priors), 5 + number)
    predictions = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    data = draw(200, 200, number)
    names = [f"class {i}" for i in range(1, number + 1)]
    return {
        "forward, s": seconds_of(lambda: model.predict_on_batch(images)),
        "loss, s": seconds_of(compiled(multibox_loss, predictions, truth, priors)),
        "detections, s": seconds_of(compiled(detect, predictions, priors)),
        "VOC, s": seconds_of(lambda: evaluate_voc(*data, names)),
    }


TABLES = {
    "batch": (BATCHES, by_batch),
    "images": (IMAGES, by_images),
    "boxes an image": (BOXES, by_boxes),
    "classes": (CLASSES, by_classes),
}


if __name__ == "__main__":
    main()
