"""How a training that does not learn is noticed, and what is advised."""

from collections.abc import Sequence
from enum import Enum

import numpy as np

from base.boxes import iou
from evaluation.average_precision import MATCH_IOU
from models import Architecture
from models.weights.hub import DEFAULT_BACKBONE
from training import FINE_TUNING, RATES, TrainingConfig
from training.monitoring.validation import Evaluator
from training.runs import best_row

# ours: two rows of docs/results/learning.csv are below at a third of their time, which
# end at 0.09 and, at four times the default rate, 0.45; the next is at 0.07 and ends at
# 0.33
STUCK_FROM, STUCK_BELOW = 1 / 3, 0.05
STUCK = "{progress:.0%} of the training is over and {problem}. {tries}."
LOOK = "Look at train_batch.jpg: are the boxes where the objects are? Then try"


class Problem(Enum):
    """What is wrong with a training, in words."""

    DEAD = (
        "a fifth or more of the predictions are the same whatever is in the images: a "
        "layer is dead"
    )
    NOTHING = "next to nothing is detected"
    SAME_BOX = "nearly all images get the same box, whatever is in them"


# ours: how far predictions may differ that are the same, and the share of the priors,
# from the last one on, whose are. The last five of the six maps have a third of them
EQUAL, DEAD_SHARE = 1e-4, 0.2
# ours: images from which on their sameness tells something, the share of them, and
# how far apart corners in 0..1 may lie to be the same
SAME_FROM, SAME_SHARE, SAME_PLACE = 8, 0.9, 0.02


def diagnose(history: list[dict], check: Evaluator, progress: float) -> Problem | None:
    """What is wrong with a training `progress` 0..1 over.

    check: has just been called. The first epoch does not count.
    """
    if progress < STUCK_FROM or len(history) < 2:
        return None
    if dead_prior_share(check.first_predictions(SAME_FROM)) >= DEAD_SHARE:
        return Problem.DEAD
    if best_row(history)["mAP50"] < STUCK_BELOW:
        return Problem.NOTHING
    truths = [sample.truth for sample in check.samples]
    if ignores_input(check.detections, truths):
        return Problem.SAME_BOX
    return None


def advice(
    problem: Problem,
    progress: float,
    settings: TrainingConfig,
    architecture: Architecture,
) -> str:
    """What a person who trains something stuck may try, the likeliest first.

    Without normalisation the neck `light` hardly learned photographs. At its default
    the rate comes last: from scratch a quarter of it ends clearly lower on four of the
    five data sets of docs/results/options.md. A dead layer takes a new beginning;
    whether it dies differs from seed to seed there.
    """
    begin = LOOK
    tries = ["more time"]
    if start := _start_of(architecture):
        tries.insert(0, f"{start} where it began from nothing")
    if problem is Problem.DEAD:
        begin, tries = "Begin anew with", ["another --seed"]
    if other := settings.other_rate:
        usual = {1.0, *(factor for factor, _ in FINE_TUNING.values())}
        is_default = settings.lr / RATES[settings.optimiser] in usual
        at = len(tries) if is_default else 0
        tries.insert(at, f"--lr {other:g} in place of {settings.lr:g}")
    if architecture.norm == "none":
        tries.insert(0, "--norm batch")
    *others, last = tries
    tries = f"{begin} {' or '.join(filter(None, [', '.join(others), last]))}"
    return STUCK.format(problem=problem.value, progress=progress, tries=tries)


def _start_of(architecture: Architecture) -> str | None:
    """The option that starts its backbone from published weights, if there are any."""
    if architecture.backbone == DEFAULT_BACKBONE:
        return "the default --weights"
    return "--weights imagenet" if architecture.definition.has_imagenet else None


def dead_prior_share(predictions: np.ndarray) -> float:
    """The share of the priors, counted from the last, that don't see the image.

    Their `predictions` (N, P, 4 + C), of different images, are the same in all N. The
    maps of the priors come one behind the other, so a layer whose channels are all 0,
    as ReLUs can become for good, blinds those of all maps behind it. Only from the last
    on: a small cell far from all objects may well see the same in many images.
    """
    if len(predictions) < 2:
        return 0.0
    sees = (np.ptp(predictions, axis=0) > EQUAL).any(axis=-1)  # (P,)
    return float(sees[::-1].argmax() / len(sees)) if sees.any() else 1.0


def ignores_input(
    detections: Sequence[np.ndarray], truths: Sequence[np.ndarray]
) -> bool:
    """Whether SAME_SHARE of the images have the same best box, but fewer a right one.

    One array per image: `detections` (K, 6), `truths` (M, 5), as in evaluation. Only
    images with objects count.

    A network whose features no longer depend on the image, after a much too high
    rate, finds the one box that fits most images: among large objects in the middle
    it scores far above 0 with it (benchmarks/accuracy/constant_baseline.py). Where the
    box is right nearly always, as under a fixed camera, that is no fault.
    """
    pairs = zip(detections, truths, strict=True)
    scored = [(rows, truth) for rows, truth in pairs if len(truth)]
    found = [(r[r[:, 1].argmax()], truth) for r, truth in scored if r[:, 0].any()]
    if len(found) < SAME_FROM:
        return False
    best = np.stack([row for row, _ in found])  # (N, 6)
    away = np.abs(best - np.median(best, axis=0))
    same = (away[:, 2:] <= SAME_PLACE).all(axis=1) & (away[:, 0] == 0)
    if same.sum() < SAME_SHARE * len(scored):
        return False
    right = sum(_is_right(row, truth) for row, truth in found)
    return right < SAME_SHARE * len(scored)


def _is_right(row: np.ndarray, truth: np.ndarray) -> bool:
    """Whether a detection (6,) lies on one of the objects (M, 5) of its class."""
    others = truth[truth[:, 4] == row[0], :4]
    return bool((iou(row[2:], others) >= MATCH_IOU).any())
