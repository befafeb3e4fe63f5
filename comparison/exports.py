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
    """

    path: Path
    network: runtimes.ExportedModel

    seed: ClassVar[int] = 0
    data: ClassVar[None] = None
    history: ClassVar[Sequence[dict[str, float]]] = ()
    training: ClassVar[dict[str, float]] = dict.fromkeys(TRAINING, np.nan)

    @property
    def folder(self) -> Path:
        """What tells it from a file of the same name."""
        return self.path.parent

    @property
    def model(self) -> str:
        """The file's name: exports of one run differ in nothing else that is short."""
        return self.path.name

    @property
    def settings(self) -> str:
        """No two files are one training with several seeds."""
        return str(self.path)

    def weights(self, split: str) -> Path:
        """The file, whatever the split."""
        return self.path

    @property
    def class_names(self) -> list[str]:
        """Those in the file."""
        return self.network.class_names

    @property
    def about(self) -> str:
        """Where it lies and what it is, for a person to read."""
        metadata = self.network.metadata
        kind = runtimes.detect_format(self.path)
        return f"{self.path}, {kind}, {metadata.precision}: {metadata.network}"

    def command(self) -> str:
        """None is known."""
        return ""


Compared: TypeAlias = Run | Export


def read(path: Path) -> Compared:
    """An exported file, told by its content, or else the run in a folder.

    UserError where it is neither, or the file's runtime is not installed.
    """
    if runtimes.detect_format(path):
        return Export(path, runtimes.load(path, MIN_SCORE))
    if not path.is_dir():
        raise UserError(f"{path}: expected a run of train.py or a file of export.py.")
    return read_run(path)
