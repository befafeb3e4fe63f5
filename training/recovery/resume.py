"""What a checkpoint says of its run, and whether the run can go on here."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import cv2
import keras
import numpy as np

from base.errors import UserError
from base.renamed import current_fields
from data import Dataset
from models import Architecture
from models.weights.metadata import LICENCE
from training.hardware.devices import Device
from training.recovery import checkpoint


def header(
    options: dict,
    architecture: Architecture,
    datasets: tuple[Dataset, ...],
    environment: dict,
    licence: str,
) -> dict:
    """What a run's checkpoints keep beside the training's state, for JSON."""
    return {
        "options": options,
        "architecture": architecture.to_dict(),
        "fingerprints": [dataset.fingerprint() for dataset in datasets],
        "surroundings": environment,
        "licence": licence,
    }


def environment(device: Device, precision: str) -> dict:
    """All that the last bits of a training hang on."""
    backend = keras.backend.backend()
    return {
        "backend": f"{backend} {version(backend)}",
        "Keras": keras.version(),
        "numpy": np.__version__,
        "OpenCV": cv2.__version__,
        "device": device.name,
        "processor's flags": " ".join(sorted(device.flags)),
        "threads": os.cpu_count(),
        "oneDNN": os.environ.get("TF_ENABLE_ONEDNN_OPTS", ""),
        "precision": precision,
    }


def read_header(folder: Path) -> dict:
    """That of the run in a folder; UserError where there is no checkpoint."""
    path = folder / checkpoint.NAME
    if not path.exists():
        raise UserError(
            f"--resume {folder}: expected a run's folder with {checkpoint.NAME}, there "
            "is none; start the training anew."
        )
    state = checkpoint.read_state(path)
    try:
        return {
            "options": dict(state["options"]),
            "architecture": Architecture(**current_fields(state["architecture"])),
            "fingerprints": list(state["fingerprints"]),
            "surroundings": dict(state["surroundings"]),
            # a run without it is from before 2026-12
            "licence": str(state.get("licence", LICENCE)),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: no checkpoint of train.py: {error}") from error


def check(kept: dict, datasets: tuple[Dataset, ...], environment: dict) -> None:
    """UserError where the data are others; lines on stderr where the machine is."""
    check_data(kept, datasets)
    for line in differences(kept, environment):
        print(f"  {line}", file=sys.stderr)


def check_data(kept: dict, datasets: tuple[Dataset, ...]) -> None:
    """UserError where images or boxes are not those that the run began with."""
    for dataset, fingerprint in zip(datasets, kept["fingerprints"], strict=True):
        if fingerprint not in (dataset.fingerprint(), dataset.fingerprint(False)):
            raise UserError(
                f"--resume: split {dataset.split} of {dataset.name} is not the one "
                "that the run began with: names, sizes, boxes or marks differ. Bring "
                "it back, or start anew with --weights RUN/last.weights.h5."
            )


def differences(kept: dict, now: dict) -> list[str]:
    """A line for each part of the environment that changed."""
    return [
        f"{name} was {kept['surroundings'].get(name)}, is {value}: the last bits of "
        "the weights will differ from those of a run that was not interrupted."
        for name, value in now.items()
        if kept["surroundings"].get(name) != value
    ]
