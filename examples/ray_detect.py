"""Detect objects in any number of images on many machines, by Ray Data.

    pip install "ray[data]"
    python examples/ray_detect.py IMAGES OUT --workers 2

IMAGES: a folder, or an address that Ray reads, such as s3://bucket/images. OUT: a new
folder of Parquet files, a row for each object: image (its path below IMAGES),
category_id, bbox (x, y, width, height in pixels) and score, as detect.py --json has
them, and class_name. An image that can't be read is told in one line and left out.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import ray

ROOT = Path(__file__).resolve().parents[1]


class Worker:
    """A detector in a process of its own; called with batches of image files.

    root: the folder of the images, as their `path` begins.
    """

    def __init__(self, weights: str | None, batch_size: int, root: str = "") -> None:
        sys.path.insert(0, str(ROOT))
        from inference import load

        self.detector = load(*([weights] if weights else []), batch_size=batch_size)
        self.root = root

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list]:
        """The objects in the files of content `bytes` (B,), with their `path` (B,)."""
        rows = {"image": [], "category_id": [], "bbox": [], "score": []}
        rows["class_name"] = []
        images = self.decode(batch)
        found = self.detector(list(images.values()))
        for name, objects in zip(images, found, strict=True):
            low, high = objects.boxes[:, :2], objects.boxes[:, 2:]
            rows["image"] += [name] * len(objects)
            rows["category_id"] += objects.class_ids.tolist()
            rows["bbox"] += np.concatenate([low, high - low], axis=1).tolist()
            rows["score"] += objects.scores.tolist()
            rows["class_name"] += objects.class_names
        return rows

    def decode(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """uint8 (H, W, 3) RGB of each readable image, by its path below `root`."""
        from base.errors import UserError
        from data.images import decode_image

        images = {}
        for path, raw in zip(batch["path"], batch["bytes"], strict=True):
            name = path.removeprefix(self.root).lstrip("/")
            try:
                images[name] = decode_image(raw, name)
            except UserError as error:
                print(error, file=sys.stderr)
        return images


def main() -> None:
    """Read, detect, write; a batch whose worker dies is done again by another."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images")
    parser.add_argument("output")
    parser.add_argument("--weights", help="a file that every machine has")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--gpus", type=float, default=0, help="of each worker")
    args = parser.parse_args()
    if Path(args.output).exists():
        parser.error(f"{args.output} is there already")
    sys.path.insert(0, str(ROOT))
    from data.images import SUFFIXES

    is_address = "://" in args.images  # whose paths have no s3://
    images = args.images if is_address else Path(args.images).resolve().as_posix()
    files = ray.data.read_binary_files(
        images, include_paths=True, file_extensions=[s[1:] for s in SUFFIXES]
    )
    objects = files.map_batches(
        Worker,
        fn_constructor_args=(args.weights, args.batch_size, images.split("://")[-1]),
        batch_size=args.batch_size,
        compute=ray.data.ActorPoolStrategy(size=args.workers),
        num_cpus=0.5,  # where workers hold all processors, nothing reads images
        num_gpus=args.gpus,
    )
    objects.write_parquet(args.output)


if __name__ == "__main__":
    main()
