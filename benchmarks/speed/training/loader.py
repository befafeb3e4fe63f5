"""Augmented training images per second, beside amdegroot's and torchvision's.

    python -m benchmarks.speed.training.loader --data BCCD_Dataset/BCCD

The three prepare the same JPEGs in turn, in one thread: decode, augment as SSD does,
300x300, stacked into batches. Then ours with more threads, its memory, and images of
many megapixels. torchvision's rows need torch and torchvision; its JPEGs are decoded as
ours are.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.cost.interleaved import race
from benchmarks.peers.torchvision_ssd import import_torchvision

BATCH = 8
IMAGES = 48  # of each kind, prepared once a round
ROUNDS = 9
QUALITY = 90  # of the JPEGs that are written
HEADERS = ("images", "ours", "amdegroot", "torchvision v2", "ratios")


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.training.loader")
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args()
    from benchmarks.machine import machine
    from data import read_dataset
    from reports import markdown_table

    cv2.setNumThreads(1)
    print(machine("opencv-python", "numpy", "torch", "torchvision"))
    dataset = read_dataset(args.data, "train")
    with tempfile.TemporaryDirectory() as folder:
        kinds = {
            "as they are": replace(dataset, samples=dataset.samples[:IMAGES]),
            "500x375": resized(dataset, (500, 375), IMAGES, Path(folder)),
        }
        rows = []
        for name, part in kinds.items():
            for is_kept in (False, True):
                where = "decoded before" if is_kept else "from files"
                rows.append((f"{name}, {where}", *beside(part, is_kept, args.rounds)))
        print(markdown_table(HEADERS, rows), end="\n\n")
        headers = ("threads", "images/s", "each thread")
        print(markdown_table(headers, by_threads(kinds["500x375"])), end="\n\n")
        headers = ("after epoch", "resident MB")
        print(markdown_table(headers, memory(kinds["as they are"])), end="\n\n")
        large = resized(dataset, (4000, 3000), BATCH, Path(folder))
        headers = ("4000x3000", "ms an image")
        print(markdown_table(headers, many_megapixels(large)))


def resized(dataset, size_wh, count: int, folder: Path):
    """The first images written as JPEGs of another size."""
    samples = []
    for number, sample in enumerate(dataset.samples[:count]):
        image = cv2.resize(sample.read_image()[..., ::-1], size_wh)
        path = folder / f"{size_wh[0]}_{number}.jpg"
        cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        samples.append(replace(sample, path=path, size_wh=size_wh))
    return replace(dataset, samples=samples)


def batches_of(dataset, is_kept: bool, workers: int = 1):
    """Batches whose decoded images stay in memory, or don't."""
    from unittest.mock import patch

    from data import Batches, batches

    with patch.object(batches, "KEPT_BYTES", batches.KEPT_BYTES if is_kept else 0):
        return Batches(dataset, BATCH, workers=workers)


def beside(dataset, is_kept: bool, rounds: int) -> tuple[str, ...]:
    """Images a second of each, and how many times as many ours are."""
    calls = {
        name: make(dataset, is_kept)
        for name, make in zip(HEADERS[1:4], (ours, amdegroot, torchvision), strict=True)
    }
    seconds = list(race(calls, rounds).values())
    rates = [f"{len(dataset) / s:.0f}" for s in seconds]
    return (*rates, ", ".join(f"{s / seconds[0]:.1f}x" for s in seconds[1:]))


def ours(dataset, is_kept: bool) -> Callable:
    """As train.py does it, in the caller's thread."""
    made = batches_of(dataset, is_kept)
    return lambda epoch: [made.batch(epoch, i) for i in range(made.steps_per_epoch)]


def amdegroot(dataset, is_kept: bool) -> Callable:
    """cv2.imread, SSDAugmentation, RGB, channels first, stacked."""
    from benchmarks.peers.ssd_augmentation import ssd_augmentation

    kept = [cv2.imread(str(p.path)) for p in dataset.samples] if is_kept else None

    def call(epoch: int) -> None:
        rng = np.random.default_rng(epoch)
        for start in range(0, len(dataset), BATCH):
            images = []
            for at in range(start, min(start + BATCH, len(dataset))):
                sample = dataset.samples[at]
                image = kept[at] if kept else cv2.imread(str(sample.path))
                boxes, labels = sample.truth[:, :4].astype(float), sample.truth[:, 4]
                image, _, _ = ssd_augmentation(image, boxes, labels, rng)
                images.append(image[:, :, ::-1].transpose(2, 0, 1))
            np.stack(images)

    return call


def torchvision(dataset, is_kept: bool) -> Callable:
    """The v2 transforms of its own recipe `ssd`, on uint8 tensors, stacked."""
    import torch

    import_torchvision()
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    torch.set_num_threads(1)
    recipe = v2.Compose(
        [
            v2.RandomPhotometricDistort(),
            v2.RandomZoomOut(fill=[123, 117, 104]),
            v2.RandomIoUCrop(),
            v2.RandomHorizontalFlip(),
            v2.Resize((300, 300), antialias=True),
            v2.SanitizeBoundingBoxes(),
        ]
    )

    def read(sample):
        return torch.from_numpy(sample.read_image()).permute(2, 0, 1)

    kept = [read(sample) for sample in dataset.samples] if is_kept else None

    def call(epoch: int) -> None:
        torch.manual_seed(epoch)
        for start in range(0, len(dataset), BATCH):
            images = []
            for at in range(start, min(start + BATCH, len(dataset))):
                sample = dataset.samples[at]
                width, height = sample.size_wh
                image = tv_tensors.Image(kept[at] if kept else read(sample))
                boxes = tv_tensors.BoundingBoxes(
                    torch.from_numpy(sample.truth[:, :4] * np.tile((width, height), 2)),
                    format="XYXY",
                    canvas_size=(height, width),
                )
                labels = torch.from_numpy(sample.truth[:, 4]).long()
                image, _ = recipe(image, {"boxes": boxes, "labels": labels})
                images.append(image)
            torch.stack(images)

    return call


def by_threads(dataset) -> list[tuple]:
    """Images a second with one thread and with one for each core."""
    rows = []
    many = replace(dataset, samples=dataset.samples * 10)
    for workers in sorted({1, os.cpu_count() or 1}):
        made = batches_of(many, is_kept=False, workers=workers)
        started = time.perf_counter()
        number = sum(len(images) for images, _ in made.epoch(0))
        rate = number / (time.perf_counter() - started)
        rows.append((workers, f"{rate:.0f}", f"{rate / workers:.0f}"))
    return rows


def memory(dataset) -> list[tuple]:
    """Resident memory after epochs from files, and beside them decoded ones."""
    many = replace(dataset, samples=dataset.samples * 10)
    made = batches_of(many, is_kept=False, workers=2)
    rows = [("start", f"{resident_mb():.0f}")]
    for epoch in range(4):
        for _ in made.epoch(epoch):
            pass
        rows.append((epoch + 1, f"{resident_mb():.0f}"))
    return rows


def resident_mb() -> float:
    """Of this process, from /proc."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def many_megapixels(dataset) -> list[tuple]:
    """Decoding in full and reduced, and the whole way."""
    from data import read_image

    def read(min_side: int) -> Callable:
        return lambda _: [read_image(p.path, min_side) for p in dataset.samples]

    calls = {
        "decoded in full": read(0),
        "decoded as training does, both sides 600 or more": read(600),
        "decoded as detection does, both sides 300 or more": read(300),
        "a batch of training": ours(dataset, is_kept=False),
    }
    return [
        (name, f"{seconds / len(dataset) * 1e3:.1f}")
        for name, seconds in race(calls, 3).items()
    ]


if __name__ == "__main__":
    main()
