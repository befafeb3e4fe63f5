"""The loss of the prior layout `yolox`: cells near an object's centre learn it.

Ge et al., "YOLOX", 2021, sec. 2.1, "SimOTA", a short form of Ge et al., "OTA", 2021;
Megvii-BaseDetection/YOLOX yolo_head.py, get_assignments. Which cells, and how many of
them, depends on what they predict already: the better a cell's box and class, the
sooner it is positive. YOLOX has a sigmoid for objectness and one for each class; here
a softmax over the classes and the background stands for both.
"""

from collections.abc import Sequence

from keras import ops
from keras.utils.bounding_boxes import compute_ciou

from base.compiled import compiled
from ssd_utils import Tensor, batched_gather, decode, iou

CENTRE_RADIUS = 1.5  # yolo_head.py, get_geometry_constraint: strides
STRIDES_OF_SIDE = 0.25  # ssd_utils.LAYOUTS["yolox"]: a prior is 4 strides wide
MAX_POSITIVES = 10  # yolo_head.py, simota_matching: n_candidate_k
IOU_COST = 3.0  # yolo_head.py, get_assignments: weight of -log IoU beside the class's
FAR = 1e6  # yolo_head.py: the cost of a cell that is not near the object's centre
TIE = 1e-4  # ours: costs this close are equal, for XLA rounds one twice in two ways
MAX_OFFSET = 15.0  # ours: exp() stays finite, sides up to 20 times the prior's
CIOU_WEIGHT = 5.0  # ours: as large as smooth L1 when a training begins to detect
EPSILON = 1e-8  # yolo_head.py: of a logarithm
# ours: an object's positives in the mean; the loss is divided by so many for each
# object, a number that is known before a network has seen the batch
POSITIVES_PER_OBJECT = 5.0


def simota_loss(
    predictions: Tensor,
    truth: Tensor,
    priors: Tensor,
    normaliser: Tensor | None = None,
    class_weights: Sequence[float] | None = None,
) -> dict[str, Tensor]:
    """The loss and its parts by name: arguments and keys of `multibox_loss`.

    The class loss is cross-entropy over all priors. A positive's target is its object's
    class by the IoU that its box has already and background by the rest, so a score
    tells how good the box is (yolo_head.py: cls_target times IoU). `acc` is the share
    of right classes among positives and priors that take themselves for an object.
    """
    predictions = ops.cast(predictions, "float32")
    truth = ops.cast(truth, "float32")
    offsets, logits = predictions[..., :4], predictions[..., 4:]
    log_scores = ops.log_softmax(logits, axis=-1)  # (B, P, C)
    boxes = decode(ops.clip(offsets, -MAX_OFFSET, MAX_OFFSET), priors)  # (B, P, 4)
    matches, positives = compiled(match_simota, jit_compile=True)(
        ops.stop_gradient(boxes), ops.stop_gradient(log_scores), truth, priors
    )
    matched = batched_gather(truth, matches)  # (B, P, 5)
    class_ids = ops.cast(ops.where(positives, matched[..., 4], 0.0), "int32")  # (B, P)
    overlaps = iou(boxes[..., None, :], matched[..., None, :4])  # (B, P, 1, 1)
    quality = ops.stop_gradient(overlaps[..., 0, 0])  # (B, P)
    log_score = ops.take_along_axis(log_scores, class_ids[..., None], axis=-1)[..., 0]
    cross_entropy = -ops.where(
        positives, quality * log_score + (1.0 - quality) * log_scores[..., 0], log_score
    )  # (B, P)
    # Zheng et al., "Distance-IoU Loss", 2020, eq. 10
    distance = CIOU_WEIGHT * (1.0 - compute_ciou(boxes, matched[..., :4], "xyxy"))
    distance = ops.where(positives, distance, ops.zeros_like(distance))
    if class_weights is not None:
        weights = ops.take(ops.convert_to_tensor(class_weights, "float32"), class_ids)
        cross_entropy, distance = cross_entropy * weights, distance * weights
    num_positives = ops.maximum(expected_positives(truth), 1.0)
    normaliser = num_positives if normaliser is None else normaliser
    offset_loss = ops.sum(distance) / normaliser
    class_loss = ops.sum(cross_entropy) / normaliser
    found = ops.cast(ops.argmax(logits, axis=-1), "int32")
    scored = ops.cast(positives | (found > 0), "float32")
    num_scored = ops.maximum(ops.sum(scored), 1.0)
    right = ops.cast(found == class_ids, "float32")
    return {
        "loss": offset_loss + class_loss,
        "box_loss": offset_loss,
        "class_loss": class_loss,
        "acc": ops.sum(right * scored) / num_scored,
        "num_positives": num_positives,
        "num_scored": num_scored,
    }


def expected_positives(truth: Tensor, priors: Tensor = None) -> Tensor:
    """What the loss of a batch is divided by, from its truth (B, M, 5) alone.

    `priors` are not looked at; TensorFlow warns of a name that begins with _.
    """
    return POSITIVES_PER_OBJECT * ops.sum(ops.cast(truth[..., 4] > 0, "float32"))


def match_simota(
    boxes: Tensor, log_scores: Tensor, truth: Tensor, priors: Tensor
) -> tuple[Tensor, Tensor]:
    """Which object each prior learns: matches (B, P), positives (B, P) bool.

    `boxes` (B, P, 4) and `log_scores` (B, P, C) are what the network says now, `truth`
    (B, M, 5), `priors` (P, 4). An object takes the k cells near its centre that cost
    least, -log score - 3 log IoU; k is the sum of its ten best IoUs, at least 1. A cell
    that several want goes to the one that it costs least.
    """
    real = truth[..., 4] > 0  # (B, M)
    centers = (truth[..., :2] + truth[..., 2:4]) / 2
    away = ops.abs(centers[:, :, None] - priors[None, None, :, :2])  # (B, M, P, 2)
    reach = CENTRE_RADIUS * STRIDES_OF_SIDE * priors[None, None, :, 2:]
    near = ops.all(away < reach, axis=-1) & real[..., None]  # (B, M, P)
    overlaps = ops.where(near, iou(truth[..., :4], boxes), 0.0)  # (B, M, P)
    class_ids = ops.cast(truth[..., 4], "int32")  # (B, M)
    by_class = ops.transpose(log_scores, (0, 2, 1))  # (B, C, P)
    class_cost = -batched_gather(by_class, class_ids)  # (B, M, P)
    cost = class_cost - IOU_COST * ops.log(overlaps + EPSILON)
    cost = ops.where(near, cost, FAR)
    best, _ = ops.top_k(overlaps, MAX_POSITIVES)  # (B, M, 10)
    count = ops.maximum(ops.cast(ops.sum(best, axis=-1), "int32"), 1)  # (B, M)
    cheapest, _ = ops.top_k(-cost, MAX_POSITIVES)  # (B, M, 10), falling
    limit = -ops.take_along_axis(cheapest, count[..., None] - 1, axis=-1)  # (B, M, 1)
    taken = near & (cost <= limit + TIE)  # (B, M, P)
    cost = ops.where(taken, cost, 2 * FAR)
    matches = ops.cast(ops.argmin(cost, axis=1), "int32")  # (B, P)
    return matches, ops.any(taken, axis=1)
