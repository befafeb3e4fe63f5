"""The written file in its own runtime, on images, against the weights file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from base.boxes import iou
from data import Batches
from evaluation import mean_ap, measure_fps
from inference.dataset import evaluate_detector, voc_curves
from inference.detector import InferenceModel
from inference.runtimes import size_of
from reports.tables import text_table

SAME_BOX = 1e-3  # the most a float32 file's box may differ, in 0..1 of the image
SAME_SCORE = 1e-2  # ours: the same for a score; a GPU's TF32 alone changes some 1e-3
PARTNER_IOU = 0.5  # ours: less overlap, and two boxes are not one object's
MEGABYTE = 1e6  # bytes
HEADERS = (
    *("", "mAP50", "boxes differ", "scores differ", "unpaired"),
    *("ms an image", "MB"),
)


@dataclass(frozen=True)
class Difference:
    """Two networks' detections of the same images.

    box, score: the greatest difference between partners, in 0..1. num_compared: so
    many detections of both; num_unpaired: so many of them have no partner.
    """

    box: float
    score: float
    num_compared: int
    num_unpaired: int


@dataclass(frozen=True)
class Figures:
    """One network's: mAP50 in 0..1, milliseconds of one image, bytes of its file."""

    map50: float
    milliseconds: float
    size: int


def prove(
    before: InferenceModel,
    after: InferenceModel,
    batches: Batches,
    paths: Sequence[Path],
) -> tuple[Figures, Figures, Difference]:
    """Figures of two networks, whose files are `paths`, and how they differ.

    Both must give all detections from MIN_SCORE on.
    """
    figures, found = [], []
    for network, path in zip((before, after), paths, strict=True):
        samples, detections, _ = evaluate_detector(network, batches)
        curves = voc_curves(samples, detections, batches.dataset.class_names)
        images, _ = batches.batch(0, 0)
        milliseconds = measure_fps(network, 1, images=images)["latency_ms_p50"]
        found.append(detections)
        figures.append(Figures(mean_ap(curves)["mAP50"], milliseconds, size_of(path)))
    return *figures, difference(*found, after.metadata.threshold)


def difference(
    before: Sequence[np.ndarray], after: Sequence[np.ndarray], threshold: float
) -> Difference:
    """How detections (K, 6) of the same images differ, where a person sees them.

    Each detection of a score from `threshold` on, on either side, has as its partner
    the box of its class with the greatest overlap on the other side, whatever its
    score: one that came to lie under the threshold has a score that differs.
    """
    differences, num_unpaired = [np.zeros((0, 2))], 0
    for rows, others in zip((*before, *after), (*after, *before), strict=True):
        partners, num_alone = _partners(rows[rows[:, 1] >= threshold], others)
        differences.append(partners)
        num_unpaired += num_alone
    table = np.concatenate(differences)  # (N, 2)
    box, score = table.max(axis=0, initial=0.0).tolist()
    return Difference(box, score, len(table) + num_unpaired, num_unpaired)


def _partners(rows: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, int]:
    """Differences (N, 2) in box and score from partners; how many rows have none."""
    if not len(rows):
        return np.zeros((0, 2)), 0
    overlaps = iou(rows[:, None, 2:], others[None, :, 2:])  # (M, P)
    overlaps = overlaps * (rows[:, None, 0] == others[None, :, 0])
    has_partner = overlaps.max(axis=1) >= PARTNER_IOU
    partner = others[overlaps.argmax(axis=1)][has_partner]
    apart = np.abs(rows[has_partner] - partner)
    table = np.stack([apart[:, 2:].max(axis=1), apart[:, 1]], axis=1)
    return table, int((~has_partner).sum())


def table(names: Sequence[str], figures: Sequence[Figures], apart: Difference) -> str:
    """Two rows: the weights file, and what was made of it."""
    unpaired = f"{apart.num_unpaired} of {apart.num_compared}"
    differences = ["", "", ""], [f"{apart.box:.1e}", f"{apart.score:.1e}", unpaired]
    rows = []
    for name, row, cells in zip(names, figures, differences, strict=True):
        cost = [f"{row.milliseconds:.1f}", f"{row.size / MEGABYTE:.2f}"]
        rows.append([name, row.map50, *cells, *cost])
    return text_table(HEADERS, rows)


def faults(
    figures: Sequence[Figures], apart: Difference, precision: str, tolerance: float
) -> list[str]:
    """What is wrong with an export, in words; tolerance: points of mAP50, 0..100."""
    found = []
    points = 100 * (figures[0].map50 - figures[1].map50)
    if not points <= tolerance:  # nan where no object counts
        found.append(f"mAP50 fell by {points:.2f} points, more than {tolerance:g}")
    if precision == "float32" and apart.box > SAME_BOX:
        found.append(f"a box moved by {apart.box:.1e}, more than {SAME_BOX:g}")
    if precision == "float32" and apart.score > SAME_SCORE:
        found.append(f"a score changed by {apart.score:.1e}, more than {SAME_SCORE:g}")
    if precision == "float32" and apart.num_unpaired:
        found.append(f"{apart.num_unpaired} detections have no partner")
    return found
