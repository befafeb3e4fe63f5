"""Exported files beside runs: scored and timed like them, their training unknown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeAlias

import numpy as np

from base.constants import MIN_SCORE
from base.errors import UserError
from comparison.runs import TRAINING, Run, read_run
from inference import runtimes


@dataclass(frozen=True)
class Export:
    """What export.py wrote, open in its own runtime; it offers what a Run does.

    It names no data, no epochs and no seed, and what its training took is nan.
    model: the file's name: exports of one run differ in nothing else that is short.
    folder: what tells it from a file of the same name.
    settings: the path: no two files are one training with several seeds.
    about: where it lies and what it is, for a person to read.
    """

    path: Path
    network: runtimes.ExportedModel
    model: str
    folder: Path
    settings: str
    class_names: list[str]
    about: str

    seed: ClassVar[int] = 0
    data: ClassVar[None] = None
    history: ClassVar[Sequence[dict[str, float]]] = ()
    training: ClassVar[dict[str, float]] = dict.fromkeys(TRAINING, np.nan)

    def weights(self, split: str) -> Path:
        return self.path

    def command(self) -> str:
        return ""


Compared: TypeAlias = Run | Export


def read(path: Path) -> Compared:
    """An exported file, told by its content, or else the run in a folder.

    UserError where it is neither, or the file's runtime is not installed.
    """
    if kind := runtimes.detect_format(path):
        network = runtimes.load(path, MIN_SCORE)
        metadata = network.metadata
        about = f"{path}, {kind}, {metadata.precision}: {metadata.network}"
        told_by = (path.name, path.parent, str(path))
        return Export(path, network, *told_by, network.class_names, about)
    if not path.is_dir():
        raise UserError(f"{path}: expected a run of train.py or a file of export.py.")
    return read_run(path)
