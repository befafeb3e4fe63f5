"""Images of the page: each once, small, with every model's boxes beside them."""

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from comparison.entries import Entry
from comparison.page.confusion import Box, worst
from data import Dataset
from reports.image_encoding import encode_image

SAME, WORST = 8, 8  # ours: images of the grid, and of each model's worst
SIDE, QUALITY = 480, 70  # ours: the longer side in pixels; WebP, some 20 KB each
KINDS = ("TP", "FP", "class error", "FN")  # their numbers in page.js


def page_data(
    entries: Sequence[Entry], judged: Sequence[list[list[Box]]], dataset: Dataset
) -> dict[str, Any]:
    """What page.js draws, for JSON.

    `judged`: the boxes of each image, for each entry. The grid's images are evenly
    chosen.
    """
    count = min(SAME, len(dataset))
    same = np.linspace(0, len(dataset) - 1, count).round().astype(int).tolist()
    hardest = [worst(boxes, WORST) for boxes in judged]
    shown = sorted({*same, *(i for some in hardest for i in some)})
    place = {sample: number for number, sample in enumerate(shown)}
    return {
        "classes": list(dataset.class_names),
        "models": [entry.name for entry in entries],
        "images": [_embed(dataset.samples[i]) for i in shown],
        "boxes": [[[_row(b) for b in boxes[i]] for i in shown] for boxes in judged],
        "same": [place[i] for i in same],
        "worst": [[place[i] for i in some] for some in hardest],
    }


def _embed(sample: Any) -> dict[str, Any]:
    """Name, size and a data URI of an image."""
    image = sample.read_image()
    factor = min(SIDE / max(image.shape[:2]), 1)
    size = tuple(max(round(side * factor), 1) for side in image.shape[1::-1])
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    data = encode_image(".webp", small, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    text = base64.b64encode(data).decode("ascii")
    source = {"name": sample.path.name, "src": f"data:image/webp;base64,{text}"}
    return source | {"width": size[0], "height": size[1]}


def _row(box: Box) -> list:
    corners = np.clip(box.corners, 0, 1).round(4).tolist()
    kind = KINDS.index(box.kind)
    return [kind, box.class_id, round(box.score, 3), corners, box.other]
