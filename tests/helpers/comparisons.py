"""Models to compare that need no network: each finds the truth with mistakes."""

import json

import cv2
import numpy as np

from comparison.entries import make_entries
from comparison.intervals import draw_images
from comparison.runs import read_run
from comparison.scores import Detected, score
from data import Dataset, Sample

NAMES = ["cat", "dog & <b>cow</b>"]  # a class name is a user's: it may hold anything
OPTIONS = {
    "data": ["my images"],
    "train_split": "train",
    "val_split": "val",
    "freeze": False,
    "weights": None,
    "epochs": 2,
    "minutes": None,
    "seed": 0,
    "tile": False,
}
FORM = {
    "backbone": "small",
    "neck": "light",
    "width": 1.0,
    "adapter_filters": 256,
    "norm": "batch",
    "reuse": "backbone",
    "pretrained": True,
}


def dataset(folder, num_images=12, seed=0):
    """Images 80x60 with up to three objects each; the third holds none."""
    rng = np.random.default_rng(seed)
    images = []
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(num_images):
        path = folder / f"{i}<i>.png"
        image = np.full((60, 80, 3), 200, np.uint8)
        cv2.circle(image, (10 + 5 * i % 70, 30), 8, (40, 90, 200), -1)
        path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
        count = 0 if i == 2 else rng.integers(1, 4)
        low = rng.uniform(0, 0.6, (count, 2))
        corners = np.concatenate([low, low + rng.uniform(0.15, 0.4, (count, 2))], 1)
        truth = np.concatenate([corners, rng.integers(1, 3, (count, 1))], axis=1)
        difficult = rng.random(count) < 0.1
        images.append(Sample(path, (80, 60), truth.astype(np.float32), difficult))
    return Dataset("pets", "val", NAMES, images)


def detections(samples, skill, seed):
    """float32 (K, 6) each: a share `skill` of the objects, and something else."""
    rng = np.random.default_rng(seed)
    found = []
    for sample in samples:
        rows = []
        for *corners, class_id in sample.truth:
            if rng.random() < skill:
                if rng.random() > skill:
                    class_id = 3 - class_id
                moved = np.array(corners) + rng.normal(0, 0.01, 4)
                rows.append([class_id, rng.uniform(0.3, 1), *moved])
        for _ in range(rng.integers(0, 4)):
            low = rng.uniform(0, 0.7, 2)
            box = [*low, *(low + 0.2)]
            rows.append([rng.integers(1, 3), rng.uniform(0.05, 0.7), *box])
        rows = np.array(rows, np.float32).reshape(-1, 6)
        found.append(rows[np.argsort(-rows[:, 1], kind="stable")])
    return found


def write_run(folder, name, seed=0, **options):
    """The folder of a run without weights."""
    folder.mkdir(parents=True)
    rows = [
        {"epoch": i, "seconds": 60.0 * i, "val_acc": 0.4 + i / 10, "mAP50": i / 4}
        for i in (1, 2)
    ]
    rows = [{**row, "val_loss": 2.0, "images_per_second": 9.5} for row in rows]
    lines = [",".join(rows[0]), *(",".join(map(str, r.values())) for r in rows)]
    (folder / "history.csv").write_text("\n".join(lines) + "\n")
    summary = {
        "options": {**OPTIONS, "seed": seed, **options},
        "architecture": {**FORM, "backbone": name},
        "class_names": NAMES,
        "precision": "float32",
        "device": "a processor",
        "finished": True,
        "peak_memory_gib": 1.25,
        "minutes": 2.0,
        "best": rows[1],
        "last": rows[1],
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def entries(folder, skills=(("small", 0.95), ("vgg16", 0.9), ("resnet50", 0.2))):
    """Entries of `skills` and their data set; several of one name are its seeds."""
    samples = dataset(folder / "images")
    runs, scores = [], []
    for i, (name, skill) in enumerate(skills):
        seed = [n for n, _ in skills[:i]].count(name)
        run = read_run(write_run(folder / f"{name}-seed{seed}", name, seed))
        found = detections(samples.samples, skill, i)
        runs.append(run)
        scores.append(score(Detected(found, 0.5, 0.3), samples.samples, NAMES))
    made = make_entries(runs, scores, draw_images(len(samples), 200))
    for i, entry in enumerate(made):
        entry.cost = {"parameters_m": 3.6 + i, "gflops": 3.9, "weights_mb": 14.5}
        fps = 9.0 + 50 * i
        entry.speed = {"fps": fps, "fps_low": fps - 1, "fps_high": fps + 1}
        entry.speed |= {"latency_ms_p50": 20.0, "latency_ms_p99": 31.0}
    return made, samples


def scored(folder, skill=0.8, seed=0, **options):
    """A data set, and what a detector of that skill finds in it."""
    samples = dataset(folder, **options)
    found = detections(samples.samples, skill, seed)
    return samples, found
