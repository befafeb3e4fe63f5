"""A large validation split: a part of it after each epoch, all of it at the end."""

import hashlib
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from data import Dataset, Sample
from models import weights
from training.monitoring.validation import Evaluator
from training.runs import WHOLE, best_row
from training.state import State

SHARE = 0.1  # ours: of the images of an epoch, where that is enough of them
LEAST = 100  # ours: mAP of fewer images says little
# ours: of the images of an epoch. Scoring one takes four tenths of a step on it, so
# these take a tenth of the epoch's time; docs/results/step_cost.md
MOST = 0.25


def scored_part(dataset: Dataset, num_trained: int) -> Dataset:
    """What is scored after each epoch of `num_trained` images: the split, or a part.

    The part is drawn by a hash of the names, so that it is the same in every run and
    after --resume, and grows by new images only.
    """
    count = max(int(SHARE * num_trained), min(round(MOST * num_trained), LEAST), 1)
    if len(dataset) <= count:
        return dataset
    by_hash = sorted(range(len(dataset)), key=lambda i: _hash(dataset.samples[i]))
    samples = [dataset.samples[i] for i in sorted(by_hash[:count])]
    return replace(dataset, samples=samples)


def _hash(sample: Sample) -> bytes:
    name = f"{sample.path.name} {sample.window_px}"
    return hashlib.sha1(name.encode("utf-8", "surrogateescape")).digest()


def describe_part(part: Dataset, dataset: Dataset) -> str:
    """In words what is scored; empty where that is everything."""
    if len(part) == len(dataset):
        return ""
    return (
        f"scored after each epoch: {len(part)} of the {len(dataset)} images of "
        f"{dataset.split}, drawn by their names; at the end all of them"
    )


def score_whole(state: State, dataset: Dataset, folder: Path) -> None:
    """Score last and best weights on all images; rows of the history get the figures.

    The thresholds in the weights files become those of all images.
    """
    settings, last = state.settings, state.history[-1]
    if f"{WHOLE}mAP50" in last:
        return
    check = Evaluator(state.model, state.architecture, dataset, settings.batch_size)
    with state.ema.applied() if state.ema else nullcontext():
        _score(check, last, folder / "last.weights.h5")
    best, path = best_row(state.history), folder / "best.weights.h5"
    if best is not last:
        model, _ = weights.load(path)
        check = Evaluator(model, state.architecture, dataset, settings.batch_size)
        _score(check, best, path)
    else:
        described = weights.read_detector(folder / "last.weights.h5").metadata
        weights.save_threshold(path, described.threshold, described.f1)


def _score(check: Evaluator, row: dict, path: Path) -> None:
    figures, threshold, f1 = check()
    row.update({f"{WHOLE}{name}": value for name, value in figures.items()})
    weights.save_threshold(path, threshold, f1)
