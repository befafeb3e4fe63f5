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
    rows, present = [], [[math.nan] * 4]
    for curve in curves:
        coco = (coco_per_class or {}).get(curve.class_name, {}).get("AP", math.nan)
        figures = [*at_threshold(curve, threshold), curve.ap_area, coco]
        rows.append([curve.class_name, curve.num_images, curve.num_truth, *figures])
        if curve.num_truth:
            present.append(figures)
    instances = sum(curve.num_truth for curve in curves)
    means = np.mean(present[1:] or present, axis=0).tolist()
    return text_table(CLASS_HEADERS, [["all", num_images, instances, *means], *rows])


def text_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Aligned columns, two spaces apart: the first to the left, the others right.

    Floats show three decimals, nan and None show `-`; no newline at the end.

    >>> print(text_table(["model", "fps"], [["small", 12.5], ["vgg16", None]]))
    model     fps
    small  12.500
    vgg16       -
    """
    cells = [[_cell(value) for value in row] for row in (headers, *rows)]
    first, *others = (max(map(len, column)) for column in zip(*cells, strict=True))
    form = "  ".join([f"{{:{first}}}", *(f"{{:>{width}}}" for width in others)])
    return "\n".join(form.format(*row).rstrip() for row in cells)


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """The same cells as a Markdown table; `|` inside a cell is escaped.

    >>> print(markdown_table(["model", "fps"], [["small", 12.5]]))
    | model | fps |
    | --- | ---: |
    | small | 12.500 |
    """
    cells = [[_cell(v).replace("|", r"\|") for v in row] for row in (headers, *rows)]
    cells.insert(1, ["---", *["---:"] * (len(headers) - 1)])
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _cell(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, float | np.floating):
        return f"{value:.3f}" if math.isfinite(value) else MISSING
    return " ".join(str(value).split())
