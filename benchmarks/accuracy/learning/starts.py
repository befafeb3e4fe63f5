"""What a start is worth: mAP50 and AP over ten minutes, from four starts.

    python -m benchmarks.accuracy.learning.starts run --yolox yolox_nano.onnx \
        --squeezenet squeezenet_notop.h5 --unseen voc17.weights.h5
    python -m benchmarks.accuracy.learning.starts table

`run` makes each training that docs/results/starts.csv lacks, one after another; the
machine should have nothing else to do. Each is train.py by its defaults in a process of
its own. All validation images are scored, before the first step and after each epoch;
the minutes are the clock's, with start and scoring in them. `table` prints means over
the seeds and draws docs/results/starts.png.

voc50 to voc500 are images of VOC 2007's train split with birds, dogs or sofas, and of
these classes only. Their start is not the default detector, which knows them, but
--unseen: trained alike on VOC's other 17 classes.
"""

import argparse
import multiprocessing
import shutil
import tempfile
import time
from pathlib import Path
from unittest import mock

from benchmarks.accuracy.ema import DATA, figures_of
from benchmarks.accuracy.learning.results import append, read_rows, spread

TABLE = Path("docs/results/starts.csv")
MINUTES = 10
AT = (0, 0.5, 1, 2, 5, 10)  # minutes of the table
STARTS = ("the default detector", "YOLOX-nano of COCO", "ImageNet", "nothing")
UNSEEN = ("bird", "dog", "sofa")  # of VOC
SIZES = (50, 100, 200, 500)  # images of voc50, ...
NUM_VAL = 200


def main() -> None:
    """Train, or print and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("run", "table"))
    known = ("raccoon", "helmet", "bccd", *(f"voc{size}" for size in SIZES))
    parser.add_argument("--data", nargs="+", default=known, choices=known)
    parser.add_argument("--starts", nargs="+", default=STARTS, choices=STARTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--yolox", help="yolox_nano.onnx")
    parser.add_argument("--squeezenet", default="imagenet", help="its ImageNet file")
    parser.add_argument("--unseen", help="a detector of VOC's other classes")
    args = parser.parse_args()
    if args.what == "table":
        print_table()
        plot()
        return
    starts = {
        STARTS[0]: [],
        STARTS[1]: ["--weights", args.yolox],
        STARTS[2]: ["--backbone", "squeezenet", "--weights", args.squeezenet],
        STARTS[3]: ["--weights", "none"],
    }
    done = {(r["data"], r["start"], r["seed"]) for r in read_rows(TABLE)}
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for seed in args.seeds:
            for data in args.data:
                for start in args.starts:
                    if (data, start, str(seed)) in done:
                        continue
                    options = [*starts[start], "--seed", str(seed)]
                    options += ["--minutes", str(args.minutes)]
                    if data.startswith("voc"):
                        options += few_of_voc(int(data[3:]), Path(folder) / data)
                        if start == STARTS[0]:
                            options += ["--weights", args.unseen]
                    else:
                        place, train_split, val_split, _ = DATA[data]
                        options += ["--data", str(place), "--train-split", train_split]
                        options += ["--val-split", val_split]
                    with spawn.Pool(1) as pool:
                        points = pool.apply(curve_of, (options, time.time()))
                    curve = " ".join(":".join(f"{x:.3f}" for x in p) for p in points)
                    row = {"data": data, "start": start, "seed": seed, "curve": curve}
                    append(row, TABLE)


def few_of_voc(size: int, folder: Path) -> list[str]:
    """A copy of `size` images of UNSEEN and NUM_VAL to validate; train.py's options."""
    from data import read_dataset

    voc = DATA["voc2007"][0]
    lists = folder / "ImageSets" / "Main"
    if not lists.exists():
        lists.mkdir(parents=True)
        for split, count in (("train", size), ("val", NUM_VAL)):
            samples = read_dataset([voc], split, UNSEEN).samples
            names = sorted(s.path.stem for s in samples if len(s.truth))
            chosen = names[:: len(names) // count][:count]
            (lists / f"{split}.txt").write_text("\n".join(chosen) + "\n")
            for name in chosen:
                for place in (f"JPEGImages/{name}.jpg", f"Annotations/{name}.xml"):
                    (folder / place).parent.mkdir(exist_ok=True)
                    shutil.copy(voc / place, folder / place)
    return ["--data", str(folder), "--classes", ",".join(UNSEEN)]


def curve_of(options: list[str], began: float) -> list[tuple[float, float, float]]:
    """Minutes, mAP50 and AP of a training that began at that time."""
    import train
    from base.keras_setup import import_keras

    import_keras()
    from training import fit
    from training.monitoring.validation import Evaluator

    points: list[tuple[float, float, float]] = []

    class Scored(Evaluator):
        def __init__(self, *args) -> None:
            super().__init__(*args)
            if not points:
                self()

        def __call__(self):
            at = (time.time() - began) / 60
            result = super().__call__()
            points.append((at if points else 0.0, *figures_of(self)))
            return result

    whole = mock.patch.object(fit, "scored_part", lambda dataset, _: dataset)
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(fit, "Evaluator", Scored),
        whole,
    ):
        if status := train.main([*options, "--output", f"{folder}/run"]):
            raise SystemExit(status)
    return points


def points_of(row: dict) -> list[tuple[float, ...]]:
    """Minutes, mAP50 and AP of a row's curve."""
    return [tuple(map(float, p.split(":"))) for p in row["curve"].split()]


def last_by(row: dict, minutes: float) -> tuple[float, ...]:
    """mAP50 and AP of the last epoch that had ended then; at the end the last one."""
    points = points_of(row)
    ended = [p for p in points if p[0] <= minutes or minutes == MINUTES]
    return ended[-1][1:]


def print_table() -> None:
    """Means over the seeds as Markdown, mAP50 and then AP."""
    from reports import markdown_table

    rows = read_rows(TABLE)
    for column, name in enumerate(("mAP50", "AP")):
        table = []
        for data, start in dict.fromkeys((r["data"], r["start"]) for r in rows):
            seeds = [r for r in rows if (r["data"], r["start"]) == (data, start)]
            figures = [
                spread([last_by(row, minutes)[column] for row in seeds])
                for minutes in AT
            ]
            table.append((data, start, str(len(seeds)), *figures))
        times = (f"{minutes:g} min" for minutes in AT)
        print(f"\n{name}\n")
        print(markdown_table(("data", "start", "seeds", *times), table))


def plot() -> None:
    """mAP50 over the minutes, a panel for each data set, seed 0."""
    from matplotlib.figure import Figure

    from reports.curves import COLOURS, DPI

    rows = [row for row in read_rows(TABLE) if row["seed"] == "0"]
    names = list(dict.fromkeys(row["data"] for row in rows))
    figure = Figure(figsize=(3.2 * len(names), 3.2), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        for start, colour in zip(STARTS, COLOURS, strict=False):
            for row in (r for r in rows if (r["data"], r["start"]) == (name, start)):
                at, scores, _ = zip(*points_of(row), strict=True)
                axes.plot(at, scores, color=colour, label=start)
        axes.set(title=name, xlabel="minutes", ylim=(0, 1), xlim=(0, MINUTES))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("mAP50")
    panels[0].legend(frameon=False, fontsize="small")
    figure.savefig(TABLE.with_suffix(".png"), dpi=DPI)


if __name__ == "__main__":
    main()
