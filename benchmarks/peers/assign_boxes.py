"""Matching as rykov8/ssd_keras does it, ssd_utils.py at a560b91, written anew.

Image by image and box by box in numpy. Its rule is not quite the paper's: an object
gets its best prior only where it has none above the threshold, and there loses it to
another object that overlaps it more.
"""

import numpy as np

VARIANCES = np.array([0.1, 0.1, 0.2, 0.2])  # rykov8: in the priors' last four columns


def encode_box(box, priors, threshold):
    """Offsets and IoU (P, 5) of one box (4,), zeros at priors (P, 4) not assigned.

    All are corners.
    """
    low, high = np.maximum(priors[:, :2], box[:2]), np.minimum(priors[:, 2:], box[2:])
    sides = np.maximum(high - low, 0)
    shared = sides[:, 0] * sides[:, 1]
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (priors[:, 2] - priors[:, 0]) * (priors[:, 3] - priors[:, 1])
    iou = shared / (area + areas - shared)
    encoded = np.zeros((len(priors), 5))
    mask = iou > threshold
    if not mask.any():
        mask[iou.argmax()] = True
    encoded[:, -1][mask] = iou[mask]
    chosen = priors[mask]
    center, wh = 0.5 * (box[:2] + box[2:]), box[2:] - box[:2]
    prior_center = 0.5 * (chosen[:, :2] + chosen[:, 2:])
    prior_wh = chosen[:, 2:] - chosen[:, :2]
    encoded[:, :2][mask] = (center - prior_center) / prior_wh / VARIANCES[:2]
    encoded[:, 2:4][mask] = np.log(wh / prior_wh) / VARIANCES[2:]
    return encoded.ravel()


def assign_boxes(boxes, priors, num_classes, threshold=0.5):
    """What an image teaches, (P, 4 + C + 8): offsets, class, and the mark at -8.

    `boxes` (M, 4 + C - 1) corners and one-hot class without the background, `priors`
    corners (P, 4).
    """
    num_priors = len(priors)
    assigned = np.zeros((num_priors, 4 + num_classes + 8))
    assigned[:, 4] = 1.0
    if len(boxes) == 0:
        return assigned
    encoded = np.apply_along_axis(encode_box, 1, boxes[:, :4], priors, threshold)
    encoded = encoded.reshape(-1, num_priors, 5)  # (M, P, 5)
    best = encoded[:, :, -1].max(axis=0)
    row = encoded[:, :, -1].argmax(axis=0)
    mask = best > 0
    row = row[mask]
    encoded = encoded[:, mask]
    assigned[:, :4][mask] = encoded[row, np.arange(len(row)), :4]
    assigned[:, 4][mask] = 0
    assigned[:, 5:-8][mask] = boxes[row, 4:]
    assigned[:, -8][mask] = 1
    return assigned
