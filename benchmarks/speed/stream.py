"""What is gained by reading and writing beside the network: a video, frames a second.

    python -m benchmarks.speed.stream --frames 200

Draws a video of 1280x720, then reads, detects, draws and writes it, each step alone,
all in turn, and as detect.py does: reading and writing beside the network.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

WEIGHTS = Path("weights/voc_yolox_nano.weights.h5")
PHOTOS = Path("examples/images")
SIZE_WH = (1280, 720)


def main(argv: list[str] | None = None) -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.stream")
    parser.add_argument("--frames", type=int, default=200, help="length of the video")
    parser.add_argument("--weights", default=str(WEIGHTS), metavar="FILE")
    args = parser.parse_args(argv)
    import inference
    from inference.sources import find_sources, read_frames
    from reports import draw_detections, markdown_table

    detector = inference.load(args.weights)
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "in.mp4"
        write_video(video, args.frames)
        sources = find_sources([str(video)])
        frames = list(read_frames(sources, print))[:64]
        prepared = [detector.prepare(frame.image) for frame in frames]
        found = detector.detect(prepared)  # the graph is traced
        drawn = [
            draw_detections(f.image, rows, detector.class_names)
            for f, rows in zip(frames, found, strict=True)
        ]
        num_found = sum(map(len, found)) / len(found)
        parts = {
            "reading and resizing": lambda: count(
                detector.prepare(frame.image) for frame in read_frames(sources, print)
            ),
            "network": lambda: count(in_batches(detector, prepared)),
            "drawing": lambda: count(
                draw_detections(f.image, rows, detector.class_names)
                for f, rows in zip(frames, found, strict=True)
            ),
            "writing": lambda: write_all(drawn, Path(folder) / "alone.mp4"),
            "all in turn": lambda: in_turn(detector, sources, Path(folder) / "turn"),
            "all at once, as detect.py": lambda: at_once(
                detector, sources, Path(folder) / "once"
            ),
        }
        rows = [(name, f"{rate(call):.1f}") for name, call in parts.items()]
    print(f"{num_found:.1f} objects a frame\n")
    print(markdown_table((f"{args.frames} frames", "frames/s"), rows))


def rate(call: Callable[[], int]) -> float:
    """Frames a second of a call that returns how many there were."""
    started = time.perf_counter()
    number = call()
    return number / (time.perf_counter() - started)


def count(items) -> int:
    return sum(1 for _ in items)


def in_batches(detector, prepared):
    for start in range(0, len(prepared), detector.batch_size):
        yield from detector.detect(prepared[start : start + detector.batch_size])


def in_turn(detector, sources, folder: Path) -> int:
    """Batch by batch: read, detect, draw, write, nothing beside anything."""
    from itertools import islice

    from inference.outputs import Outputs
    from inference.sources import read_frames

    frames, number = read_frames(sources, print), 0
    with Outputs(folder, detector.class_names) as outputs:
        while group := list(islice(frames, detector.batch_size)):
            prepared = [detector.prepare(frame.image) for frame in group]
            for frame, rows in zip(group, detector.detect(prepared), strict=True):
                outputs.write(frame, rows)
                number += 1
    return number


def at_once(detector, sources, folder: Path) -> int:
    """The loop of detect.py."""
    from contextlib import closing

    from base.background import BackgroundWriter
    from inference.outputs import Outputs
    from inference.sources import read_frames
    from inference.stream import detect_frames

    outputs, number = Outputs(folder, detector.class_names), 0
    with outputs, closing(BackgroundWriter(outputs.write, 4)) as writer:
        for frame, rows in detect_frames(detector, read_frames(sources, print)):
            writer.put(frame, rows)
            number += 1
    return number


def write_all(images, path: Path) -> int:
    from reports import VideoFile

    video = VideoFile(path, 25.0)
    for index, image in enumerate(images):
        video.write(image, index)
    video.close()
    return len(images)


def write_video(path: Path, num_frames: int) -> None:
    """Photographs that drift to the left."""
    import cv2
    import numpy as np

    from data import read_image
    from reports import VideoFile

    scenes = [cv2.resize(read_image(p), SIZE_WH) for p in sorted(PHOTOS.glob("*.jpg"))]
    video = VideoFile(path, 25.0)
    for i in range(num_frames):
        video.write(np.roll(scenes[i * len(scenes) // num_frames], -3 * i, axis=1), i)
    video.close()


if __name__ == "__main__":
    main()
