"""The geometry of SSD: priors, IoU, encoding, matching, non-maximum suppression.

Liu et al., "SSD: Single Shot MultiBox Detector", 2016, https://arxiv.org/abs/1512.02325;
"the paper" below. Everything on tensors is written in keras.ops and runs unchanged on
TensorFlow, JAX and PyTorch.

Letters of the shape comments: B images of a batch, M rows of ground truth of a
image, P priors, C classes with the background, N candidate boxes, K detections.

Boxes are corners (xmin, ymin, xmax, ymax) in 0..1 of the image; priors are centers
(cx, cy, width, height) in the same unit.
"""

import math
from typing import Any, TypeAlias

import numpy as np  # noqa: F401, for the examples
from keras import ops

from base.compiled import compiled

# a reader looks for all of SSD's geometry here; base/ has what needs no Keras
from base.constants import IMAGE_SIZE, MIN_SCORE, NMS_IOU, TOP_K  # noqa: F401
from base.priors import LAYOUTS, MAP_SIZES, PriorLayout, make_priors  # noqa: F401

Tensor: TypeAlias = Any  # a tensor of the Keras backend, or a numpy array

VARIANCES = (0.1, 0.1, 0.2, 0.2)  # weiliu89/caffe ssd_pascal.py, prior_variance
POSITIVE_IOU = 0.5  # the paper, sec. 2.2, "matching strategy"
NUM_CANDIDATES = 1000  # ours: best (prior, class) pairs that enter the suppression
# ours: images with no more of them over the threshold are done in a third to half of
# the time; docs/performance.md, "Decoding and suppression"
FEW_PRIORS = 256
NUM_PROPOSALS = 16  # ours: priors that an object may ask for before all are looked at
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
    union = _area(a) + _area(b) - overlap
    return overlap / ops.maximum(union, EPSILON)


def _area(boxes: Tensor) -> Tensor:
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


def match(truth: Tensor, priors: Tensor) -> tuple[Tensor, Tensor]:
    """Which object each prior stands for: matches (B, P), positives (B, P) bool.

    `truth` is float32 (B, M, 5): corners and the class index, rows of class 0 are
    padding; `priors` (P, 4). `matches` holds the row of the truth with the greatest
    IoU. The paper, sec. 2.2: each object first gets a prior of its own, the pairs of
    greatest IoU being served first, so that none is lost where two want the same; then
    every prior is positive whose IoU with an object is above 0.5.
    """
    real = truth[..., 4:] > 0  # (B, M, 1)
    boxes = ops.where(real, truth[..., :4], ops.zeros_like(truth[..., :4]))
    num_objects, num_priors = truth.shape[1], priors.shape[0]
    few = min(num_objects, NUM_PROPOSALS)
    size = max(int((num_priors / few) ** 0.5), 1)  # see _candidate_priors
    corners = centers_to_corners(priors)
    corners = ops.pad(corners, ((0, -num_priors % size), (0, 0)))
    overlaps = iou(boxes, corners)  # (B, M, P padded)

    def own_priors(num_proposals: int) -> Tensor:
        values, candidates = _candidate_priors(
            overlaps, boxes, corners, size, num_proposals
        )
        own, are_too_few = _own_priors(values, candidates, num_priors)  # (B, M), ()
        if (
            num_proposals >= num_objects
        ):  # no object is rejected by more than M - 1 priors
            return own
        more = min(4 * num_proposals, num_objects)
        return ops.cond(are_too_few, lambda: own_priors(more), lambda: own)

    own = own_priors(few)  # (B, M)
    owners = _owners(own, num_priors)  # (B, P)
    matches = ops.cast(ops.argmax(overlaps, axis=1), "int32")[:, :num_priors]
    matches = ops.where(owners >= 0, owners, matches)
    positives = ops.max(overlaps, axis=1)[:, :num_priors] > POSITIVE_IOU
    return matches, positives | (owners >= 0)


def _candidate_priors(
    overlaps: Tensor, boxes: Tensor, corners: Tensor, size: int, num_proposals: int
) -> tuple[Tensor, Tensor]:
    """IoU and index (B, M, K) of each object's best priors, from the best on.

    K is `num_proposals`, or P where there are fewer. Of equal ones the first comes
    first. What is among the K greatest lies in one of the K groups of greatest
    maximum: with groups of `size` neighbours, sqrt(P / K), least is sorted. Their IoUs
    are computed once more: with `overlaps` (B, M, P) only reduced, a compiler need not
    write it to memory.
    """
    num_objects, num_priors = overlaps.shape[1:]
    num_groups = num_priors // size
    count = min(num_proposals, num_groups)
    shape = (-1, num_objects, num_groups, size)
    maxima = ops.max(ops.reshape(overlaps, shape), axis=-1)  # (B, M, G)
    _, chosen = ops.top_k(maxima, count)
    chosen = ops.sort(ops.cast(chosen, "int32"), axis=-1)  # (B, M, count)
    flat = (-1, num_objects, count * size)
    columns = chosen[..., None] * size + ops.arange(size, dtype="int32")
    columns = ops.reshape(columns, flat)
    members = ops.take(ops.reshape(corners, (num_groups, size, 4)), chosen, axis=0)
    members = ops.reshape(members, (*flat, 4))
    values = iou(boxes[..., None, :], members)[..., 0, :]  # (B, M, count * S)
    values, at = ops.top_k(values, min(num_proposals, count * size))  # (B, M, K)
    return values, ops.take_along_axis(columns, ops.cast(at, "int32"), axis=2)


def _own_priors(
    values: Tensor, candidates: Tensor, num_priors: int
) -> tuple[Tensor, Tensor]:
    """Index (B, M) of the prior that belongs to each object, -1 where it overlaps none.

    And whether an object was rejected by all its K candidates.
    `values` and `candidates` (B, M, K) are IoUs, falling, and priors. Serving pairs in
    the order of their IoU is the stable matching of objects and priors; deferred
    acceptance finds it (Gale & Shapley, 1962). In each round every object proposes to
    the best prior that has not rejected it; of the proposals to one prior all but the
    one of greatest IoU are rejected, of equal ones the first stays. A few rounds do for
    real images; the loop ends when none is rejected.
    """
    num_proposals = values.shape[-1]
    last = ops.zeros_like(values[..., :1])  # rejected by all: no more proposals
    values = ops.concatenate([values, last], axis=-1)  # (B, M, K + 1)
    candidates = ops.concatenate([candidates, ops.cast(last, "int32")], axis=-1)
    num_images, num_objects = ops.shape(values)[0], values.shape[1]
    num_places = num_images * (num_priors + 1)
    first_place = ops.arange(num_images, dtype="int32")[:, None] * (num_priors + 1)
    ranks = ops.arange(num_objects, 0, -1, dtype="int32")  # (M,): the first has most

    def greatest(numbers: Tensor, places: Tensor) -> Tensor:
        # (B, M): the greatest of the numbers that are proposed to its place
        flat = ops.reshape(places, (-1,))
        found = ops.segment_max(ops.reshape(numbers, (-1,)), flat, num_places)
        return ops.take(found, places)

    def propose(at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        at = at[..., None]
        proposal = ops.take_along_axis(candidates, at, axis=2)[..., 0]  # (B, M)
        value = ops.take_along_axis(values, at, axis=2)[..., 0]
        places = first_place + proposal
        is_best = value == greatest(value, places)
        rank = ops.where(is_best, ranks, ops.zeros_like(proposal))
        proposes = value > 0
        return proposal, proposes, proposes & (rank < greatest(rank, places))

    def next_round(at: Tensor, rejected: Tensor) -> tuple[Tensor, Tensor]:
        at = at + ops.cast(rejected, "int32")
        return at, propose(at)[2]

    at = ops.zeros_like(candidates[..., 0])  # (B, M): each object's present candidate
    first = (at, propose(at)[2])
    at, _ = ops.while_loop(lambda _, rejected: ops.any(rejected), next_round, first)
    proposal, proposes, _ = propose(at)
    own = ops.where(proposes, proposal, -ops.ones_like(proposal))
    return own, ops.any(at == num_proposals)


def _owners(own: Tensor, num_priors: int) -> Tensor:
    """Row (B, P) of the object whose own prior each one is, -1 where it is nobody's."""
    num_images, num_objects = ops.shape(own)[0], own.shape[1]
    own = ops.where(own < 0, num_priors, own)  # of nobody: a column more, cut off
    images = ops.arange(num_images, dtype="int32")[:, None] + 0 * own  # (B, M)
    places = ops.stack([images, own], axis=-1)  # (B, M, 2)
    rows = ops.arange(1, num_objects + 1, dtype="int32") + 0 * own  # (B, M)
    owners = ops.scatter(places, rows, (num_images, num_priors + 1))
    return owners[:, :-1] - 1


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


def suppress(
    boxes: Tensor, scores: Tensor, class_ids: Tensor, iou_threshold: float = NMS_IOU
) -> Tensor:
    """Non-maximum suppression per class: mask (B, N) of the boxes that stay.

    `boxes` (B, N, 4), `scores` (B, N) sorted from high to low (scores of 0 never stay),
    `class_ids` (B, N). A box goes when a box before it that stays has the same class
    and an IoU above the threshold. Instead of walking box by box, the rule is applied
    to all boxes at once until nothing changes: after n rounds the first n are final,
    and a handful of rounds settles all of them.
    """
    num_boxes = boxes.shape[1]
    overlaps = iou(boxes, boxes)  # (B, N, N)
    same_class = class_ids[:, :, None] == class_ids[:, None, :]
    before = ops.tri(num_boxes, k=-1, dtype="bool")  # (N, N): column before row
    suppresses = (overlaps > iou_threshold) & same_class & before  # (B, N, N)
    alive = ops.greater(scores, 0)  # (B, N)

    def apply_rule(stay: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        new = alive & ~ops.any(suppresses & stay[:, None, :], axis=2)
        return new, ops.any(new != stay)

    first = (alive, ops.any(alive))
    stay, _ = ops.while_loop(lambda _, is_changed: is_changed, apply_rule, first)
    return stay


def detect(
    predictions: Tensor,
    priors: Tensor,
    score_threshold: float = MIN_SCORE,
    top_k: int = TOP_K,
) -> Tensor:
    """Detections (B, K, 6) of raw predictions (B, P, 4 + C), sorted by score.

    A detection is class index, score, corners clipped to 0..1; rows of zeros pad the
    end. Scores under `score_threshold` are dropped (the paper, sec. 2.2: 0.01);
    the `NUM_CANDIDATES` best (prior, class) pairs enter the suppression.
    """
    predictions = ops.cast(predictions, "float32")
    offsets, logits = predictions[..., :4], predictions[..., 4:]
    num_priors, num_classes = logits.shape[1], logits.shape[2] - 1
    top_k = min(top_k, NUM_CANDIDATES, num_priors * num_classes)

    def detect_all() -> Tensor:
        rows = candidates(offsets, logits, priors, score_threshold)
        return _suppressed(*rows, top_k)

    if num_priors <= FEW_PRIORS:
        return detect_all()
    at, scores, are_all = _promising_priors(logits, score_threshold)

    def detect_few() -> Tensor:
        rows = _best_pairs(offsets, priors, at, scores, FEW_PRIORS, score_threshold)
        found = _suppressed(*rows, min(top_k, FEW_PRIORS))
        return ops.pad(found, ((0, 0), (0, top_k - found.shape[1]), (0, 0)))

    return ops.cond(are_all, detect_few, detect_all)


def _suppressed(boxes: Tensor, scores: Tensor, class_ids: Tensor, top_k: int) -> Tensor:
    """Detections (B, K, 6) of candidates."""
    stay = compiled(suppress, jit_compile=True)(boxes, scores, class_ids)
    scores = ops.where(stay, scores, ops.zeros_like(scores))
    return top_k_detections(boxes, scores, class_ids, top_k)


def _promising_priors(
    logits: Tensor, score_threshold: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The `FEW_PRIORS` priors (B, M) that stand out most, their scores (B, M, C - 1),
    and whether every pair of `score_threshold` or more is among M best of them.

    A class's softmax is at most sigmoid(its logit - the background's), so a prior whose
    largest difference is below logit(threshold) has no such pair; no softmax of all
    priors is needed to know.
    """
    margins = ops.max(logits[..., 1:], axis=-1) - logits[..., 0]  # (B, P)
    threshold = min(max(score_threshold, 1e-12), 1 - 1e-6)
    least = math.log(threshold / (1 - threshold)) - 1e-3  # room for rounding
    num_priors = ops.sum(ops.cast(margins >= least, "int32"), axis=1)  # (B,)
    _, at = ops.top_k(margins, FEW_PRIORS)
    at = ops.cast(at, "int32")
    scores = ops.softmax(batched_gather(logits, at), axis=-1)[..., 1:]
    num_pairs = ops.sum(ops.cast(scores >= score_threshold, "int32"), axis=(1, 2))
    return at, scores, ops.all(ops.maximum(num_priors, num_pairs) <= FEW_PRIORS)


def candidates(
    offsets: Tensor, logits: Tensor, priors: Tensor, score_threshold: float
) -> tuple[Tensor, Tensor, Tensor]:
    """What enters the suppression: boxes (B, N, 4), scores (B, N), class_ids (B, N).

    The `NUM_CANDIDATES` best (prior, class) pairs of `offsets` (B, P, 4) and `logits`
    (B, P, C), by score from high to low; scores under `score_threshold` are 0.
    """
    scores = ops.softmax(logits, axis=-1)[..., 1:]  # (B, P, C - 1)
    num_priors, num_classes = scores.shape[1:]
    # the N best pairs lie at the N priors that have the best ones
    _, at = ops.top_k(ops.max(scores, axis=-1), min(NUM_CANDIDATES, num_priors))
    at = ops.cast(at, "int32")
    scores = batched_gather(scores, at)
    num_pairs = min(NUM_CANDIDATES, at.shape[1] * num_classes)
    return _best_pairs(offsets, priors, at, scores, num_pairs, score_threshold)


def _best_pairs(
    offsets: Tensor,
    priors: Tensor,
    at: Tensor,
    scores: Tensor,
    num_pairs: int,
    score_threshold: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The `num_pairs` best of the priors `at` (B, M) and their `scores` (B, M, C - 1),
    as `candidates`."""
    num_classes = scores.shape[2]
    scores = ops.reshape(scores, (-1, at.shape[1] * num_classes))
    scores, pairs = ops.top_k(scores, num_pairs)  # (B, N)
    scores = ops.where(scores >= score_threshold, scores, ops.zeros_like(scores))
    pairs = ops.cast(pairs, "int32")
    class_ids = pairs % num_classes + 1
    at = ops.take_along_axis(at, pairs // num_classes, axis=1)
    boxes = decode(
        batched_gather(offsets, at), ops.take(priors, at, axis=0)
    )  # (B, N, 4)
    boxes = ops.clip(boxes, 0.0, 1.0)
    # what lies outside the image is left without area
    scores = ops.where(_area(boxes) > 0, scores, ops.zeros_like(scores))
    return boxes, scores, class_ids


def top_k_detections(
    boxes: Tensor, scores: Tensor, class_ids: Tensor, top_k: int
) -> Tensor:
    """The `top_k` rows of highest score as (B, K, 6), zeros where the score is 0."""
    scores, rows = ops.top_k(scores, min(top_k, scores.shape[1]))  # (B, K)
    class_ids = ops.take_along_axis(ops.cast(class_ids, "float32"), rows, axis=1)
    boxes = ops.take_along_axis(boxes, rows[..., None], axis=1)
    table = ops.concatenate([class_ids[..., None], scores[..., None], boxes], axis=-1)
    return ops.where(scores[..., None] > 0, table, ops.zeros_like(table))
