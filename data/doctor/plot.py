"""Sizes and shapes of a data set's boxes against the priors, as an image."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from base.constants import BLUE, DPI, IMAGE_SIZE, ORANGE
from base.files import atomic_write

BINS = 40  # ours
SIZE_TICKS = {value: str(value) for value in (5, 10, 30, 60, 100, 200, 300)}
RATIO_TICKS = {1 / 5: "1/5", 1 / 3: "1/3", 1 / 2: "1/2", 1: "1", 2: "2", 3: "3", 5: "5"}


def plot_boxes(boxes: np.ndarray, priors: np.ndarray, path: Path) -> None:
    """Write a PNG: boxes (M, 4) corners in 0..1, priors (P, 4) centers."""
    figure = Figure(figsize=(10, 3.6), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    size, ratio = _size_and_ratio(boxes[:, 2:] - boxes[:, :2])
    prior_size, prior_ratio = _size_and_ratio(priors[:, 2:])
    _histogram(left, size, prior_size, SIZE_TICKS)
    _histogram(right, ratio, prior_ratio, RATIO_TICKS)
    left.set_xlabel(f"root of the area, pixels of {IMAGE_SIZE}")
    right.set_xlabel("width / height")
    left.set_ylabel(f"of {len(boxes)} boxes")
    right.legend(frameon=False, fontsize=9)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png")


def _size_and_ratio(sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sides = np.maximum(sides.astype(float), 1e-4)  # (M, 2)
    return np.sqrt(sides.prod(axis=1)) * IMAGE_SIZE, sides[:, 0] / sides[:, 1]


def _histogram(
    axes: Axes, values: np.ndarray, priors: np.ndarray, ticks: dict[float, str]
) -> None:
    """Logarithmic, with a line at each value that a prior has."""
    lines = np.unique(priors.round(3))
    both = np.concatenate([values, lines])
    edges = np.geomspace(both.min() / 1.1, both.max() * 1.1, BINS)
    axes.hist(values, edges, color=BLUE, label="boxes")
    for number, at in enumerate(lines):
        name = "priors" if number == 0 else None
        axes.axvline(at, color=ORANGE, linewidth=0.9, label=name)
    axes.set_xscale("log")
    shown = [value for value in ticks if edges[0] <= value <= edges[-1]]
    axes.set_xticks(shown, [ticks[value] for value in shown])
    axes.set_xticks([], minor=True)
    axes.spines[["top", "right"]].set_visible(False)
