"""The comparison as a table: for the terminal, as CSV, as Markdown."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from base.files import csv_text
from comparison.entries import Entry
from reports import markdown_table, text_table


class Column(NamedTuple):
    """A figure of an entry: its key, its head, how it is written, what it means."""

    key: str
    head: str
    form: str
    meaning: str


COLUMNS = (
    Column("mAP50", "mAP50", ".3f", "VOC's area under the curve at IoU 0.5"),
    Column("AP", "AP", ".3f", "COCO's mean over IoU 0.5 to 0.95"),
    Column("fps", "fps", ".1f", "images a second, in batches of 8"),
    Column("latency_ms_p50", "ms p50", ".1f", "one image at a time, median"),
    Column("latency_ms_p99", "ms p99", ".1f", "one image at a time, slowest of 100"),
    Column("parameters_m", "M param.", ".1f", "millions, normalisation folded"),
    Column("gflops", "GFLOPs", ".1f", "an image; a multiply-add counts as two"),
    Column("weights_mb", "MB", ".1f", "the file of the weights, or the exported one"),
    Column("minutes", "minutes", ".1f", "of training"),
    Column("epochs", "epochs", ".0f", "of training"),
    Column("train_images_per_second", "train/s", ".1f", "images a second in training"),
    Column("peak_memory_gib", "GiB", ".2f", "peak memory of training"),
    Column("val_acc", "val acc", ".3f", "share of scored priors with the right class"),
    Column("seeds", "seeds", ".0f", "how many trainings the means are of"),
)


def shown(entries: Sequence[Entry]) -> list[Column]:
    """The columns behind mAP50 that tell something: known, and not one seed each."""
    figures = [entry.figures() for entry in entries]
    return [
        column
        for column in COLUMNS[1:]
        if any(math.isfinite(row[column.key]) for row in figures)
        and not (column.key == "seeds" and all(row["seeds"] == 1 for row in figures))
    ]


def format_number(value: float, form: str) -> str:
    """A figure as people read it, `-` where there is none.

    >>> format_number(0.12345, ".3f"), format_number(float("nan"), ".3f")
    ('0.123', '-')
    """
    return f"{value:{form}}" if math.isfinite(value) else "-"


def signed(value: float) -> str:
    """A difference of mAP50; what rounds to nothing has no minus.

    >>> signed(0.1234), signed(-0.0001)
    ('+0.123', '+0.000')
    """
    return f"{round(value, 3) + 0.0:+.3f}"


def heads(entries: Sequence[Entry]) -> list[str]:
    """Those of `rows`."""
    return ["model", "mAP50", "95%", "vs best", *(c.head for c in shown(entries))]


def rows(entries: Sequence[Entry]) -> list[list[str]]:
    """A line per entry: `=` where it can't be told from the best."""
    lines = []
    for entry in entries:
        figures = entry.figures()
        ends = (figures["mAP50_low"], figures["mAP50_high"])
        span = " to ".join(format_number(end, ".3f") for end in ends)
        lead = signed(entry.mAP50 - entries[0].mAP50)
        if entry is entries[0]:
            lead = "best"
        elif not entry.differs_from(entries[0]):
            lead = f"= {lead}"
        others = [format_number(figures[c.key], c.form) for c in shown(entries)]
        score = format_number(entry.mAP50, ".3f")
        if len(entry.runs) > 1:
            score += f" ± {figures['mAP50_seed_sd']:.3f}"
        lines.append([entry.name, score, span, lead, *others])
    return lines


def as_text(entries: Sequence[Entry]) -> str:
    """For a terminal."""
    return text_table(heads(entries), rows(entries))


def as_markdown(entries: Sequence[Entry]) -> str:
    """For a README, with mAP50 and AP of each class below."""
    tables = [markdown_table(heads(entries), rows(entries))]
    for figure in ("mAP50", "AP"):
        lines = [[entry.name, *entry.per_class(figure).values()] for entry in entries]
        names = entries[0].per_class(figure)
        tables.append(markdown_table([figure, *names], lines))
    return "\n\n".join(tables) + "\n"


def as_csv(entries: Sequence[Entry]) -> str:
    """All figures unrounded, a column for each class's mAP50 and AP too."""
    lines = []
    for entry in entries:
        line = {"model": entry.name, **entry.figures()}
        line["same_as_best"] = not entry.differs_from(entries[0])
        for figure in ("mAP50", "AP"):
            for name, value in entry.per_class(figure).items():
                line[f"{figure} {name}"] = value
        lines.append(line)
    return csv_text(lines)
