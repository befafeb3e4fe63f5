"""The loss of SSD: smooth L1 on offsets, cross-entropy with hard negatives.

Liu et al., "SSD: Single Shot MultiBox Detector", 2016, sec. 2.2, eq. 1 and 2.
"""

from collections.abc import Sequence

from keras import ops

from base.compiled import compiled
from ssd_utils import Tensor, batched_gather, encode, match

NEGATIVE_RATIO = 3  # the paper, sec. 2.2, "hard negative mining": at most 3:1
# ours: an image without objects teaches the background with as many as one object
MIN_NEGATIVES = 3


def multibox_loss(
    predictions: Tensor,
    truth: Tensor,
    priors: Tensor,
    normaliser: Tensor | None = None,
    class_weights: Sequence[float] | None = None,
) -> dict[str, Tensor]:
    """The loss and its parts, float32 scalars by name.

    `predictions` (B, P, 4 + C), `truth` float32 (B, M, 5) padded by rows of class 0,
    `priors` (P, 4). Keys: `loss`, its parts `box_loss` and `class_loss`, each divided
    by the number of positive priors of the batch (at least 1), and `acc`, the share of
    scored priors, positives and mined negatives, whose class is right. `num_positives`
    (at least 1) and `num_scored` are what means over several batches weigh them by.

    `normaliser` divides in place of the number of positives; `class_weights`, C
    numbers, multiply what each prior adds.
    """
    predictions = ops.cast(predictions, "float32")
    truth = ops.cast(truth, "float32")
    offsets, logits = predictions[..., :4], predictions[..., 4:]
    matches, positives = compiled(match, jit_compile=True)(truth, priors)  # (B, P)
    matched = batched_gather(truth, matches)  # (B, P, 5)
    class_ids = ops.where(positives, matched[..., 4], 0.0 * matched[..., 4])
    class_ids = ops.cast(class_ids, "int32")  # (B, P)

    cross_entropy = _cross_entropy(logits, class_ids)  # (B, P)
    negatives = _hard_negatives(ops.stop_gradient(cross_entropy), positives)
    scored = ops.cast(positives | negatives, "float32")  # (B, P)
    distance = smooth_l1(offsets, matched[..., :4], priors)  # (B, P)
    distance = ops.where(positives, distance, ops.zeros_like(distance))
    weights = 1.0
    if class_weights is not None:
        weights = ops.convert_to_tensor(class_weights, "float32")
        weights = ops.take(weights, class_ids)  # (B, P)

    num_positives = ops.sum(ops.cast(positives, "float32"))
    num_positives = ops.maximum(num_positives, 1.0)
    normaliser = num_positives if normaliser is None else normaliser
    offset_loss = ops.sum(distance * weights) / normaliser
    class_loss = ops.sum(cross_entropy * scored * weights) / normaliser
    right = ops.cast(ops.argmax(logits, axis=-1), "int32") == class_ids
    num_scored = ops.sum(scored)
    return {
        "loss": offset_loss + class_loss,
        "box_loss": offset_loss,
        "class_loss": class_loss,
        "acc": ops.sum(ops.cast(right, "float32") * scored) / num_scored,
        "num_positives": num_positives,
        "num_scored": num_scored,
    }


def _cross_entropy(logits: Tensor, class_ids: Tensor) -> Tensor:
    """-log softmax of the right class, (B, P)."""
    log_scores = ops.log_softmax(logits, axis=-1)  # (B, P, C)
    return -ops.take_along_axis(log_scores, class_ids[..., None], axis=-1)[..., 0]


def smooth_l1(offsets: Tensor, boxes: Tensor, priors: Tensor) -> Tensor:
    """(B, P) from the boxes' own offsets. Girshick, "Fast R-CNN", 2015, eq. 3."""
    distance = ops.abs(offsets - encode(boxes, priors))
    distance = ops.where(distance < 1.0, 0.5 * distance * distance, distance - 0.5)
    return ops.sum(distance, axis=-1)


def _hard_negatives(cross_entropy: Tensor, positives: Tensor) -> Tensor:
    """Mask (B, P) of the negatives of greatest loss, 3 for each positive."""
    num_positives = ops.sum(ops.cast(positives, "int32"), axis=1, keepdims=True)
    wanted = ops.maximum(NEGATIVE_RATIO * num_positives, MIN_NEGATIVES)  # (B, 1)
    hardness = ops.where(positives, -ops.ones_like(cross_entropy), cross_entropy)
    # one sort and a count: ranks, by two, take twice as long; of equal ones the first
    falling = -ops.sort(-hardness, axis=1)  # (B, P)
    last = ops.minimum(wanted, falling.shape[1]) - 1
    threshold = ops.take_along_axis(falling, last, axis=1)  # (B, 1)
    harder, equal = hardness > threshold, hardness == threshold
    room = wanted - ops.sum(ops.cast(harder, "int32"), axis=1, keepdims=True)
    equal = equal & (ops.cumsum(ops.cast(equal, "int32"), axis=1) <= room)
    return (harder | equal) & ~positives
