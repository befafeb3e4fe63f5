"""The score threshold to work with: the best F1 of all classes together."""

from collections.abc import Sequence

import numpy as np

from evaluation.average_precision import ClassCurve

FALLBACK_THRESHOLD = 0.5  # ours: what to show when nothing tells a better one


def best_threshold(curves: Sequence[ClassCurve]) -> tuple[float, float]:
    """The score threshold with the best F1, and that F1 in 0..1.

    One threshold for all classes: true and false positives of all curves are counted
    together (micro F1 = 2 TP / (2 TP + FP + FN)), detections with score >= threshold
    are kept. Among equal F1 the highest threshold wins. False positives of classes
    without objects count as well. Without any right detection: 0.5 and 0.0.

    >>> from evaluation import evaluate_voc
    >>> truth = np.array([[0.0, 0.0, 0.5, 0.5, 1]])
    >>> found = np.array([[1, 0.75, 0, 0, 0.5, 0.5], [1, 0.25, 0.5, 0.5, 1, 1]])
    >>> best_threshold(evaluate_voc([found], [truth], [np.array([False])], ["cat"]))
    (0.75, 1.0)
    """
    num_truth = sum(curve.num_truth for curve in curves)
    scores = np.concatenate([np.zeros(0), *(curve.scores for curve in curves)])
    right = np.concatenate(
        [np.zeros(0), *(np.diff(curve.true_positives, prepend=0) for curve in curves)]
    )
    order = np.argsort(-scores, kind="stable")
    scores, hits = scores[order], np.cumsum(right[order])
    if not len(hits) or hits[-1] == 0:
        return FALLBACK_THRESHOLD, 0.0
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + num_truth)
    f1[:-1][scores[:-1] == scores[1:]] = 0  # equal scores are kept or dropped together
    best = int(np.argmax(f1))
    return float(scores[best]), float(f1[best])


def at_threshold(curve: ClassCurve, threshold: float) -> tuple[float, float]:
    """Precision and recall of one class over the detections with score >= threshold.

    Precision is 0.0 where no detection is left, recall nan for a class without objects.

    >>> curve = ClassCurve("cat", 2, np.array([0.9, 0.4]), np.array([1.0, 0.5]),
    ...                    np.array([0.5, 0.5]), 0.5454, 0.5)
    >>> at_threshold(curve, 0.5), at_threshold(curve, 0.95)
    ((1.0, 0.5), (0.0, 0.0))
    """
    kept = int((curve.scores >= threshold).sum())
    precision = float(curve.precision[kept - 1]) if kept else 0.0
    if not curve.num_truth:
        return precision, float("nan")
    return precision, float(curve.recall[kept - 1]) if kept else 0.0
