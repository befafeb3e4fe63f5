"""Detection beside torchvision's SSDs: JPEG files to boxes, in turns.

    python -m benchmarks.speed.detection_speed [--backbone vgg16] [--peer ssd300_vgg16]

Each round every contestant goes through a folder of images in batches; the median
counts. Ours is detect.py's way, without drawing; beside it stands its bare network,
normalisation folded, on images that are ready. torchvision's files are read ahead by
a thread, as ours are. Weights are random, and all keep what scores --threshold or more.
0.01, scoring's, is the most work for suppression: ours of the best 1000 priors,
torchvision of 400 (SSD300) or 300 (SSDlite) for each class. 0.4, as in a trained
detector's file, is next to none. One image at a time, in turns too, gives latency, from
the file on. The share of the ceiling is that of benchmarks.speed.ceiling, measured
right after.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from benchmarks.accuracy.learning.experiments import SHARED
from benchmarks.cost.interleaved import race
from benchmarks.machine import machine
from benchmarks.speed.training_speed import PEERS

NUM_CLASSES = 21  # VOC's
PAUSE = 0.05  # ours: seconds; the threads of the one before still wait actively
Contestant = Callable[[list[Path]], object]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--neck")
    parser.add_argument("--peer", default=PEERS[0], choices=PEERS)
    parser.add_argument("--data", type=Path, default=SHARED / "data/bccd")
    parser.add_argument("--images", type=int, default=100, help="in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--threshold", type=float, default=0.01)
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    from base.keras_setup import import_keras, keep_weights_in_order

    keep_weights_in_order()
    keras = import_keras()
    from benchmarks.peers.torchvision_ssd import in_every_setting
    from benchmarks.speed.ceiling import measure
    from models import Architecture, build, weights
    from reports import markdown_table
    from training.hardware import devices

    architecture = Architecture(args.backbone, NUM_CLASSES, neck=args.neck)
    device = devices.find_device()
    precision = devices.choose_precision(args.precision, device, architecture)
    keras.config.set_dtype_policy(precision)
    print(machine("tensorflow", "keras", "torch", "torchvision"))
    network = weights.fold_batchnorm(build(architecture), architecture)
    ours = f"{architecture.backbone} {architecture.neck}, {precision}"
    sizes = (args.batch_size, args.threshold)
    contestants = our_contestants(ours, network, architecture, *sizes)
    has_half = precision == "mixed_bfloat16"
    peers = in_every_setting(args.peer, NUM_CLASSES, has_half, args.threshold)
    contestants |= {n: to_boxes_by(p, args.batch_size) for n, p in peers.items()}
    files = sorted((args.data / "JPEGImages").glob("*.jpg"))
    with tempfile.TemporaryDirectory() as folder:
        paths = copies(files, Path(folder), args.images)
        seconds = race(
            {n: lambda at, detect=c: detect(paths) for n, c in contestants.items()},
            args.rounds,
        )
        single = latencies(contestants, paths)
    forward = measure(network, args.batch_size, precision, ["forward"]).forward
    ceiling = args.batch_size / forward
    best = max(args.images / seconds[n] for n in contestants if n.startswith(PEERS))
    rows = []
    for name, times in seconds.items():
        rate = args.images / times
        shares = f"{rate / ceiling:.0%}" if name.startswith(ours) else ""
        p50, p99 = np.percentile(single[name], [50, 99]) * 1e3
        rows.append(
            (
                name,
                f"{rate:.2f}",
                f"{rate / best:.2f}",
                shares,
                f"{p50:.0f}",
                f"{p99:.0f}",
            )
        )
    headers = ("detection", "images/s", f"times {args.peer}'s best", "of the ceiling")
    print(markdown_table((*headers, "one image, ms: p50", "p99"), rows))


def our_contestants(
    name: str, network, architecture, batch_size: int, threshold: float
) -> dict[str, Contestant]:
    """From files to boxes, and the bare network."""
    from inference.detector import Detector
    from inference.sources import find_sources, read_frames
    from inference.stream import detect_frames
    from models.detection_layer import with_detections

    model = with_detections(network, architecture.layout, threshold)

    class Model:
        def __init__(self) -> None:
            self.class_names = [str(i) for i in range(NUM_CLASSES - 1)]
            self.threshold = threshold

        def __call__(self, images: np.ndarray) -> np.ndarray:
            return np.asarray(model.predict_on_batch(images)[1])

    detector = Detector(Model(), batch_size)
    ready = np.random.default_rng(0).integers(
        0, 256, (batch_size, 300, 300, 3), "uint8"
    )

    def to_boxes(paths: list[Path]) -> None:
        sources = find_sources([str(path) for path in paths])
        for _ in detect_frames(detector, read_frames(sources, print)):
            pass

    def bare(paths: list[Path]) -> None:
        for start in range(0, len(paths), batch_size):
            network.predict_on_batch(ready[: len(paths) - start])

    return {name: to_boxes, f"{name}, the bare network": bare}


def to_boxes_by(peer, batch_size: int) -> Contestant:
    """torchvision's, with its files read by OpenCV."""
    from data import read_image

    def to_boxes(paths: list[Path]) -> None:
        with ThreadPoolExecutor(1) as pool:
            images = pool.map(read_image, paths)
            for _ in range(0, len(paths), batch_size):
                peer.detect(list(islice(images, batch_size)))

    return to_boxes


def latencies(
    contestants: dict[str, Contestant], paths: list[Path]
) -> dict[str, list[float]]:
    """Seconds of each image alone; the first one is seen twice, for the tracing."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for path in [paths[0], *paths]:
        for name, contestant in contestants.items():
            time.sleep(PAUSE)
            started = time.perf_counter()
            contestant([path])
            seconds[name].append(time.perf_counter() - started)
    return {name: times[1:] for name, times in seconds.items()}


def copies(files: list[Path], folder: Path, number: int) -> list[Path]:
    """So many files, those there are again and again."""
    paths = []
    for at, file in enumerate(islice(cycle(files), number)):
        paths.append(folder / f"{at:05}.jpg")
        shutil.copyfile(file, paths[-1])
    return paths


if __name__ == "__main__":
    main()
