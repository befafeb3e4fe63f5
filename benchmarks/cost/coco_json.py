"""Seconds and memory to open COCO JSON of 100,000 images.

    python -m benchmarks.cost.coco_json

Draws the JSON as large as COCO's own (7 boxes an image, outlines of 20 corners) beside
black images, then reads it in a process of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

CORNERS = 20  # ours: about the 450 MB of instances_train2017.json's 860,000 outlines


def main():
    """Make, then read in a fresh process, so that the peak is that of reading."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--boxes", type=int, default=7, help="per image")
    parser.add_argument("--read", metavar="FOLDER", help="read this one, print figures")
    args = parser.parse_args()
    if args.read:
        return read(args.read)
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), args.images, args.boxes)
        command = [sys.executable, "-m", "benchmarks.cost.coco_json", "--read", folder]
        subprocess.run(command, check=True)


def make(folder: Path, num_images: int, num_boxes: int):
    """instances_train.json and empty files in train/."""
    rng = np.random.default_rng(0)
    (folder / "train").mkdir()
    (folder / "annotations").mkdir()
    image = cv2.imencode(".png", np.zeros((480, 640, 3), np.uint8))[1].tobytes()
    images, annotations = [], []
    outline = [rng.uniform(0, 640, 2 * CORNERS).round(2).tolist()]
    for image_id in range(num_images):
        name = f"{image_id:012}.png"
        (folder / "train" / name).write_bytes(image)
        images.append({"id": image_id, "file_name": name, "width": 640, "height": 480})
        low = rng.integers(0, 300, (num_boxes, 2))
        sides = rng.integers(10, 150, (num_boxes, 2))
        for box in np.hstack([low, sides]).tolist():
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(len(annotations) % 80) + 1,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    "segmentation": outline,
                }
            )
    categories = [{"id": i, "name": f"class {i}"} for i in range(1, 81)]
    path = folder / "annotations" / "instances_train.json"
    path.write_text(
        json.dumps(
            {"images": images, "annotations": annotations, "categories": categories}
        )
    )


def read(folder: str):
    """Print what was read, in how long, with how much memory at most."""
    from data import read_dataset

    size = (Path(folder) / "annotations" / "instances_train.json").stat().st_size
    start, start_cpu = time.perf_counter(), time.process_time()
    dataset = read_dataset(folder, "trainval")
    seconds = time.perf_counter() - start
    cpu = time.process_time() - start_cpu
    # VmHWM, kB: getrusage would tell the peak of the process that made the files
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    boxes = sum(len(sample.truth) for sample in dataset.samples)
    print(
        f"{len(dataset)} images, {boxes} boxes, {size / 1e6:.0f} MB of JSON: "
        f"{seconds:.1f} s "
        f"({cpu:.1f} s of the processor), {peak:.0f} MB at most"
    )


if __name__ == "__main__":
    main()
