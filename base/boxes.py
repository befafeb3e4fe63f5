"""Boxes in numpy, corners xmin, ymin, xmax, ymax: overlap, and 0..1 to pixels."""

import numpy as np


def area(boxes: np.ndarray) -> np.ndarray:
    """(...) of boxes (..., 4); 0 where a box is turned inside out."""
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1)


def intersection(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Area (...) that boxes (..., 4) share with others (..., 4), which broadcast."""
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., 2:], others[..., 2:])
    return np.prod(np.maximum(high - low, 0), axis=-1)


def iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union (...) of boxes (..., 4) and others, which broadcast.

    0 where both are without area. Of all pairs: `iou(a[:, None], b[None])`.

    >>> a, b = np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2], [5, 5, 6, 6]])
    >>> iou(a[:, None], b[None]).round(3).tolist()
    [[0.333, 0.0]]
    """
    shared = intersection(boxes, others)
    union = area(boxes) + area(others) - shared
    return np.divide(shared, union, out=np.zeros_like(union), where=union > 0)


def to_pixels(boxes: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Edges (..., 4) in pixels, 0 to width and height, of boxes in 0..1; not rounded.

    >>> to_pixels(np.array([0.1, 0.2, 1.0, 1.0]), (400, 300)).tolist()
    [40.0, 60.0, 400.0, 300.0]
    """
    return boxes * np.array(size_wh * 2, boxes.dtype)


def to_whole_pixels(boxes: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """The same rounded to int: what is printed, drawn and cropped alike."""
    return np.round(to_pixels(np.asarray(boxes, np.float64), size_wh)).astype(int)
