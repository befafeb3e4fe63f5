"""Detectors for tests that need no network: they find rectangles by their colour."""

import cv2
import numpy as np

from inference.detector import Detector
from models.weights.hub import FOLDER

# a real detector that drawn images are enough for
SHAPES_WEIGHTS = FOLDER / "shapes_squeezenet_light.weights.h5"
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
