"""The augmentation of amdegroot/ssd.pytorch, utils/augmentations.py at 5b0b77f.

Written anew, step by step the same work: all in float32, colours on the whole image,
the expanded image laid out in full, one crop tried after another.
"""

import cv2
import numpy as np

MEAN_BGR = (104, 117, 123)  # SSDAugmentation's default
# RandomSampleCrop.sample_options; None: the whole image
CROPS = (None, 0.1, 0.3, 0.7, 0.9, -np.inf)
TRIALS = 50  # RandomSampleCrop


def ssd_augmentation(image, boxes, labels, rng, size=300):
    """BGR (H, W, 3), boxes (M, 4) in 0..1, labels (M,) -> float32 image, both.

    `rng` is a numpy Generator.
    """
    image = image.astype(np.float32)
    height, width = image.shape[:2]
    boxes = boxes * (width, height, width, height)
    image = distort(image, rng)
    image, boxes = expand(image, boxes, rng)
    image, boxes, labels = crop(image, boxes, labels, rng)
    height, width = image.shape[:2]
    if rng.integers(2):
        image = image[:, ::-1]
        boxes = boxes.copy()
        boxes[:, 0::2] = width - boxes[:, 2::-2]
    boxes = boxes / (width, height, width, height)
    image = cv2.resize(image, (size, size)).astype(np.float32)
    image -= np.array(MEAN_BGR, np.float32)
    return image.astype(np.float32), boxes, labels


def distort(image, rng):
    """PhotometricDistort."""
    image = image.copy()
    if rng.integers(2):
        image += rng.uniform(-32, 32)
    contrast_first = rng.integers(2)
    if contrast_first and rng.integers(2):
        image *= rng.uniform(0.5, 1.5)
    image = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    if rng.integers(2):
        image[:, :, 1] *= rng.uniform(0.5, 1.5)
    if rng.integers(2):
        image[:, :, 0] += rng.uniform(-18, 18)
        image[:, :, 0][image[:, :, 0] > 360] -= 360
        image[:, :, 0][image[:, :, 0] < 0] += 360
    image = cv2.cvtColor(image, cv2.COLOR_HSV2BGR)
    if not contrast_first and rng.integers(2):
        image *= rng.uniform(0.5, 1.5)
    if rng.integers(2):
        image = image[:, :, rng.permutation(3)]
    return image


def expand(image, boxes, rng):
    """Expand: a canvas of the mean up to 4 times as wide and high."""
    if rng.integers(2):
        return image, boxes
    height, width = image.shape[:2]
    ratio = rng.uniform(1, 4)
    left = int(rng.uniform(0, width * ratio - width))
    top = int(rng.uniform(0, height * ratio - height))
    canvas = np.zeros((int(height * ratio), int(width * ratio), 3), image.dtype)
    canvas[:, :, :] = MEAN_BGR
    canvas[top : top + height, left : left + width] = image
    return canvas, boxes + np.array([left, top, left, top])


def crop(image, boxes, labels, rng):
    """RandomSampleCrop. Its least overlap is never asked for (`and`, not `or`)."""
    height, width = image.shape[:2]
    while True:
        if CROPS[rng.integers(len(CROPS))] is None:
            return image, boxes, labels
        for _ in range(TRIALS):
            w, h = rng.uniform(0.3 * width, width), rng.uniform(0.3 * height, height)
            if not 0.5 <= h / w <= 2:
                continue
            left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
            rect = np.array([int(left), int(top), int(left + w), int(top + h)])
            overlaps(boxes, rect)
            centers = (boxes[:, :2] + boxes[:, 2:]) / 2
            inside = ((centers > rect[:2]) & (centers < rect[2:])).all(axis=1)
            if not inside.any():
                continue
            kept = boxes[inside].copy()
            kept[:, :2] = np.maximum(kept[:, :2], rect[:2]) - rect[:2]
            kept[:, 2:] = np.minimum(kept[:, 2:], rect[2:]) - rect[:2]
            part = image[rect[1] : rect[3], rect[0] : rect[2]]
            return part, kept, labels[inside]


def overlaps(boxes, rect):
    """jaccard_numpy: IoU (M,) of boxes with one window."""
    high, low = np.minimum(boxes[:, 2:], rect[2:]), np.maximum(boxes[:, :2], rect[:2])
    shared = np.clip(high - low, 0, np.inf).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return shared / (areas + (rect[2:] - rect[:2]).prod() - shared)
