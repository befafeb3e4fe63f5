"""Boxes as tensors: corners and centers, IoU, offsets from priors."""

from typing import Any, TypeAlias

import numpy as np  # noqa: F401, for the examples
from keras import ops

from base.priors import make_priors  # noqa: F401, for the examples

Tensor: TypeAlias = Any  # a tensor of the Keras backend, or a numpy array

VARIANCES = (0.1, 0.1, 0.2, 0.2)  # weiliu89/caffe ssd_pascal.py, prior_variance
EPSILON = 1e-7  # ours: keeps divisions and logarithms finite in float32


def centers_to_corners(boxes: Tensor) -> Tensor:
    """Corners (..., 4) of boxes given as centers (..., 4).

    >>> ops.convert_to_numpy(centers_to_corners(np.array([[0.5, 0.5, 0.2, 0.4]]))
    ...     ).astype(float).round(2).tolist()
    [[0.4, 0.3, 0.6, 0.7]]
    """
    boxes = ops.convert_to_tensor(boxes)
    middles, halves = boxes[..., :2], boxes[..., 2:] / 2
    return ops.concatenate([middles - halves, middles + halves], axis=-1)


def corners_to_centers(boxes: Tensor) -> Tensor:
    """Centers (..., 4) of boxes given as corners (..., 4).

    >>> ops.convert_to_numpy(corners_to_centers(np.array([[0.4, 0.3, 0.6, 0.7]]))
    ...     ).astype(float).round(2).tolist()
    [[0.5, 0.5, 0.2, 0.4]]
    """
    boxes = ops.convert_to_tensor(boxes)
    low, high = boxes[..., :2], boxes[..., 2:]
    return ops.concatenate([(low + high) / 2, high - low], axis=-1)


def iou(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """Intersection over union (..., M, P) of boxes (..., M, 4) with boxes (..., P, 4).

    Boxes without area have IoU 0 with everything, themselves included.

    >>> a = np.array([[0.0, 0.0, 0.5, 0.5]]); b = np.array([[0.0, 0.0, 0.5, 1.0]])
    >>> ops.convert_to_numpy(iou(a, b)).astype(float).round(3).tolist()
    [[0.5]]
    """
    a = ops.expand_dims(boxes_a, -2)  # (..., M, 1, 4)
    b = ops.expand_dims(boxes_b, -3)  # (..., 1, P, 4)
    width = ops.minimum(a[..., 2], b[..., 2]) - ops.maximum(a[..., 0], b[..., 0])
    height = ops.minimum(a[..., 3], b[..., 3]) - ops.maximum(a[..., 1], b[..., 1])
    overlap = ops.maximum(width, 0) * ops.maximum(height, 0)  # (..., M, P)
    union = area(a) + area(b) - overlap
    return overlap / ops.maximum(union, EPSILON)


def area(boxes: Tensor) -> Tensor:
    """Areas (...) of corner boxes (..., 4)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def encode(boxes: Tensor, priors: Tensor) -> Tensor:
    """Offsets (..., P, 4) of corner boxes (..., P, 4) from their priors (P, 4).

    The paper, eq. 2, divided by the variances.
    """
    priors = ops.convert_to_tensor(priors)
    variances = ops.convert_to_tensor(VARIANCES, "float32")
    centers = corners_to_centers(boxes)
    shift = (centers[..., :2] - priors[..., :2]) / priors[..., 2:]
    stretch = ops.log(ops.maximum(centers[..., 2:], EPSILON) / priors[..., 2:])
    return ops.concatenate([shift, stretch], axis=-1) / variances


def decode(offsets: Tensor, priors: Tensor) -> Tensor:
    """Corner boxes (..., P, 4) from offsets (..., P, 4) and priors (P, 4).

    The inverse of `encode`; boxes may reach over the image's border.

    >>> boxes = np.float32([[0.1, 0.2, 0.4, 0.9]]); priors = make_priors()[:1]
    >>> ops.convert_to_numpy(decode(encode(boxes, priors), priors)
    ...     ).astype(float).round(4).tolist()
    [[0.1, 0.2, 0.4, 0.9]]
    """
    priors = ops.convert_to_tensor(priors)
    offsets = ops.convert_to_tensor(offsets, "float32")
    offsets = offsets * ops.convert_to_tensor(VARIANCES, "float32")
    middles = offsets[..., :2] * priors[..., 2:] + priors[..., :2]
    sides = ops.exp(offsets[..., 2:]) * priors[..., 2:]
    return centers_to_corners(ops.concatenate([middles, sides], axis=-1))


def batched_gather(table: Tensor, rows: Tensor) -> Tensor:
    """Rows (..., K, N) of each table (..., R, N), by their numbers `rows` (..., K).

    So what `match` gives picks each prior's row of the truth.

    >>> table = np.arange(6.0).reshape(1, 3, 2)
    >>> ops.convert_to_numpy(batched_gather(table, np.int32([[2, 0]]))).tolist()
    [[[4.0, 5.0], [0.0, 1.0]]]
    """
    num_rows, width = table.shape[-2:]
    flat = ops.reshape(table, (-1, width))
    first = ops.arange(0, ops.shape(flat)[0], num_rows, dtype="int32")
    rows = rows + ops.reshape(first, (*ops.shape(rows)[:-1], 1))
    return ops.take(flat, rows, axis=0)
