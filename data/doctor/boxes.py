"""The doctor's checks that need nothing but data sets: quick, no file is opened."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from base.boxes import iou
from base.constants import IMAGE_SIZE
from base.errors import UserError
from data.dataset import Dataset
from data.doctor.findings import Finding, findings

TINY_PX = 4  # ours: half a cell of the finest map, 38x38
SAME_IOU = 0.95  # ours: two annotators' boxes of one object overlap less
FEW_BOXES = 10  # ours: too few to learn or to score a class by
REACH_IOU = 0.5  # SSD paper, sec. 2.2: a prior is positive from here on
UNREACHED = 0.1  # ours: above, the prior layout does not suit the data set
# ours: after a letter; after a digit where none follows
SEPARATORS = re.compile(r"(?<=[^\W\d_])[\s_.-]+|(?<=\d)[\s_.-]+(?!\d)")
CHUNK = 256  # ours: boxes compared with all priors at a time, 18 MB


def check_boxes(datasets: Sequence[Dataset]) -> list[Finding]:
    """Findings about boxes and classes; the first data set is the training split."""
    tiny, twice, empty = [], [], 0
    for dataset in datasets:
        for sample in dataset.samples:
            names = dataset.class_names
            tiny += [f"{sample.path}: {t}" for t in _tiny(sample.truth, names)]
            twice += [f"{sample.path}: {t}" for t in _twice(sample.truth, names)]
            empty += not len(sample.truth)
    text = f"boxes below {TINY_PX} pixels at {IMAGE_SIZE}x{IMAGE_SIZE}"
    found = findings("tiny", "warning", text, tiny)
    found += findings("duplicate", "warning", "boxes annotated twice", twice)
    if empty:
        total = sum(map(len, datasets))
        severity = "warning" if 2 * empty > total else "note"
        found.append(Finding("empty", severity, "images without objects", empty))
    return found + _no_boxes(datasets[0]) + check_classes(datasets)


def _no_boxes(training: Dataset) -> list[Finding]:
    """An error, with the reason that train.py gives too."""
    try:
        training.check_boxes()
    except UserError as error:
        return findings("no-boxes", "error", "nothing to train on", [str(error)])
    return []


def check_classes(datasets: Sequence[Dataset]) -> list[Finding]:
    """Classes that look misspelt, that training lacks, or that are rare."""
    training = datasets[0]
    counts = Counter(training.boxes_per_class())
    total = sum((Counter(d.boxes_per_class()) for d in datasets), Counter())
    absent = [n for n in training.class_names if not counts[n] and total[n]]
    few = [f"{n}: {counts[n]}" for n in counts if 0 < counts[n] < FEW_BOXES]
    return [
        *_misspelt(training.class_names, total),
        *findings("class-absent", "error", "classes without a box in training", absent),
        *findings("class-rare", "warning", f"classes of under {FEW_BOXES} boxes", few),
    ]


def _misspelt(names: Sequence[str], total: Counter) -> list[Finding]:
    same, near = [], []
    for at, name in enumerate(names):
        for other in names[at + 1 :]:
            text = f"{name} ({total[name]}) and {other} ({total[other]})"
            if _letters(name) == _letters(other):
                same.append(text)
            elif get_close_matches(name, [other], cutoff=0.85) and (
                min(total[name], total[other]) < FEW_BOXES
            ):
                near.append(text)
    text = "classes that differ in case, spaces or hyphens only"
    return [
        *findings("class-spelling", "error", text, same),
        *findings("class-similar", "warning", "classes with similar names", near),
    ]


def _letters(name: str) -> str:
    # "C a-t" is "cat"; "~", "-1", "1.5" and "c++" stay
    return SEPARATORS.sub("", name.casefold())


def _tiny(truth: np.ndarray, names: Sequence[str]) -> list[str]:
    sides = (truth[:, 2:4] - truth[:, :2]) * IMAGE_SIZE  # (M, 2)
    rows = np.flatnonzero((sides < TINY_PX).any(axis=1))
    return [
        f"{names[int(truth[row, 4]) - 1]} of {sides[row, 0]:.1f}x{sides[row, 1]:.1f}"
        for row in rows
    ]


def _twice(truth: np.ndarray, names: Sequence[str]) -> list[str]:
    same = iou(truth[:, None, :4], truth[None, :, :4]) > SAME_IOU  # (M, M)
    same &= truth[:, None, 4] == truth[None, :, 4]
    first, second = np.nonzero(np.triu(same, 1))
    return [
        f"{names[int(truth[a, 4]) - 1]}, objects {a + 1} and {b + 1}"
        for a, b in zip(first, second, strict=True)
    ]


def best_overlaps(boxes: np.ndarray, priors: np.ndarray) -> np.ndarray:
    """(M,) the best IoU of boxes (M, 4), corners, with priors (P, 4), centers."""
    half = priors[:, 2:] / 2
    corners = np.concatenate([priors[:, :2] - half, priors[:, :2] + half], axis=1)
    parts = [
        iou(boxes[at : at + CHUNK, None], corners).max(axis=1, initial=0)
        for at in range(0, len(boxes), CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def check_priors(boxes: np.ndarray, priors: np.ndarray) -> list[Finding]:
    """How many of boxes (M, 4), corners 0..1, no prior (P, 4), centers, reaches."""
    missed = best_overlaps(boxes, priors) < REACH_IOU
    share = float(missed.mean()) if len(missed) else 0.0
    severity = "warning" if share > UNREACHED else "note"
    text = f"of {len(boxes)} boxes ({share:.1%}) no prior reaches IoU {REACH_IOU}"
    return [Finding("priors", severity, text, int(missed.sum()))]
