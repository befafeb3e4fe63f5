"""Plots of several runs: mAP against speed, and their curves.

Each function gives a Figure: `save_figure` of reports/curves.py writes it as an image,
`as_svg` makes it part of a page.
"""

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from reports.curves import COLOURS, GREY, GRID, INK, frame_axes, line_style, new_figure

# a page's own colours, which follow its reader's light or dark mode
STYLES = {INK: "currentColor", "#000000": "currentColor"}
STYLES |= {GREY: "var(--soft)", GRID: "var(--line)"}


class Point(NamedTuple):
    """A model: speed and mAP50, each with its interval; whether no other beats it."""

    name: str
    fps: float
    mAP50: float
    fps_ends: tuple[float, float]
    ends: tuple[float, float]
    on_front: bool


def plot_map_vs_fps(points: Sequence[Point]) -> Figure:
    """mAP50 over images per second with 95% intervals, and the Pareto front."""
    figure = new_figure(6, 4.4)
    axes = figure.subplots()
    front = sorted(point[1:3] for point in points if point.on_front)
    axes.plot(*zip(*front, strict=True), color=GREY, linewidth=1.2, linestyle="--")
    for i, point in enumerate(points):
        colour = COLOURS[i % len(COLOURS)]
        axes.plot([point.fps] * 2, point.ends, color=colour, linewidth=1.4)
        axes.plot(point.fps_ends, [point.mAP50] * 2, color=colour, linewidth=1.4)
        look = {"marker": "o", "markersize": 9, "markeredgewidth": 2, "color": colour}
        look |= {"markerfacecolor": colour if point.on_front else "none"}
        place = (point.fps, point.mAP50)
        axes.plot(*place, linestyle="none", clip_on=False, label=point.name, **look)
    frame_axes(axes, "mAP50 and speed", None)
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis, [end for point in points for end in point.fps_ends])
    axes.set_xlabel("images a second, 95% interval", color=INK)
    axes.set_ylabel("mAP50, 95% interval", color=INK)
    axes.set_ylim(0, 1.02)
    axes.set_title("filled: no other is better in both", loc="right", **_SMALL)
    _legend(figure, axes)
    return figure


def plot_runs(
    histories: Mapping[str, Sequence[Mapping[str, float]]], over_time: bool
) -> Figure:
    """val acc and mAP50 of runs, by name, over their minutes or epochs."""
    figure = new_figure(8, 4.4)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, column in zip(panels, ("mAP50", "val_acc"), strict=True):
        for i, (name, rows) in enumerate(histories.items()):
            x = [r["seconds"] / 60 if over_time else r["epoch"] for r in rows]
            y = [row[column] for row in rows]
            marker = "o" if len(rows) < 3 else None
            axes.plot(x, y, **line_style(i), marker=marker, clip_on=False, label=name)
        frame_axes(axes, column.replace("_", " "), None)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
        axes.set_xlabel("minutes" if over_time else "epoch", color=INK)
        axes.set_ylim(0, 1.02)
    _legend(figure, panels[0])
    return figure


def as_svg(figure: Figure, title: str) -> str:
    """An <svg> to stand in a page: letters stay letters, colours are the page's."""
    text = io.StringIO()
    options = {"svg.fonttype": "none", "svg.hashsalt": title}
    with mpl.rc_context(options):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    # its own size, letters and names would get in the way of the page's
    svg = re.sub(r"(?s)<metadata>.*?</metadata>|<style.*?</style>", "", svg)
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r"font-family:[^;]*; ", "", svg)
    svg = re.sub(r'<g id="\w+"', "<g", svg)
    for colour, style in STYLES.items():
        svg = re.sub(re.escape(colour), style, svg, flags=re.IGNORECASE)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)


_SMALL = {"color": GREY, "fontsize": 9}


def _plain_ticks(axis: mpl.axis.Axis, values: Sequence[float]) -> None:
    """1, 2, 5, 10 ... around the values of a logarithmic axis, written out."""
    low, high = min(values) / 1.3, max(values) * 1.3
    steps = [m * 10.0**k for k in range(-3, 6) for m in (1, 2, 5)]
    shown = [step for step in steps if low <= step <= high]
    axis.set_ticks(shown, [f"{step:g}" for step in shown])
    axis.set_ticks([], minor=True)
    axis.axes.set_xlim(low, high)


def _legend(figure: Figure, axes: mpl.axes.Axes) -> None:
    look = {"frameon": False, "fontsize": 9, "labelcolor": INK}
    place = {"loc": "outside lower center", "ncols": 2}
    figure.legend(*axes.get_legend_handles_labels(), **place, **look)
