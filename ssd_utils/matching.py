"""Which prior learns which object: the matching of SSD."""

from keras import ops

from ssd_utils.boxes import Tensor, centers_to_corners, iou

POSITIVE_IOU = 0.5  # the paper, sec. 2.2, "matching strategy"
NUM_PROPOSALS = 16  # ours: priors that an object may ask for before all are looked at


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
