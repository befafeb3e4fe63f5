"""Curves of a training run and of an evaluation, as PNG, SVG or PDF.

Drawn on Figure objects: no pyplot, so no window system and no global state.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from base.constants import BLUE, DPI, GREEN, ORANGE, PURPLE, SKY
from base.errors import UserError
from base.files import atomic_write
from evaluation.average_precision import ClassCurve

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, "#E69F00", "#000000")
DASHES = ("-", "--", ":", "-.")  # ours: tell classes apart once the colours repeat
MAX_NAMED = 20  # VOC has 20 classes; more curves are drawn grey, without names
# ours: a quiet frame, the data in front
INK, GREY, GRID = "#333333", "#999999", "#E4E4E4"

# axes title -> (column, label, colour, line style); the columns of a run's history
PANELS = {
    "Loss": (("loss", "train", BLUE, "-"), ("val_loss", "validation", ORANGE, "-")),
    "Its two parts": (
        ("box_loss", "boxes, train", BLUE, "-"),
        ("val_box_loss", "boxes, validation", ORANGE, "-"),
        ("class_loss", "classes, train", BLUE, "--"),
        ("val_class_loss", "classes, validation", ORANGE, "--"),
    ),
    "Quality": (
        ("acc", "prior accuracy, train", BLUE, "--"),
        ("val_acc", "prior accuracy, validation", ORANGE, "--"),
        ("mAP50", "mAP50", GREEN, "-"),
    ),
    "Learning rate": (("lr", "learning rate", PURPLE, "-"),),
}


def plot_history(
    history: Sequence[Mapping[str, Any]] | str | Path, path: str | Path
) -> None:
    """Draw loss, its parts, quality and learning rate over epochs into `path`.

    `history` is one mapping per epoch, or the CSV file of a run: `epoch`, `lr`, `loss`,
    `box_loss`, `class_loss`, `acc`, the same with `val_`, and `mAP50`. A column that is
    missing, empty or not a number is left out. Raises UserError for an empty history.
    """
    if isinstance(history, str | Path):
        with Path(history).open(newline="", encoding="utf-8") as file:
            history = list(csv.DictReader(file))
    rows = list(history)
    if not rows:
        raise UserError(f"{path}: no epoch to draw, the history is empty")
    columns = _columns(rows)
    epochs = columns.get("epoch", np.arange(1.0, len(rows) + 1))
    figure = new_figure(10, 6.4)
    panels = figure.subplots(2, 2, sharex=True).flat
    for axes, (title, lines) in zip(panels, PANELS.items(), strict=True):
        _plot_panel(axes, title, lines, epochs, columns)
    for axes in figure.axes[2:]:
        axes.set_xlabel("epoch")
    save_figure(figure, path)


def plot_precision_recall(curves: Sequence[ClassCurve], path: str | Path) -> None:
    """Draw a precision-recall curve per class into `path`, best AP first.

    `curves` as `evaluate_voc` returns them; classes without objects are left out. The
    legend gives the area AP.
    """
    present = [curve for curve in curves if curve.num_truth]
    present.sort(key=lambda curve: -curve.ap_area)
    named = len(present) <= MAX_NAMED
    figure = new_figure(8.2 if named else 6, 5.4)
    axes = figure.subplots()
    for i, curve in enumerate(present):
        _plot_class(axes, curve, i if named else None)
    frame_axes(axes, "Precision and recall", None)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    if present:
        mean = np.mean([curve.ap_area for curve in present])
        axes.set_title(f"mAP50 {mean:.3f}", loc="right", color=INK, fontsize=10)
    if axes.get_legend_handles_labels()[0]:
        beside = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
        axes.legend(frameon=False, fontsize=9, **beside)
    save_figure(figure, path)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    # name -> (epochs,) with nan where a row has no number; columns all nan are dropped
    names = {name for row in rows for name in row}
    columns = {n: np.array([_number(row.get(n)) for row in rows]) for n in names}
    return {name: c for name, c in columns.items() if np.isfinite(c).any()}


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def new_figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)  # inches
    return figure


def _plot_panel(
    axes: Axes,
    title: str,
    lines: Sequence[tuple[str, str, str, str]],
    epochs: np.ndarray,
    columns: Mapping[str, np.ndarray],
) -> None:
    for name, label, colour, style in lines:
        if name not in columns:
            continue
        known = np.isfinite(columns[name])  # mAP may be measured every few epochs only
        look = {"color": colour, "linestyle": style, "linewidth": 1.8}
        if known.sum() < 15:
            filling = colour if style == "-" else "white"
            look |= {"marker": "o", "markersize": 5, "markerfacecolor": filling}
        axes.plot(epochs[known], columns[name][known], label=label, **look)
    frame_axes(axes, title, epochs)
    if not axes.lines:
        style = {"transform": axes.transAxes, "ha": "center", "color": GREY}
        axes.text(0.5, 0.5, "not recorded", **style)
        axes.set_yticks([])
        axes.grid(visible=False)
        return
    highest = max(float(line.get_ydata().max()) for line in axes.lines)
    shares = title == "Quality"  # 0..1; the others from 0 to what there is
    axes.set_ylim(0, 1.02 if shares else 1.08 * highest if highest > 0 else 1)
    if len(lines) > 1:
        axes.legend(frameon=False, fontsize=8)


def frame_axes(axes: Axes, title: str, epochs: np.ndarray | None) -> None:
    axes.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold")
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9)
    if epochs is not None:
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
        if len(epochs) == 1:
            axes.set_xlim(epochs[0] - 1, epochs[0] + 1)


def _plot_class(axes: Axes, curve: ClassCurve, rank: int | None) -> None:
    # rank chooses colour and dashes; None: one of too many, grey and without a name
    style = {"color": GREY, "linewidth": 0.8, "alpha": 0.7}
    if rank is not None:
        style = line_style(rank) | {"label": f"{curve.class_name}  {curve.ap_area:.3f}"}
    recall = np.concatenate([[0.0], curve.recall])
    precision = np.concatenate([curve.precision[:1], curve.precision])
    axes.plot(recall[: len(precision)], precision, **style)


def line_style(rank: int) -> dict[str, Any]:
    """The colour and dashes of one of several lines."""
    turn, colour = divmod(rank, len(COLOURS))
    dashes = DASHES[turn % len(DASHES)]
    return {"color": COLOURS[colour], "linestyle": dashes, "linewidth": 1.8}


def save_figure(figure: Figure, path: str | Path) -> None:
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format=Path(path).suffix[1:] or "png")
