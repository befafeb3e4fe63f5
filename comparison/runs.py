"""Runs of train.py as they lie on the disk: what each is, and how well it went."""

import json
import shlex
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from math import nan
from pathlib import Path
from statistics import median
from typing import Any

from base.errors import UserError
from base.renamed import current_fields, current_run_options
from data import Dataset, read_dataset
from reports import text_table
from training.runs import TrainedRun, load_run, read_json

# what two runs may differ in and still be one training with several seeds
NOT_SETTINGS = ("seed", "output", "resume", "tensorboard")
# what a training took, by column of the table
TRAINING = ("minutes", "epochs", "train_images_per_second", "peak_memory_gib")
# of a summary
NEEDED = {"options", "architecture", "class_names", "precision", "minutes", "best"}


class Run(TrainedRun):
    """A run as a comparison sees it."""

    @property
    def options(self) -> dict[str, Any]:
        """Those of train.py; None where one was left to its default."""
        return defaultdict(lambda: None, self.summary["options"])

    @property
    def seed(self) -> int:
        return self.options["seed"]

    @property
    def data(self) -> list[str] | None:
        """What it learned from; None is the demo set."""
        return self.options["data"]

    @property
    def class_names(self) -> list[str]:
        return self.summary["class_names"]

    @property
    def settings(self) -> str:
        """What runs share that differ in their seed only."""
        given = {k: v for k, v in self.options.items() if v is not None}
        kept = {k: v for k, v in given.items() if k not in NOT_SETTINGS}
        kept |= {"precision": self.summary["precision"]}
        return json.dumps([kept, self.summary["architecture"]], sort_keys=True)

    @property
    def model(self) -> str:
        """In a few words, such as `squeezenet light, frozen`."""
        form = self.summary["architecture"]
        width = "" if form["width"] == 1 else f" {form['width']:g}"
        words = [f"{form['backbone']}{width} {form['neck']}"]
        if form["adapter_filters"] != 256:
            words.append(f"adapter {form['adapter_filters']}")
        if form["norm"] != "batch":
            words.append("not normalised")
        if form["reuse"] != "backbone":
            words.append(form["reuse"])
        if self.options["freeze"]:
            words.append("frozen")
        elif not form["pretrained"] and self.options["weights"] in (None, "none"):
            words.append("from nothing")
        return ", ".join(words)

    @property
    def length(self) -> str:
        """The budget that it was given."""
        if minutes := self.options["minutes"]:
            return f"{minutes:g} minutes"
        return f"{self.options['epochs'] or len(self.history)} epochs"

    @property
    def images_per_second(self) -> float:
        """In training: the median of its epochs."""
        return median(row["images_per_second"] for row in self.history)

    @property
    def training(self) -> dict[str, float]:
        """What it took, by the names of TRAINING."""
        # null in JSON where the system did not tell
        memory = self.summary.get("peak_memory_gib") or nan
        speed, epochs = self.images_per_second, float(len(self.history))
        values = (self.summary["minutes"], epochs, speed, memory)
        return dict(zip(TRAINING, values, strict=True))

    @property
    def about(self) -> str:
        """Where it lies and what trained it, for a person to read."""
        device, precision = self.summary["device"], self.summary["precision"]
        return f"{self.folder}, on {device}, {precision}"

    def weights(self, split: str) -> Path:
        """The weights to score on a split: the last where it has chosen the best."""
        is_chosen = self.options["val_split"] == split
        return self.last_weights if is_chosen else self.best_weights

    def command(self) -> str:
        """The command that trains it anew, with every option that is set."""
        words = ["python train.py"]
        for name, value in self.options.items():
            if name in ("output", "resume", "ema") or value is None or value is False:
                continue
            words.append(f"--{name.replace('_', '-')}")
            if value is not True:
                many = value if isinstance(value, list) else [value]
                words += [shlex.quote(str(part)) for part in many]
        if not self.options["ema"]:  # the other way round: it is the default
            words.append("--no-ema")
        return " ".join(words)


def learned(runs: Sequence[Run], dataset: Dataset) -> list[Path]:
    """The images of a data set that one of the runs was trained on.

    Of a run whose data lie elsewhere now nothing is known.
    """
    known = set()
    for data, split in {
        (tuple(run.data or ()), run.options["train_split"]) for run in runs
    }:
        with suppress(ValueError, OSError):
            trained = read_dataset(data, split, dataset.class_names)
            known |= {sample.path.resolve() for sample in trained.samples}
    return [p.path for p in dataset.samples if p.path.resolve() in known]


def read_run(folder: Path) -> Run:
    """The run in a folder; UserError where it is none, or not far enough."""
    run = load_run(folder)
    summary, rows = run.summary, run.history
    missing = NEEDED - summary.keys()
    if missing or not rows:
        raise UserError(f"{folder}: its summary lacks {', '.join(sorted(missing))}.")
    summary["architecture"] = current_fields(summary["architecture"])
    summary["options"] = current_run_options(summary["options"])
    return Run(folder, summary, rows)


def find_runs(root: Path) -> list[Path]:
    """Folders of runs below `root`, sorted: those with a history."""
    return sorted(path.parent for path in root.rglob("history.csv"))


def is_finished(folder: Path) -> bool:
    """Whether all of a run was trained and its summary is written."""
    path = folder / "summary.json"
    return path.exists() and bool(read_json(path).get("finished"))


def list_runs(root: Path) -> str:
    """A table of all runs below `root`, with their settings and best figures."""
    rows, silent = [], []
    for folder in find_runs(root):
        try:
            rows.append(_row(read_run(folder), root))
        except UserError as error:
            silent.append(str(error))
    lines = [f"{root}: no runs there."]
    if rows:
        lines = [text_table(list(rows[0]), [list(row.values()) for row in rows])]
    return "\n".join([*lines, *silent])


def _row(run: Run, root: Path) -> dict[str, Any]:
    """Its line of the list, by column."""
    summary, best = run.summary, run.summary["best"]
    data = run.data or ["the demo set"]
    return {
        "run": run.folder.relative_to(root),
        "model": run.model,
        "data": ",".join(Path(part).name for part in data),
        "epochs": len(run.history),
        "minutes": f"{summary['minutes']:.1f}",
        "mAP50": best["mAP50"],
        "at epoch": best["epoch"],
        "val acc": best["val_acc"],
        "images/s": f"{run.images_per_second:.1f}",
        "state": "finished" if summary.get("finished", True) else "stopped",
    }
