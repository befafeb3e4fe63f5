"""Where the seconds of `python detect.py one.jpg` go, from a cold start.

    python -m benchmarks.speed.cold_start [--weights FILE]

The parts are those of this process, once. Commands are processes of their own, the
median of several, their files in the disk's cache.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.machine import machine

WEIGHTS = "weights/voc_yolox_nano.weights.h5"
IMAGE = Path("examples/images/cat.jpg")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default=WEIGHTS, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "one.jpg"
        in_parts = parts(args.weights, image)
        whole = ["detect.py", str(image), "--weights", args.weights]
        commands = {
            "python, nothing else": ["-c", ""],
            "detect.py --help": ["detect.py", "--help"],
            "detect.py one.jpg --threshold 2": [
                "detect.py",
                "x.jpg",
                "--threshold",
                "2",
            ],
            "train.py --help": ["train.py", "--help"],
            "evaluate.py --help": ["evaluate.py", "--help"],
            "detect.py one.jpg": [*whole, "--output", f"{folder}/out"],
        }
        in_all = {
            name: median_seconds(command, args.rounds)
            for name, command in commands.items()
        }
    from reports import markdown_table

    print(machine("tensorflow", "keras"))
    for title, seconds in (("part", in_parts), ("command", in_all)):
        rows = [(name, f"{taken:.2f}") for name, taken in seconds.items()]
        print(markdown_table((title, "s"), rows), end="\n\n")


def parts(weights: str, path: Path) -> dict[str, float]:
    """Seconds of each step to boxes in an image, which is copied to `path`."""
    clock = [time.perf_counter()]
    from base.keras_setup import import_keras

    import_keras()
    clock.append(time.perf_counter())
    import inference

    detector = inference.load(weights)
    clock.append(time.perf_counter())
    from data import read_image
    from reports import draw_detections

    path.write_bytes(IMAGE.read_bytes())
    image = read_image(path)
    clock.append(time.perf_counter())
    prepared = [detector.prepare(image)]
    (rows,) = detector.detect(prepared)
    clock.append(time.perf_counter())
    detector.detect(prepared)
    clock.append(time.perf_counter())
    draw_detections(image, rows, detector.class_names)
    clock.append(time.perf_counter())
    names = ("Keras and TensorFlow are imported", "the weights file becomes a network")
    names += ("(an image is read)", "the first image")
    names += ("a second image; the graph is traced", "its boxes are drawn")
    taken = [end - start for start, end in pairwise(clock)]
    return dict(zip(names, taken, strict=True))


def median_seconds(arguments: list[str], rounds: int) -> float:
    """Of python with these arguments; once more before, for the disk's cache."""
    seconds = []
    for _ in range(1 + rounds):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, *arguments], capture_output=True)
        seconds.append(time.perf_counter() - started)
        assert done.returncode == (2 if "--threshold" in arguments else 0), done.stderr
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
