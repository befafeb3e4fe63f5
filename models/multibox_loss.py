"""The loss of SSD: smooth L1 on offsets, cross-entropy with hard negatives.

Liu et al., "SSD: Single Shot MultiBox Detector", 2016, sec. 2.2, eq. 1 and 2.
"""

from keras import ops

from ssd_utils import Tensor, encode, match

NEGATIVE_RATIO = 3  # the paper, sec. 2.2, "hard negative mining": at most 3:1
# ours: a picture without objects teaches the background with as many as one object
MIN_NEGATIVES = 3


def multibox_loss(
    predictions: Tensor,
    truth: Tensor,
    priors: Tensor,
    normaliser: Tensor | None = None,
) -> dict[str, Tensor]:
    """The loss and its parts, float32 scalars by name.

    `predictions` (B, P, 4 + C), `truth` float32 (B, M, 5) padded by rows of class 0,
    `priors` (P, 4). Keys: `loss`, its parts `box_loss` and `class_loss`, each divided
    by the number of positive priors of the batch (at least 1), and `acc`, the share of
    scored priors, positives and mined negatives, whose class is right. `num_positives`
    (at least 1) and `num_scored` are what means over several batches weigh them by.
    """
    predictions = ops.cast(predictions, "float32")
    truth = ops.cast(truth, "float32")
    offsets, logits = predictions[..., :4], predictions[..., 4:]
    matches, positives = match(truth, priors)  # (B, P)
    matched = ops.take_along_axis(truth, matches[..., None], axis=1)  # (B, P, 5)
    class_ids = ops.where(positives, matched[..., 4], 0.0 * matched[..., 4])
    class_ids = ops.cast(class_ids, "int32")  # (B, P)

    surprise = _cross_entropy(logits, class_ids)  # (B, P)
    negatives = _hard_negatives(ops.stop_gradient(surprise), positives)
    scored = ops.cast(positives | negatives, "float32")  # (B, P)
    wanted = encode(matched[..., :4], priors)
    distance = ops.sum(_smooth_l1(offsets - wanted), axis=-1)  # (B, P)
    distance = ops.where(positives, distance, ops.zeros_like(distance))

    num_positives = ops.sum(ops.cast(positives, "float32"))
    num_positives = ops.maximum(num_positives, 1.0)
    normaliser = num_positives if normaliser is None else normaliser
    box_loss = ops.sum(distance) / normaliser
    class_loss = ops.sum(surprise * scored) / normaliser
    right = ops.cast(ops.argmax(logits, axis=-1), "int32") == class_ids
    num_scored = ops.sum(scored)
    return {
        "loss": box_loss + class_loss,
        "box_loss": box_loss,
        "class_loss": class_loss,
        "acc": ops.sum(ops.cast(right, "float32") * scored) / num_scored,
        "num_positives": num_positives,
        "num_scored": num_scored,
    }


def _cross_entropy(logits: Tensor, class_ids: Tensor) -> Tensor:
    """-log softmax of the right class, (B, P)."""
    log_scores = ops.log_softmax(logits, axis=-1)  # (B, P, C)
    return -ops.take_along_axis(log_scores, class_ids[..., None], axis=-1)[..., 0]


def _smooth_l1(distance: Tensor) -> Tensor:
    """Girshick, "Fast R-CNN", 2015, eq. 3."""
    distance = ops.abs(distance)
    return ops.where(distance < 1.0, 0.5 * distance * distance, distance - 0.5)


def _hard_negatives(surprise: Tensor, positives: Tensor) -> Tensor:
    """Mask (B, P) of the negatives of greatest loss, 3 for each positive."""
    num_positives = ops.sum(ops.cast(positives, "int32"), axis=1, keepdims=True)
    wanted = ops.maximum(NEGATIVE_RATIO * num_positives, MIN_NEGATIVES)  # (B, 1)
    hardness = ops.where(positives, -ops.ones_like(surprise), surprise)
    order = ops.argsort(-hardness, axis=1)
    ranks = ops.argsort(order, axis=1)  # (B, P)
    return (ops.cast(ranks, "int32") < wanted) & ~positives
