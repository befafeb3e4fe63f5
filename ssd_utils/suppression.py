"""From raw predictions to detections: the best candidates, non-maximum suppression."""

import math

from keras import ops

from base.compiled import compiled
from base.constants import MIN_SCORE, NMS_IOU, TOP_K
from ssd_utils.boxes import Tensor, area, batched_gather, decode, iou

NUM_CANDIDATES = 1000  # ours: best (prior, class) pairs that enter the suppression
# ours: images with no more of them over the threshold are done in a third to half of
# the time; docs/performance.md, "Decoding and suppression"
FEW_PRIORS = 256


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
    scores = ops.where(area(boxes) > 0, scores, ops.zeros_like(scores))
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
