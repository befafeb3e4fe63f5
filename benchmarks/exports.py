"""Exported files against each other: milliseconds of one picture.

    python -m benchmarks.exports best.onnx best.int8.onnx best.tflite --picture P

In turns, a call each, so that a busy machine is busy for all of them; the least of many
calls is what the machine can do, the median what it did.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import detection
from data import plain, read_picture
from evaluation.speed import WARM_UP
from exporting.proof import MEGABYTE, size_of
from paper import IMAGE_SIZE
from reports.tables import markdown_table

HEADERS = ("file", "ms at best", "ms at the median", "MB")


def main() -> None:
    """One row for each file."""
    parser = argparse.ArgumentParser(prog="benchmarks.exports", description=__doc__)
    parser.add_argument("files", nargs="+", help="exported files, or weights files")
    parser.add_argument("--picture", required=True)
    parser.add_argument("--rounds", type=int, default=60)
    args = parser.parse_args()
    networks = [detection.open_network(path)[0] for path in args.files]
    image, _ = plain(read_picture(args.picture), np.zeros((0, 5)), IMAGE_SIZE)
    seconds = np.zeros((args.rounds + WARM_UP, len(networks)))
    for row in seconds:
        for column, network in enumerate(networks):
            start = time.perf_counter()
            network(image[None])
            row[column] = time.perf_counter() - start
    milliseconds = 1e3 * seconds[WARM_UP:]
    rows = [
        [path, f"{column.min():.1f}", f"{np.median(column):.1f}", f"{size:.2f}"]
        for path, column, size in zip(
            args.files,
            milliseconds.T,
            [size_of(Path(path)) / MEGABYTE for path in args.files],
            strict=True,
        )
    ]
    print(markdown_table(HEADERS, rows))


if __name__ == "__main__":
    main()
