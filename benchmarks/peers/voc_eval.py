"""Average precision as in the voc_eval.py of Fast R-CNN, written anew.

rbgirshick/py-faster-rcnn lib/datasets/voc_eval.py, the evaluator that most Python
detectors carry: class by class, one detection after another in a loop. One difference:
boxes are corners in 0..1, without the pixel that its widths add.
"""

import numpy as np


def voc_eval(detections, truths, difficult, class_id, iou_threshold=0.5):
    """Average precision (area) of one class; arguments as of `evaluate_voc`."""
    records, num_truth = {}, 0
    for image, (truth, hard) in enumerate(zip(truths, difficult, strict=True)):
        of_class = truth[:, 4] == class_id
        records[image] = {
            "boxes": truth[of_class, :4],
            "difficult": hard[of_class],
            "taken": [False] * int(of_class.sum()),
        }
        num_truth += int((~hard[of_class]).sum())
    images, scores, boxes = [], [], []
    for image, found in enumerate(detections):
        for row in found:
            if row[0] == class_id:
                images.append(image)
                scores.append(row[1])
                boxes.append(row[2:])
    if not num_truth:
        return float("nan")
    order = np.argsort(-np.array(scores), kind="stable")
    right, wrong = np.zeros(len(order)), np.zeros(len(order))
    for at, which in enumerate(order):
        record, box = records[images[which]], boxes[which]
        best, row = -np.inf, -1
        if len(record["boxes"]):
            overlaps = iou(record["boxes"], box)
            best, row = overlaps.max(), overlaps.argmax()
        if best >= iou_threshold:
            if record["difficult"][row]:
                continue
            right[at] = not record["taken"][row]
            wrong[at] = record["taken"][row]
            record["taken"][row] = True
        else:
            wrong[at] = 1
    return area(np.cumsum(right), np.cumsum(wrong), num_truth)


def iou(boxes, box):
    """(M,) of boxes (M, 4) with one."""
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    sides = np.maximum(high - low, 0)
    shared = sides[:, 0] * sides[:, 1]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return shared / (areas + (box[2] - box[0]) * (box[3] - box[1]) - shared)


def area(right, wrong, num_truth):
    """Area under the precision made monotone."""
    recall = np.concatenate([[0], right / num_truth, [1]])
    precision = right / np.maximum(right + wrong, 1e-12)
    precision = np.concatenate([[0], precision, [0]])
    for at in range(len(precision) - 1, 0, -1):
        precision[at - 1] = max(precision[at - 1], precision[at])
    steps = np.flatnonzero(recall[1:] != recall[:-1])
    return float(((recall[steps + 1] - recall[steps]) * precision[steps + 1]).sum())
