"""A run's own folder: never another's, history and summary written whole."""

import csv
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from base.errors import UserError
from base.files import csv_text, numbered_names, write_text
from models.weights.metadata import LICENCE
from training import RUNS
from training.recovery import checkpoint

if TYPE_CHECKING:
    from data import Dataset

WHOLE = "whole_"  # ours: columns of figures of the whole validation split


@dataclass(frozen=True)
class RunFolder:
    """Where a training leaves its files, what they tell, who hears of each epoch.

    notes: in the weights files. header: for JSON, in each checkpoint, what a later
    --resume needs to know. on_epoch: sees each new row of the history. licence: the
    line of the weights files.
    """

    folder: Path
    notes: dict = field(default_factory=dict)
    header: dict = field(default_factory=dict)
    on_epoch: Callable[[dict], None] | None = None
    licence: str = LICENCE


@dataclass(frozen=True)
class TrainedRun:
    """What a training has left in its folder.

    summary: settings and figures, that of summary.json. history: a dictionary of
    numbers per epoch, the rows of history.csv.
    """

    folder: Path
    summary: dict[str, Any]
    history: list[dict[str, float]]

    @property
    def best_weights(self) -> Path:
        """The detector of the epoch with the highest validation mAP50."""
        return self.folder / "best.weights.h5"

    @property
    def last_weights(self) -> Path:
        """The detector of the last epoch."""
        return self.folder / "last.weights.h5"


def load_run(folder: Path | str) -> TrainedRun:
    """The run in a folder; UserError where there is none, or it left no summary yet."""
    folder = Path(folder)
    try:
        summary = read_json(folder / "summary.json")
        with (folder / "history.csv").open(newline="", encoding="utf-8") as file:
            # a column may be empty: figures of the whole split in some rows only
            history = [
                {name: float(value) for name, value in row.items() if value != ""}
                for row in csv.DictReader(file)
            ]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(
            f"{folder}: expected a run of train.py that came to its summary; there is "
            f"no {Path(error.filename).name}."
        ) from None
    except (TypeError, ValueError) as error:
        raise UserError(f"{folder}: {error}") from None
    return TrainedRun(folder, summary, history)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file; UserError naming it where it is none."""
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: expected JSON: {error}") from None


def new_run(output: str | None, name: str) -> Path:
    """A new folder: `output`, or runs/NAME, with a number where that is taken.

    UserError where `output` already holds something or can't be made.
    """
    check_free(output)
    try:
        if output is not None:
            folder = Path(output)
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        for numbered in numbered_names(name):
            with suppress(FileExistsError):
                (RUNS / numbered).mkdir(parents=True)
                return RUNS / numbered
    except OSError as error:
        raise UserError(f"--output: the folder can't be made: {error}") from error


@contextmanager
def folder_of_worker(folder: Path, worker: int) -> Iterator[Path]:
    """Where one of several workers writes: the first into the run's folder.

    The others get a copy of its checkpoint, if there is one, in a folder that goes with
    them: what they write is the same.
    """
    if worker == 0:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="train-worker-") as own:
        if (path := folder / checkpoint.NAME).exists():
            shutil.copy(path, own)
        yield Path(own)


def check_free(output: str | None) -> None:
    """UserError where the folder of `--output` already holds something."""
    if output is None or not (folder := Path(output)).exists():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise UserError(
            f"--output {output} already holds something; name a new folder."
        )


def write_json(path: Path, content: dict) -> None:
    """Write a dictionary as readable JSON; figures that are missing (NaN) are null."""
    write_text(path, json.dumps(_finite(content), indent=2, default=str) + "\n")


def write_split(path: Path, datasets: "Sequence[Dataset]") -> None:
    """The images of each split, if names were split by their hash; else nothing."""
    if any(dataset.split_was_made for dataset in datasets):
        paths = {d.split: [str(sample.path) for sample in d.samples] for d in datasets}
        # tiles of one image have one path
        write_json(path, {split: list(dict.fromkeys(p)) for split, p in paths.items()})


def _finite(value: Any) -> Any:
    # NaN is no JSON: other languages' readers refuse the file
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_history(path: Path, rows: list[dict]) -> None:
    """history.csv: a row per epoch under the column names.

    Columns that only later rows have, of a run that goes on with a newer version, come
    last.
    """
    shown = [
        {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
        for row in rows
    ]
    write_text(path, csv_text(shown))


def best_row(history: list[dict]) -> dict:
    """The row of the highest mAP50, of equals the one with the lowest val_loss."""
    return max(history, key=lambda row: (row["mAP50"], -row["val_loss"]))


def best_and_last_metrics(history: list[dict]) -> dict:
    """What a summary tells of a history: its minutes, best and last row.

    Where the epochs were scored on a part of the validation split, best and last are
    those of the whole split.
    """
    best, last = _of_whole(best_row(history)), _of_whole(history[-1])
    return {"minutes": last["seconds"] / 60, "best": best, "last": last}


def _of_whole(row: dict) -> dict:
    whole = {k.removeprefix(WHOLE): v for k, v in row.items() if k.startswith(WHOLE)}
    return {k: v for k, v in row.items() if not k.startswith(WHOLE)} | whole
