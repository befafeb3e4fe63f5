"""Exported files against each other: milliseconds of one image.

    python -m benchmarks.cost.exports best.onnx best.int8.onnx best.tflite --image P

Each file in a process of its own, so that no runtime's waiting threads disturb another,
and all of them in turns, so that a busy machine is busy for all. The least of many
calls is what the machine can do, the median what it did.
"""

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from base.constants import IMAGE_SIZE
from evaluation.speed import WARM_UP
from reports.tables import markdown_table

HEADERS = ("file", "ms at best", "ms at the median", "MB")
TURNS, ROUNDS = 2, 60  # ours: processes for each file, calls in each


def main() -> None:
    """One row for each file."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.cost.exports", description=__doc__
    )
    parser.add_argument("files", nargs="+", help="exported files, or weights files")
    parser.add_argument("--image", required=True)
    args = parser.parse_args()
    found = {path: [] for path in args.files}
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as one_process:
        for _ in range(TURNS):
            for path, times in found.items():
                times += one_process.submit(measure, path, args.image).result()
    rows = [
        [path, f"{min(times):.1f}", f"{np.median(times):.1f}", f"{megabytes(path):.2f}"]
        for path, times in found.items()
    ]
    print(markdown_table(HEADERS, rows))


def measure(path: str, sample: str) -> list[float]:
    """Milliseconds of ROUNDS calls."""
    import inference
    from data import plain, read_image

    network = inference.open_model(path)
    image, _ = plain(read_image(sample), np.zeros((0, 5)), IMAGE_SIZE)
    times = []
    for _ in range(WARM_UP + ROUNDS):
        start = time.perf_counter()
        network(image[None])
        times.append(1e3 * (time.perf_counter() - start))
    return times[WARM_UP:]


def megabytes(path: str) -> float:
    """Size of a file, of a folder, or of OpenVINO's pair."""
    from exporting.proof import MEGABYTE
    from inference.runtimes import size_of

    return size_of(Path(path)) / MEGABYTE


if __name__ == "__main__":
    main()
