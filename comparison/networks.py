"""The networks compared: what they find in a split, what they cost, how fast they are.

Detections are kept beside the weights or the exported file, so that a comparison that
grows scores only what is new.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from base.constants import MIN_SCORE
from base.errors import UserError
from base.files import atomic_write
from comparison.entries import Entry, make_entries
from comparison.exports import Compared, Export
from comparison.intervals import draw_images
from comparison.scores import Detected, score
from data import Batches, Dataset, report_unreadable
from evaluation import race
from evaluation.cost import count_gflops
from inference.dataset import evaluate_detector
from inference.detector import InferenceModel
from inference.runtimes import files_of, size_of
from inference.runtimes.keras_file import KerasModel

BATCH_SIZE = 8  # evaluate.py's default


@dataclass
class ComparedModel:
    """A detector with its file.

    cost: parameters in M and GFLOPs, nan where the file does not tell; the file in MB.
    """

    path: Path
    model: InferenceModel
    cost: dict[str, float]


def load(compared: Compared, dataset: Dataset) -> ComparedModel:
    """An exported file, or the weights of a run that are fair to score on the split.

    UserError where its classes are not those of the data set.
    """
    path, parameters, gflops = compared.weights(dataset.split), np.nan, np.nan
    if isinstance(compared, Export):
        model = compared.network
    else:
        model = KerasModel(path, MIN_SCORE)
        parameters, gflops = model.folded.count_params(), count_gflops(model.folded)
    if model.class_names != dataset.class_names:
        raise UserError(
            f"{path}: expected the classes {', '.join(dataset.class_names)}. "
            f"Received: {', '.join(model.class_names)}; compare runs of one data set."
        )
    cost = {"parameters_m": parameters / 1e6, "gflops": gflops}
    return ComparedModel(path, model, cost | {"weights_mb": size_of(path) / 1e6})


def readable(dataset: Dataset) -> Dataset:
    """The images that can be read; the others are told and scored for nobody."""
    broken = set()
    for sample in dataset.samples:
        try:
            sample.read_image()
        except UserError:
            broken.add(sample.path)
    report_unreadable(broken)
    samples = [p for p in dataset.samples if p.path not in broken]
    return replace(dataset, samples=samples)


def detect(network: ComparedModel, dataset: Dataset) -> Detected:
    """What a network finds in each image of a readable split."""
    content = hashlib.sha256(dataset.fingerprint().encode())
    for path in files_of(network.path):
        content.update(path.read_bytes())
    key = content.hexdigest()
    stem = network.path.name.removesuffix(".weights.h5")
    kept = network.path.with_name(f"{stem}.{dataset.split}.detections.npz")
    if (found := _read(kept, key)) is None:
        batches = Batches(dataset, BATCH_SIZE, augmented=False)
        _, detections, losses = evaluate_detector(network.model, batches)
        found = detections, losses.get("val_acc", np.nan)
        _write(kept, key, *found)
    return Detected(*found, network.model.metadata.threshold)


def _read(path: Path, key: str) -> tuple[list[np.ndarray], float] | None:
    """What `_write` kept, None where it is of other weights or images."""
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
    arrays = {"lengths": [len(part) for part in rows], "rows": np.concatenate(rows)}
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, key=key, val_acc=val_acc, **arrays)


def measure_speed(
    networks: Sequence[ComparedModel], dataset: Dataset, rounds: int
) -> list[dict[str, float]]:
    """Figures of `measure_fps`: fps in batches of 8, latencies of one image."""
    # each is traced for two sizes of batch, which TensorFlow would warn of
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    predict = [network.model for network in networks]
    images, _ = Batches(dataset, BATCH_SIZE, augmented=False).batch(0, 0)
    ones = race(predict, 1, rounds, images)
    many = race(predict, BATCH_SIZE, rounds, images)
    return [
        {key: (one if "latency" in key else eight)[key] for key in one}
        for one, eight in zip(ones, many, strict=True)
    ]


def compare(compared: Sequence[Compared], dataset: Dataset, rounds: int) -> list[Entry]:
    """The entries of runs and exports, scored on a readable data set, best first.

    Each is timed `rounds` times, its first seed for all; 0: none is.
    """
    networks = [load(each, dataset) for each in compared]
    scores = []
    for network in networks:
        detected = detect(network, dataset)
        scores.append(score(detected, dataset.samples, dataset.class_names))
        print(f"  {network.path}: mAP50 {scores[-1].mAP50:.3f}", flush=True)
    entries = make_entries(compared, scores, draw_images(len(dataset)))
    firsts = [networks[compared.index(entry.runs[0])] for entry in entries]
    for entry, network in zip(entries, firsts, strict=True):
        entry.cost = network.cost
    if rounds:
        print(f"timing {len(firsts)} models in {rounds} rounds ...", flush=True)
        speeds = measure_speed(firsts, dataset, rounds)
        for entry, speed in zip(entries, speeds, strict=True):
            entry.speed = speed
    return entries
