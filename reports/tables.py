"""The tables that a terminal and a README show."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.average_precision import ClassCurve
from evaluation.threshold import at_threshold

# the columns of ultralytics' per-class table, which users of detectors know
CLASS_HEADERS = ("Class", "Images", "Instances", "P", "R", "mAP50", "mAP50-95")
MISSING = "-"  # ours: no such number, for example AP of a class without objects


def class_table(
    curves: Sequence[ClassCurve],
    threshold: float,
    coco_per_class: Mapping[str, Mapping[str, float]] | None = None,
    num_images: int | None = None,
) -> str:
    """Plain text: a row `all`, then one per class; no newline at the end.

    `curves` as `evaluate_voc` returns them; P and R hold at score >= `threshold`; mAP50
    is the area under VOC's curve; mAP50-95 is `coco_per_class[name]["AP"]`, `-` without
    it. Images counts the images that hold the class, Instances its objects without
    the difficult ones. In `all` P, R and the mAPs are means over the classes that have
    objects, and Images is `num_images`, the size of the split.

    >>> one = np.ones(1)
    >>> print(class_table([ClassCurve("cat", 1, one, one, one, 1.0, 1.0, 1)], 0.5))
    Class  Images  Instances      P      R  mAP50  mAP50-95
    all         -          1  1.000  1.000  1.000         -
    cat         1          1  1.000  1.000  1.000         -
    """
    figures = [_figures(curve, threshold, coco_per_class or {}) for curve in curves]
    present = [
        row for row, curve in zip(figures, curves, strict=True) if curve.num_truth
    ]
    instances = sum(curve.num_truth for curve in curves)
    images = MISSING if num_images is None else num_images
    rows = [["all", images, instances, *_means(present)]]
    for curve, numbers in zip(curves, figures, strict=True):
        rows.append([curve.class_name, curve.num_images, curve.num_truth, *numbers])
    return text_table(CLASS_HEADERS, rows)


def text_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Aligned columns, two spaces apart: the first to the left, the others right.

    Floats show three decimals, nan and None show `-`; no newline at the end.

    >>> print(text_table(["model", "fps"], [["small", 12.5], ["vgg16", None]]))
    model     fps
    small  12.500
    vgg16       -
    """
    cells = [list(headers), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for first, *others in cells:
        parts = [first.ljust(widths[0])]
        parts += [c.rjust(w) for c, w in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """The same cells as a Markdown table; `|` inside a cell is escaped.

    >>> print(markdown_table(["model", "fps"], [["small", 12.5]]))
    | model | fps |
    | --- | ---: |
    | small | 12.500 |
    """
    cells = [list(headers), *([_cell(value) for value in row] for row in rows)]
    lines = [
        "| " + " | ".join(text.replace("|", r"\|") for text in line) + " |"
        for line in cells
    ]
    rule = ["---", *["---:"] * (len(headers) - 1)]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    return "\n".join(lines)


def _figures(
    curve: ClassCurve, threshold: float, per_class: Mapping[str, Mapping[str, float]]
) -> list[float]:
    # P, R, mAP50, mAP50-95
    coco = per_class.get(curve.class_name, {}).get("AP", math.nan)
    return [*at_threshold(curve, threshold), curve.ap_area, coco]


def _means(rows: Sequence[Sequence[float]]) -> list[float]:
    if not rows:
        return [math.nan] * 4
    return np.mean(rows, axis=0).tolist()


def _cell(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, float | np.floating):
        return f"{value:.3f}" if math.isfinite(value) else MISSING
    return " ".join(str(value).split())
