"""The networks of runs: what they find in a split, what they cost, how fast they are.

A run's detections are kept beside its weights, so that a comparison that grows scores
only what is new.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from base.files import written
from comparison.entries import Entry, make_entries
from comparison.intervals import draw_pictures
from comparison.runs import Run
from comparison.scores import Detected, score
from data import Dataset, tell_broken
from evaluation import race
from models import weights
from models.cost import count_gflops
from training.validation import Validation

BATCH_SIZE = 8  # evaluate.py's default


@dataclass
class Network:
    """A run's detector, normalisation folded, and what it is called for."""

    path: Path
    check: Validation
    threshold: float
    cost: dict[str, float]  # parameters in M, GFLOPs, weights file in MB


def load(run: Run, dataset: Dataset) -> Network:
    """The network of a run's weights that are fair to score on the data set's split.

    ValueError where its classes are not those of the data set.
    """
    path = run.weights(dataset.split)
    model, description = weights.load(path)
    if description.class_names != dataset.class_names:
        raise ValueError(
            f"{path}: expected the classes {', '.join(dataset.class_names)}. Received: "
            f"{', '.join(description.class_names)}; compare runs of one data set."
        )
    architecture = description.architecture
    plain = weights.fold(model, architecture)
    cost = {
        "parameters_m": plain.count_params() / 1e6,
        "gflops": count_gflops(plain),
        "weights_mb": path.stat().st_size / 1e6,
    }
    check = Validation(plain, architecture.plain(), dataset, BATCH_SIZE)
    return Network(path, check, description.threshold, cost)


def readable(dataset: Dataset) -> Dataset:
    """The pictures that can be read; the others are told and scored for nobody."""
    broken = set()
    for picture in dataset.pictures:
        try:
            picture.pixels()
        except ValueError:
            broken.add(picture.path)
    tell_broken(broken)
    pictures = [p for p in dataset.pictures if p.path not in broken]
    return replace(dataset, pictures=pictures)


def detect(network: Network, dataset: Dataset) -> Detected:
    """What a network finds in each picture of a readable split."""
    content = hashlib.sha256(network.path.read_bytes())
    content.update(dataset.fingerprint().encode())
    key = content.hexdigest()
    stem = network.path.name.removesuffix(".weights.h5")
    kept = network.path.with_name(f"{stem}.{dataset.split}.detections.npz")
    if (found := _read(kept, key)) is None:
        figures, _, _ = network.check()
        found = network.check.detections, figures["val_acc"]
        _write(kept, key, *found)
    return Detected(*found, network.threshold)


def _read(path: Path, key: str) -> tuple[list[np.ndarray], float] | None:
    """What `_write` kept, None where it is of other weights or pictures."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["key"]) != key:
                return None
            ends = np.cumsum(file["lengths"])[:-1]
            return np.split(file["rows"], ends), float(file["val_acc"])
    except (OSError, KeyError, ValueError):
        return None


def _write(path: Path, key: str, found: list[np.ndarray], val_acc: float) -> None:
    rows = [np.asarray(d)[np.asarray(d)[:, 0] > 0] for d in found]  # without padding
    lengths = [len(part) for part in rows]
    with written(path) as temporary, temporary.open("wb") as file:
        np.savez(
            *(file,),
            key=key,
            lengths=lengths,
            rows=np.concatenate(rows),
            val_acc=val_acc,
        )


def measure_speed(networks: Sequence[Network], rounds: int) -> list[dict[str, float]]:
    """Figures of `measure_fps`: fps in batches of 8, latencies of one picture."""
    # each is traced for two sizes of batch, which TensorFlow would warn of
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    predict = [network.check.predictor.predict_on_batch for network in networks]
    images, _ = networks[0].check.batches.batch(0, 0)
    ones = race(predict, 1, rounds, images)
    many = race(predict, BATCH_SIZE, rounds, images)
    return [
        {key: (one if "latency" in key else eight)[key] for key in one}
        for one, eight in zip(ones, many, strict=True)
    ]


def compare(runs: Sequence[Run], dataset: Dataset, rounds: int) -> list[Entry]:
    """The entries of runs, scored on a readable data set, best mAP50 first.

    Each is timed `rounds` times, its first seed for all; 0: none is.
    """
    networks = {run.folder: load(run, dataset) for run in runs}
    scores = []
    for run in runs:
        detected = detect(networks[run.folder], dataset)
        scores.append(score(detected, dataset.pictures, dataset.class_names))
        print(f"  {run.folder}: mAP50 {scores[-1].mAP50:.3f}", flush=True)
    entries = make_entries(runs, scores, draw_pictures(len(dataset)))
    firsts = [networks[entry.runs[0].folder] for entry in entries]
    for entry, network in zip(entries, firsts, strict=True):
        entry.cost = network.cost
    if rounds:
        print(f"timing {len(firsts)} models in {rounds} rounds ...", flush=True)
        for entry, speed in zip(entries, measure_speed(firsts, rounds), strict=True):
            entry.speed = speed
    return entries
