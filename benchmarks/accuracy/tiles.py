"""Small objects in large images, with and without tiles.

    python -m benchmarks.accuracy.tiles --weights runs/shapes/best.weights.h5

Draws 40 images of 3000x2000 with objects of 20 to 60 pixels and scores a detector of
drawn shapes on the 6 of the test split: on whole images, on tiles, and after trainings
of so many minutes on either. Prints a Markdown table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SET = Path("data/sets/large")
IMAGES = 40
FIGURES = ("mAP07", "mAP50", "AP")
HEADERS = ("test split", *FIGURES, "s an image, file to boxes")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy.tiles")
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE")
    parser.add_argument("--minutes", type=float, default=4, help="of each training")
    args = parser.parse_args(argv)
    from benchmarks.shapes.dataset import draw_shapes
    from reports import markdown_table

    draw_shapes(SET, IMAGES, large=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for tile in (False, True):
            weights = Path(folder) / "start.weights.h5"
            weights.write_bytes(args.weights.read_bytes())
            rows.append(("weights of the shapes" + words(tile), *score(weights, tile)))
        for tile in (False, True):
            output = Path(folder) / f"run-{tile}"
            weights = train(args.weights, output, tile, args.minutes)
            name = f"{args.minutes:g} minutes more{words(tile)}"
            rows.append((name, *score(weights, tile)))
    print(markdown_table(HEADERS, rows))


def words(tile: bool) -> str:
    return ", tiles of 300" if tile else ", whole images"


def train(start: Path, output: Path, tile: bool, minutes: float) -> Path:
    """The last weights of a training that goes on from `start`."""
    options = ["--data", SET, "--weights", start, "--output", output, "--lr", "3e-4"]
    options += ["--backbone", "squeezenet"]
    options += ["--minutes", minutes, *tile_option(tile)]
    script("train.py", *options)
    return output / "last.weights.h5"


def score(weights: Path, tile: bool) -> list[str]:
    """FIGURES of evaluate.py, and seconds from an image's file to its boxes."""
    figures = weights.with_suffix(f".{tile}.json")
    options = ["--weights", weights, "--data", SET, "--split", "test"]
    script("evaluate.py", *options, "--json", figures, *tile_option(tile))
    found = json.loads(figures.read_text("utf-8"))
    return [f"{found[name]:.3f}" for name in FIGURES] + [
        f"{seconds(weights, tile):.2f}"
    ]


def tile_option(tile: bool) -> list[str]:
    return ["--tile"] if tile else []


def script(name: str, *options) -> None:
    subprocess.run([sys.executable, name, *map(str, options)], check=True)


def seconds(weights: Path, tile: bool, rounds: int = 3) -> float:
    """Median of some images, after one that traces the graph."""
    import inference

    detector = inference.load(weights, tile=tile)
    images = sorted((SET / "JPEGImages").iterdir())[: rounds + 1]
    times = []
    for image in images:
        started = time.perf_counter()
        detector(image)
        times.append(time.perf_counter() - started)
    return sorted(times[1:])[rounds // 2]


if __name__ == "__main__":
    main()
