"""mAP50 of the shipped detector when large JPEGs are decoded at full or reduced size.

    python -m benchmarks.accuracy.decoding --data voc2007 [--split test] [--images 400]

Images of the split are enlarged to JPEGs of `--side` pixels in a temporary folder. Each
is decoded whole, as detection does, and at 1/2, 1/4 or 1/8 with at least 600 pixels
(as training does) and 300 pixels a side.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from base.keras_setup import import_keras

MIN_SIDES = {"full size": 0, "at least 600": 600, "at least 300": 300}
QUALITY = 92  # ours: of a camera's JPEG


def main() -> None:
    """Enlarge, detect by each rule, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["voc2007"])
    parser.add_argument("--split", default="test")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--side", type=int, default=2000)
    args = parser.parse_args()
    import_keras()
    import inference
    from base.constants import MIN_SCORE
    from data import read_dataset
    from evaluation import evaluate_voc, mean_ap
    from models.weights.hub import DEFAULT

    model = inference.open_model(str(DEFAULT), MIN_SCORE)
    dataset = read_dataset(args.data, args.split, model.class_names)
    with tempfile.TemporaryDirectory() as folder:
        chosen = dataset.samples[: args.images]
        samples = [enlarge(sample, Path(folder), args.side) for sample in chosen]
        truths = [sample.truth for sample in samples]
        difficult = [sample.difficult for sample in samples]
        print(f"{len(samples)} images of {args.side} pixels")
        for name, min_side in MIN_SIDES.items():
            start = time.perf_counter()
            images = [shrink(sample, min_side) for sample in samples]
            seconds = time.perf_counter() - start
            found = [model(image[None])[0] for image in images]
            curves = evaluate_voc(found, truths, difficult, dataset.class_names)
            print(
                f"{name:14} mAP50 {mean_ap(curves)['mAP50']:.4f}   "
                f"{1000 * seconds / len(samples):.0f} ms to decode an image"
            )


def enlarge(sample, folder: Path, side: int):
    """The sample with its image as a large JPEG."""
    image = sample.read_image()
    scale = side / max(image.shape[:2])
    size_wh = tuple(round(n * scale) for n in image.shape[1::-1])
    image = cv2.resize(image, size_wh, interpolation=cv2.INTER_CUBIC)[..., ::-1]
    path = folder / f"{sample.path.stem}.jpg"
    cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return replace(sample, path=path, size_wh=size_wh)


def shrink(sample, min_side: int) -> np.ndarray:
    """What the network gets of an image that is decoded by a rule."""
    from data import resize

    return resize(sample.read_image(min_side), np.zeros((0, 5)))[0]


if __name__ == "__main__":
    main()
