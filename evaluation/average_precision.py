"""Average precision as the PASCAL VOC development kit computes it.

Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge", IJCV 2010, and
VOCevaldet.m, VOCap.m of the development kit
(http://host.robots.ox.ac.uk/pascal/VOC/voc2012/), in numpy and without a loop over the
detections. One difference: the kit's boxes are whole pixels that include their last
row and column (+1), ours are continuous corners in 0..1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from base.boxes import iou
from base.errors import UserError

MATCH_IOU = 0.5  # VOC development kit, VOCinit.m: VOCopts.minoverlap
# VOC2007 kit, VOCap: recall 0, 0.1 .. 1; k / 10 is rounded like the recall n / 10
RECALL_POINTS = np.arange(11) / 10


@dataclass(frozen=True)
class ClassCurve:
    """One class's precision and recall over falling scores.

    `scores`, `precision`, `recall` are float64 (K,) over the K detections that count,
    best score first; detections on difficult objects are left out. `num_truth` counts
    the objects that are not difficult, `num_images` the images that hold one.
    `ap07` and `ap_area` are nan for a class without such objects.
    """

    class_name: str
    num_truth: int
    scores: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    ap07: float
    ap_area: float
    num_images: int = 0

    @property
    def true_positives(self) -> np.ndarray:
        """Int (K,): how many of the first k detections are right."""
        counts = np.arange(1, len(self.precision) + 1)
        return np.rint(self.precision * counts).astype(np.int64)


def evaluate_voc(
    detections: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    difficult: Sequence[np.ndarray],
    class_names: Sequence[str],
    iou_threshold: float = MATCH_IOU,
) -> list[ClassCurve]:
    """A ClassCurve for each name of `class_names`, in their order.

    One array per image in each list: `detections` (K, 6) class index, score, xmin,
    ymin, xmax, ymax (rows of class 0 are padding); `truths` (M, 5) xmin, ymin, xmax,
    ymax, class index; `difficult` bool (M,). Boxes in 0..1 of the image; class index
    i is `class_names[i - 1]`.

    A detection belongs to the truth of its class with the highest IoU, the first among
    equals. From `iou_threshold` on (`ovmax>=VOCopts.minoverlap`) it is right if no
    better score took that truth, ignored if the truth is difficult; all others are
    wrong. Equal scores keep the order of the images and rows.

    Raises UserError, naming the image, for wrong shapes, unknown classes and numbers
    that are not finite.

    >>> truth = np.array([[0.0, 0.0, 0.5, 0.5, 1]])
    >>> found = np.array([[1, 0.9, 0, 0, 0.5, 0.5], [1, 0.8, 0.5, 0.5, 1, 1]])
    >>> curve, = evaluate_voc([found], [truth], [np.array([False])], ["cat"])
    >>> curve.precision.tolist(), curve.recall.tolist(), curve.ap_area
    ([1.0, 0.5], [1.0, 1.0], 1.0)
    """
    num_classes = len(class_names) + 1
    matched = match_detections(
        detections, truths, difficult, num_classes, iou_threshold
    )
    return curves_of(matched, class_names)


def curves_of(matched: "Matched", class_names: Sequence[str]) -> list[ClassCurve]:
    """What `evaluate_voc` gives, of detections that are matched already."""
    curves = []
    for class_id, name in enumerate(class_names, start=1):
        rows = matched.counted(class_id)
        per_image = matched.num_truth[:, class_id - 1]  # (I,)
        num_truth, num_images = int(per_image.sum()), int((per_image > 0).sum())
        hits = np.cumsum(matched.right[rows])
        precision = hits / np.arange(1, len(hits) + 1)
        recall = hits / max(num_truth, 1)
        areas = (float("nan"), float("nan"))
        if num_truth:
            points = average_precision_07(recall, precision)
            areas = (points, average_precision_area(recall, precision))
        figures = (matched.found[rows, 1], precision, recall, *areas)
        curves.append(ClassCurve(name, num_truth, *figures, num_images))
    return curves


@dataclass(frozen=True)
class Matched:
    """Which detections of I images are right, in the order in which VOC judges them.

    `found` float64 (N, 6): all detections by class, then falling score; `image` (N,)
    their images, `truth` (N,) the object of that image that each overlaps most (-1:
    none of its class from the threshold on), `right` and `ignored` bool (N,). An
    ignored one, on a difficult object, is neither right nor wrong. `num_truth` (I, C-1)
    counts objects that are not difficult.
    """

    found: np.ndarray
    image: np.ndarray
    truth: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    num_truth: np.ndarray

    def counted(self, class_id: int) -> np.ndarray:
        """Bool (N,): the rows of a class that are right or wrong."""
        return (self.found[:, 0] == class_id) & ~self.ignored


def match_detections(
    detections: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    difficult: Sequence[np.ndarray],
    num_classes: int,
    iou_threshold: float = MATCH_IOU,
) -> Matched:
    """What `evaluate_voc` counts; arguments and errors are its own.

    >>> truth = np.array([[0.0, 0.0, 0.5, 0.5, 1]])
    >>> found = np.array([[1, 0.9, 0, 0, 0.5, 0.5], [1, 0.8, 0.5, 0.5, 1, 1]])
    >>> match_detections([found], [truth], [np.array([False])], 2).right.tolist()
    [True, False]
    """
    check_images(detections, truths, difficult, num_classes)
    found, image = _stack(detections, 6)  # (N, 6), (N,)
    truth, truth_image = _stack(truths, 5)  # (T, 5), (T,)
    hard = np.concatenate([np.zeros(0, bool), *difficult]).astype(bool)  # (T,)
    order = np.lexsort((-found[:, 1], found[:, 0]))  # stable: by class, then by score
    order = order[found[order, 0] > 0]
    found, image = found[order], image[order]

    best_iou, best_truth = _best_truths(found, image, truth, truth_image)
    hit = best_iou >= iou_threshold
    ignored = hit & hard[best_truth] if len(hard) else hit
    right = _first_of_each(best_truth, hit) & ~ignored
    first_truth = np.searchsorted(truth_image, image)  # of each detection's image
    num_truth = np.zeros((len(truths), num_classes - 1), np.int64)
    class_ids = truth[~hard, 4].astype(np.int64)
    np.add.at(num_truth, (truth_image[~hard], class_ids - 1), 1)
    place = np.where(hit, best_truth - first_truth, -1)
    return Matched(found, image, place, right, ignored, num_truth)


def check_images(
    detections: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    difficult: Sequence[np.ndarray],
    num_classes: int,
) -> None:
    """Nothing, or UserError naming the first image whose arrays can't be scored."""
    if not len(detections) == len(truths) == len(difficult):
        raise UserError(
            "Expected one array per image in each list. Received: "
            f"{len(detections)} detections, {len(truths)} truths, "
            f"{len(difficult)} difficult"
        )
    for image in range(len(truths)):
        rows = {
            "detections": (detections[image], 6, 0, 0),  # array, columns, class's, low
            "truth": (truths[image], 5, 4, 1),
        }
        for kind, (array, columns, column, lowest) in rows.items():
            array = np.asarray(array)
            if array.ndim != 2 or array.shape[1] != columns:
                raise UserError(
                    f"Image {image}: expected {kind} of shape (any, {columns}). "
                    f"Received: {array.shape}"
                )
            if not np.isfinite(array).all():
                raise UserError(f"Image {image}: {kind} hold nan or infinity")
            wrong = (array[:, column] < lowest) | (array[:, column] >= num_classes)
            if wrong.any():
                raise UserError(
                    f"Image {image}: expected {kind} of class {lowest} to "
                    f"{num_classes - 1}. Received: {array[wrong][0, column]:g}"
                )
        if len(difficult[image]) != len(truths[image]):
            raise UserError(
                f"Image {image}: {len(truths[image])} objects, but "
                f"{len(difficult[image])} flags in difficult"
            )


def average_precision_07(recall: np.ndarray, precision: np.ndarray) -> float:
    """Mean over recall 0, 0.1 .. 1 of the best precision at that recall or beyond.

    `recall` rising and `precision`, both (K,). VOC2007, IJCV 2010 sec. 4.2.

    >>> average_precision_07(np.array([0.5, 1.0]), np.array([1.0, 0.5]))  # (6 + 2.5)/11
    0.7727272727272727
    """
    envelope = _envelope(precision)
    first = np.searchsorted(recall, RECALL_POINTS, side="left")  # first recall >= point
    reached = first < len(recall)
    return float(envelope[first[reached]].sum() / len(RECALL_POINTS))


def average_precision_area(recall: np.ndarray, precision: np.ndarray) -> float:
    """Area under the precision made monotone: VOC2010 and later, the kit's VOCap.m.

    `recall` rising and `precision`, both (K,).

    >>> average_precision_area(np.array([0.5, 1.0]), np.array([1.0, 0.5]))
    0.75
    """
    steps = np.diff(recall, prepend=0.0)
    return float((steps * _envelope(precision)).sum())


def mean_ap(curves: Sequence[ClassCurve]) -> dict[str, float]:
    """`mAP07` (11 points) and `mAP50` (area), means over the classes that have objects.

    `mAP50` keeps its name for any `iou_threshold` the curves were made with. Without
    any object both are nan.

    >>> mean_ap([])
    {'mAP07': nan, 'mAP50': nan}
    """
    present = [curve for curve in curves if curve.num_truth]
    if not present:
        return {"mAP07": float("nan"), "mAP50": float("nan")}
    return {
        "mAP07": float(np.mean([curve.ap07 for curve in present])),
        "mAP50": float(np.mean([curve.ap_area for curve in present])),
    }


def _stack(arrays: Sequence[np.ndarray], columns: int) -> tuple[np.ndarray, np.ndarray]:
    # all rows under each other, and each row's image
    empty = np.zeros((0, columns))
    rows = np.concatenate([empty, *arrays]).astype(np.float64)  # (N, columns)
    return rows, np.repeat(np.arange(len(arrays)), [len(array) for array in arrays])


def _best_truths(
    found: np.ndarray,
    found_image: np.ndarray,
    truth: np.ndarray,
    truth_image: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    # (N,) highest IoU (-1: none) and (N,) its row of truth, among image and class.
    # Truths lie grouped; step j compares every detection with its group's j-th truth.
    num_images = max(truth_image.max(initial=0), found_image.max(initial=0)) + 1
    truth_group = truth[:, 4] * num_images + truth_image
    found_group = found[:, 0] * num_images + found_image
    by_group = np.argsort(truth_group, kind="stable")
    start = np.searchsorted(truth_group[by_group], found_group, side="left")
    stop = np.searchsorted(truth_group[by_group], found_group, side="right")
    best_iou = np.full(len(found), -1.0)
    best_truth = np.zeros(len(found), np.int64)
    rows = np.flatnonzero(start < stop)
    step = 0
    while len(rows):
        candidate = by_group[start[rows] + step]
        overlap = iou(found[rows, 2:], truth[candidate, :4])
        better = overlap > best_iou[rows]
        best_iou[rows[better]] = overlap[better]
        best_truth[rows[better]] = candidate[better]
        step += 1
        rows = rows[start[rows] + step < stop[rows]]
    return best_iou, best_truth


def _first_of_each(best_truth: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    # bool (N,): the first candidate, thus the one of the best score, of each truth
    rows = np.flatnonzero(candidates)
    first = np.unique(best_truth[rows], return_index=True)[1]
    right = np.zeros(len(best_truth), bool)
    right[rows[first]] = True
    return right


def _envelope(precision: np.ndarray) -> np.ndarray:
    # (K,): the best precision here or at any higher recall
    return np.maximum.accumulate(precision[::-1])[::-1]
