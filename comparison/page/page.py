"""report.html: one page that needs nothing but itself; and the two plots as PNG."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from base.files import write_text
from comparison.entries import Entry
from comparison.intervals import DRAWS, SHARE
from comparison.page import table
from comparison.page.confusion import classify_errors, confusion
from comparison.page.images import page_data
from comparison.runs import Run, learned
from comparison.verdict import front, pick, sentence
from data import Dataset
from reports.comparing import Point, as_svg, plot_map_vs_fps, plot_runs
from reports.curves import save_figure

HERE = Path(__file__).parent
SEEDS = (
    "One seed each: what another seed would have trained is not in these intervals.",
    "± is the spread of the seeds (standard deviation); two models are told apart only "
    "where no seed of the one reaches the other's.",
)


def write(
    folder: Path, entries: Sequence[Entry], dataset: Dataset, about: Mapping[str, str]
) -> None:
    """Write report.html, and map_vs_fps.png and curves.png where there is something.

    `entries` best first; `about` are the settings that all share, by name.
    """
    points = _points(entries)
    histories = {
        entry.name if len(entry.runs) == 1 else f"{entry.name}, seed {number}": rows
        for entry in entries
        for number, rows in enumerate(run.history for run in entry.runs)
        if rows
    }
    over_time = any(run.options["minutes"] for run in trained(entries))
    figures = {
        "map_vs_fps": points and plot_map_vs_fps(points),
        "curves": histories and plot_runs(histories, over_time),
    }
    drawn = []
    for name, figure in figures.items():
        if figure:
            save_figure(figure, folder / f"{name}.png")
            drawn.append(as_svg(figure, name.replace("_", " ")))
    write_text(folder / "report.html", _page(entries, dataset, about, drawn))


def trained(entries: Sequence[Entry]) -> list[Run]:
    """The runs among what is compared: of exported files no training is known."""
    return [run for entry in entries for run in entry.runs if isinstance(run, Run)]


def settings(entries: Sequence[Entry], dataset: Dataset) -> dict[str, str]:
    """What all share, by name, for a person to read."""
    about = {
        "scored on": f"{dataset.name}, split {dataset.split}: {len(dataset)} images"
    }
    if runs := trained(entries):
        files = sorted({run.weights(dataset.split).name for run in runs})
        about["weights"] = f"{' and '.join(files)} of each training"
        about["budget"] = ", ".join(sorted({run.length for run in runs}))
    about["intervals"] = f"the middle {SHARE}% of {DRAWS} draws of the images"
    return about


def warnings(entries: Sequence[Entry], dataset: Dataset) -> list[str]:
    """What makes the figures less than fair, in a sentence each."""
    runs = trained(entries)
    told = []
    exports = [e.name for e in entries if not isinstance(e.runs[0], Run)]
    if exports and any(run.options["val_split"] == dataset.split for run in runs):
        told.append(
            f"Runs are scored by their last weights here, {', '.join(exports)} by what "
            "was exported, best weights as a rule, which these images chose: choose "
            "another --split."
        )
    if learned_here := learned(runs, dataset):
        told.append(
            f"{len(learned_here)} of the {len(dataset)} images were trained on, "
            f"{learned_here[0].name} for one: choose another --split."
        )
    if len(lengths := sorted({run.length for run in runs})) > 1:
        told.append(f"The budgets differ: {', '.join(lengths)}.")
    return told


def _points(entries: Sequence[Entry]) -> list[Point]:
    """Of the entries whose speed was measured."""
    best = front(entries)
    points = []
    for entry in (entry for entry in entries if entry.speed):
        figures = entry.figures()
        ends = [(figures[f"{n}_low"], figures[f"{n}_high"]) for n in ("fps", "mAP50")]
        points.append(Point(entry.name, entry.fps, entry.mAP50, *ends, entry in best))
    return points


def _page(
    entries: Sequence[Entry],
    dataset: Dataset,
    about: Mapping[str, str],
    drawn: Sequence[str],
) -> str:
    picks = pick(entries)
    num_classes = len(dataset.class_names) + 1
    judged = [classify_errors(entry.scores[0], dataset.samples) for entry in entries]
    several = any(len(entry.runs) > 1 for entry in entries)
    page = _templates().get_template("page.html")
    return page.render(
        title=dataset.name,
        lead=f"{_lead(entries, dataset)} {sentence(picks)}",
        warnings=warnings(entries, dataset),
        picks=picks,
        entries=entries,
        columns=table.shown(entries),
        map_meaning=table.COLUMNS[0].meaning,
        class_names=dataset.class_names,
        seeds=SEEDS[several],
        plots=drawn,
        confusions=[confusion(boxes, num_classes) for boxes in judged],
        about=about,
        css=(HERE / "page.css").read_text("utf-8"),
        js=(HERE / "page.js").read_text("utf-8"),
        data=page_data(entries, judged, dataset),
    )


def _templates() -> Environment:
    """Jinja2, which escapes whatever a template does not call safe."""
    options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    files = FileSystemLoader(HERE)
    found = Environment(loader=files, undefined=StrictUndefined, **options)
    functions = (table.format_number, table.signed)
    found.globals |= {f.__name__: f for f in functions} | {"ends": _ends}
    found.filters["is_finite"] = math.isfinite
    return found


def _ends(figures: Mapping[str, float], column: table.Column) -> list[str]:
    """Those of a figure's interval, where it has one."""
    names = [f"{column.key}_{end}" for end in ("low", "high")]
    found = [figures[name] for name in names if name in figures]
    return [table.format_number(value, column.form) for value in found]


def _lead(entries: Sequence[Entry], dataset: Dataset) -> str:
    objects = sum(int((~sample.difficult).sum()) for sample in dataset.samples)
    models = f"{len(entries)} model{'s' if len(entries) > 1 else ''}"
    return f"{models}, scored on {len(dataset)} images with {objects} objects."
