"""Detectors for tests that need no network: they find rectangles by their colour."""

import shutil
from pathlib import Path

import cv2
import numpy as np

from inference.detector import Detector
from tests.helpers.voc_files import annotation_xml

PHOTOS = Path(__file__).parents[2] / "examples/images"
# what they show: size, class, corners in pixels; the default detector finds both
OBJECTS = {
    "astronaut": ((512, 512), ("person", (10, 11, 363, 512))),
    "cat": ((451, 300), ("cat", (1, 1, 421, 300))),
}
RED, BLUE = (230, 20, 20), (20, 20, 230)


class ColourNetwork:
    """A box around each red and each blue patch, for what calls a network.

    `calls` keeps the batch size of each call.
    """

    class_names = ("red", "blue")
    threshold = 0.5

    def __init__(self):
        self.calls = []

    def __call__(self, images):
        assert images.dtype == np.uint8
        assert images.shape[1:] == (300, 300, 3)
        self.calls.append(len(images))
        return np.stack([self._find(image.astype(int)) for image in images])

    def _find(self, image):
        is_red = image[..., 0] - image[..., 2] > 120
        is_blue = image[..., 2] - image[..., 0] > 120
        rows = np.zeros((8, 6), np.float32)
        found = [
            [class_id, score, *(corners / 300)]
            for class_id, score, mask in ((1, 0.9, is_red), (2, 0.8, is_blue))
            for corners in _boxes(mask)
        ]
        rows[: len(found)] = np.reshape(found, (-1, 6))[: len(rows)]
        return rows


def write_photos(root):
    """The photographs as a VOC folder: train holds the cat, val both."""
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / name).mkdir(parents=True)
    for stem, (size_wh, item) in OBJECTS.items():
        shutil.copy(PHOTOS / f"{stem}.jpg", root / "JPEGImages")
        xml = annotation_xml(f"{stem}.jpg", size_wh, [item])
        (root / "Annotations" / f"{stem}.xml").write_text(xml, "utf-8")
    for split, stems in (("train", ["cat"]), ("val", OBJECTS)):
        (root / "ImageSets/Main" / f"{split}.txt").write_text("\n".join(stems), "utf-8")
    return root


def _boxes(mask):
    """Corners of each patch of a mask."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    for left, top, width, height, _ in stats[1:]:  # the first is the ground
        yield np.array([left, top, left + width, top + height])


def colour_detector(**options):
    return Detector(ColourNetwork(), **options)


def scene(size_wh, red=None, blue=None, ground=110):
    """uint8 (H, W, 3) RGB with a rectangle of each colour; corners in pixels."""
    image = np.full((size_wh[1], size_wh[0], 3), ground, np.uint8)
    for colour, corners in ((RED, red), (BLUE, blue)):
        if corners is not None:
            left, top, right, bottom = corners
            image[top:bottom, left:right] = colour
    return image
