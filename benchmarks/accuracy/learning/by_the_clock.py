"""What minutes of training bring: blood cells, from train.py to evaluate.py.

    python -m benchmarks.accuracy.learning.by_the_clock run
    python -m benchmarks.accuracy.learning.by_the_clock table

`run` makes each training of RUNS that docs/results/by_the_clock.csv lacks, one after
another; the machine should have nothing else to do. `table` prints means and ranges
over the seeds and draws docs/results/by_the_clock.png. Scored are the last weights.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.accuracy.learning.experiments import BCCD, SQUEEZENET
from benchmarks.accuracy.learning.results import append, read_rows, spread

TABLE = Path("docs/results/by_the_clock.csv")
# minutes, options of train.py, seeds
RUNS = (
    (2, "", 3),
    (2, "--weigh-classes", 3),
    (2, "--weigh-classes --freeze", 3),
    (2, "--weigh-classes --batch-size 4", 1),
    (2, "--weigh-classes --precision float32", 1),
    (10, "", 1),
    (10, "--weigh-classes", 1),
    (10, "--weigh-classes --tile 480", 1),
    (10, "--tile 480", 1),
    (30, "--tile 480", 1),
    (55, "--tile 480", 1),
    (20, "--weigh-classes --weights none", 1),
)


def main() -> None:
    """Train, or print and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "table"))
    if parser.parse_args().what == "table":
        print_table()
        plot()
        return
    if not BCCD.exists():
        parser.error(f"{BCCD}: no such folder; the images lie beside the checkout")
    for minutes, options, seeds in RUNS:
        for seed in range(seeds):
            if not any(row["seed"] == str(seed) for row in rows_of(minutes, options)):
                with tempfile.TemporaryDirectory() as folder:
                    train(minutes, options, seed, Path(folder) / "run")
                    row = figures(minutes, options, seed, Path(folder) / "run")
                    append(row, TABLE)
    print(f"{TABLE} has all of RUNS; `table` prints them.")


def train(minutes: float, options: str, seed: int, folder: Path) -> None:
    """As a user would, in a folder that is not there yet."""
    splits = ["--train-split", "trainval", "--val-split", "test"]
    weights = [] if "--weights" in options else ["--weights", str(SQUEEZENET)]
    script = [sys.executable, "train.py", "--data", str(BCCD), *splits, *weights]
    script += ["--backbone", "squeezenet"]
    length = ["--minutes", str(minutes), "--seed", str(seed)]
    subprocess.run(
        [*script, *options.split(), *length, "--output", str(folder)], check=True
    )


def figures(minutes: float, options: str, seed: int, folder: Path) -> dict:
    """The row of a run in `folder`, its last weights scored by evaluate.py."""
    weights, scores = folder / "last.weights.h5", folder / "scores.json"
    script = [sys.executable, "evaluate.py", "--weights", str(weights)]
    data = ["--data", str(BCCD), "--split", "test"]
    words = options.split()
    tiles = words[words.index("--tile") :][:2] if "--tile" in words else []
    subprocess.run([*script, *data, *tiles, "--json", str(scores)], check=True)
    scored = json.loads(scores.read_text(encoding="utf-8"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    history = read_rows(folder / "history.csv")
    rates = [float(row["images_per_second"]) for row in history]
    curve = ((float(row["seconds"]) / 60, float(row["mAP50"])) for row in history)
    return {
        "minutes": minutes,
        "options": options,
        "seed": seed,
        "epochs": len(history),
        "mAP50": scored["mAP50"],
        "AP": scored["AP"],
        "images_per_second": statistics.median(rates),
        "device": summary["device"],
        "precision": summary["precision"],
        "curve": " ".join(f"{at:.2f}:{score:.3f}" for at, score in curve),
    }


def rows_of(minutes: float, options: str) -> list[dict]:
    """Those of each seed that was trained."""
    return [
        row
        for row in read_rows(TABLE)
        if (row["minutes"], row["options"]) == (str(minutes), options)
    ]


def print_table() -> None:
    """Means and ranges over the seeds, as Markdown."""
    from reports import markdown_table

    table = []
    for minutes, options, _ in RUNS:
        rows = rows_of(minutes, options)
        if rows:
            scores = (spread([float(r[c]) for r in rows]) for c in ("mAP50", "AP"))
            epochs = sorted({int(row["epochs"]) for row in rows})
            rate = statistics.mean(float(row["images_per_second"]) for row in rows)
            table.append(
                (
                    str(minutes),
                    f"`{options}`" if options else "none",
                    str(len(rows)),
                    "-".join(str(epoch) for epoch in epochs),
                    *scores,
                    f"{rate:.1f}",
                )
            )
    headers = ("minutes", "options", "seeds", "epochs", "mAP50", "AP", "images/s")
    print(markdown_table(headers, table))


def plot() -> None:
    """mAP50 as `train.py` saw it over the minutes, seed 0 of each line of RUNS."""
    import matplotlib
    from matplotlib.figure import Figure

    from reports.curves import DPI

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    pairs = matplotlib.colormaps["tab20"].colors  # dark and light in turn
    axes.set_prop_cycle(color=pairs[0::2] + pairs[1::2])
    for minutes, options, _ in RUNS:
        for row in (r for r in rows_of(minutes, options) if r["seed"] == "0"):
            points = [point.split(":") for point in row["curve"].split()]
            at, scores = zip(*((float(a), float(b)) for a, b in points), strict=True)
            line = "--" if "--tile" in options else "-"
            axes.plot(at, scores, line, label=f"{minutes} min {options}")
    axes.set(xlabel="minutes", ylabel="mAP50", xscale="log", ylim=(0, 1), title="bccd")
    ticks = (0.5, 1, 2, 5, 10, 20, 30)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize="small")
    figure.savefig(TABLE.with_suffix(".png"), dpi=DPI)


if __name__ == "__main__":
    main()
