"""What a model gets wrong: classes that it confuses, images that it fails on.

Everything at the score from which the model is used: its threshold of best F1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from base.boxes import iou
from comparison.scores import Score
from data import Sample
from evaluation import Matched
from evaluation.average_precision import MATCH_IOU


@dataclass(frozen=True)
class Box:
    """A detection, or an object that was missed.

    `kind`: "TP"; "class error", on an object of class `other`; "FP"; "FN", whose
    `score` is 0. `corners` xmin, ymin, xmax, ymax in 0..1.
    """

    kind: str
    class_id: int
    score: float
    corners: np.ndarray
    other: int = 0


def classify_errors(score: Score, samples: Sequence[Sample]) -> list[list[Box]]:
    """The boxes of each image: true positives are those of VOC.

    Of what is left, a detection that overlaps an object of another class from IoU 0.5
    on, which nothing has taken yet, is a class error, best score first; the object is
    then no false negative as well. Difficult objects, and detections on them, are left
    out.
    """
    matched = score.matched
    counted = ~matched.ignored & (matched.found[:, 1] >= score.detected.threshold)
    return [
        _classify_image(matched, counted & (matched.image == i), sample)
        for i, sample in enumerate(samples)
    ]


def _classify_image(matched: Matched, rows: np.ndarray, sample: Sample) -> list[Box]:
    rows = np.flatnonzero(rows)
    rows = rows[np.argsort(-matched.found[rows, 1], kind="stable")]
    free = ~sample.difficult.copy()
    free[matched.truth[rows[matched.right[rows]]]] = False
    boxes = []
    for row in rows:
        class_id, score, *_ = matched.found[row]
        corners, kind, other = matched.found[row, 2:], "TP", 0
        if not matched.right[row]:
            taken = _overlapped(corners, sample.truth, free, int(class_id))
            kind = "FP" if taken is None else "class error"
            if taken is not None:
                free[taken] = False
                other = int(sample.truth[taken, 4])
        boxes.append(Box(kind, int(class_id), float(score), corners, other))
    for truth in sample.truth[free]:
        boxes.append(Box("FN", int(truth[4]), 0.0, truth[:4].astype(float)))
    return boxes


def _overlapped(
    corners: np.ndarray, truth: np.ndarray, free: np.ndarray, class_id: int
) -> int | None:
    """The free object of another class that a box overlaps most, from IoU 0.5 on."""
    overlap = iou(corners, truth[:, :4])  # (M,)
    overlap[~free | (truth[:, 4] == class_id)] = 0
    best = int(np.argmax(overlap)) if len(overlap) else 0
    return best if len(overlap) and overlap[best] >= MATCH_IOU else None


def confusion(classified: Sequence[Sequence[Box]], num_classes: int) -> np.ndarray:
    """Int (C, C): true class by detected class; 0: false positives and misses."""
    counts = np.zeros((num_classes, num_classes), int)
    for box in (box for boxes in classified for box in boxes):
        true = {"TP": box.class_id, "FP": 0, "FN": box.class_id}
        found = 0 if box.kind == "FN" else box.class_id
        counts[true.get(box.kind, box.other), found] += 1
    return counts


def worst(classified: Sequence[Sequence[Box]], count: int) -> list[int]:
    """The images with the most mistakes, at most `count`; surer mistakes first."""
    mistakes = [[b.score for b in boxes if b.kind != "TP"] for boxes in classified]
    wrong = [i for i, scores in enumerate(mistakes) if scores]
    wrong.sort(key=lambda i: (-len(mistakes[i]), -sum(mistakes[i])))
    return wrong[:count]
