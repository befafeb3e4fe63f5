"""What docs/results/learning.csv holds, as tables of Markdown and as curves."""

import csv
import statistics
from pathlib import Path

from benchmarks.accuracy.learning.experiments import DATA, EXPERIMENTS

TABLE = Path("docs/results/learning.csv")
COLUMNS = ("quarter", "half", "mAP50", "AP", "train_mAP50", "fresh_mAP50")


def key(row: dict) -> tuple[str, str, str]:
    """What tells a row from the others."""
    return row["data"], row["experiment"], str(row["seed"])


def read_rows(table: Path = TABLE) -> list[dict]:
    """The rows that were trained so far."""
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(row: dict, table: Path = TABLE) -> None:
    """Add a row to the file; the first brings the column names."""
    from training.runs import write_history

    write_history(table, [*read_rows(table), row])
    print(row, flush=True)


def print_table(data: str) -> None:
    """Mean and range over the seeds of each experiment."""
    from reports import markdown_table

    rows = []
    for name in EXPERIMENTS:
        seeds = [r for r in read_rows() if key(r)[:2] == (data, name)]
        if seeds:
            figures = (spread([float(r[c]) for r in seeds]) for c in COLUMNS)
            rate = statistics.median(float(r["images_per_second"]) for r in seeds)
            rows.append((name, str(len(seeds)), *figures, f"{rate:.1f}"))
    print(f"\n{data}, {DATA[data].epochs} epochs\n")
    print(markdown_table(("experiment", "seeds", *COLUMNS, "images/s"), rows))


def plot(name: str, data: str, experiments: tuple[str, ...]) -> None:
    """mAP over the epochs: mean of the seeds, a band from the lowest to the highest."""
    import numpy as np
    from matplotlib.figure import Figure

    from reports.curves import COLOURS, DPI

    trained = [row for row in read_rows() if row["data"] == data]
    if not any(row["experiment"] in experiments for row in trained):
        return
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for experiment, colour in zip(experiments, COLOURS, strict=False):
        rows = [row for row in trained if row["experiment"] == experiment]
        if not rows:  # not trained yet
            continue
        curves = np.array([[float(v) for v in row["curve"].split()] for row in rows])
        epochs = np.arange(1, curves.shape[1] + 1)
        label = f"{experiment} ({len(rows)} seed{'s' * (len(rows) > 1)})"
        axes.plot(epochs, curves.mean(0), color=colour, label=label)
        axes.fill_between(epochs, curves.min(0), curves.max(0), color=colour, alpha=0.2)
    axes.set(xlabel="epoch", ylabel="mAP50", ylim=(0, 1), title=data)
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(TABLE.with_name(f"learning_{name}.png"), dpi=DPI)


def spread(values: list[float]) -> str:
    """Mean, and lowest to highest where there are several."""
    mean = f"{statistics.mean(values):.3f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values):.3f}-{max(values):.3f})"
