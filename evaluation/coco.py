"""COCO's average precision, and detections as COCO results files.

Lin et al., "Microsoft COCO", https://cocodataset.org/#detection-eval; computed by
faster-coco-eval, whose figures equal pycocotools' (tests/evaluation/test_coco.py).
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from base import grouped
from base.boxes import to_pixels
from base.errors import UserError
from evaluation.average_precision import check_images
from evaluation.own_ids import OwnIds

# COCO's figures in the order of COCOeval.summarize; cocodataset.org
AP_NAMES = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
# the same order goes on: recall for 1, 10, 100 detections per image
AR_NAMES = ("AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large")
BOX_DECIMALS = 4  # ours: pixels are written to 1/10000


def to_coco(
    truths: Sequence[np.ndarray],
    difficult: Sequence[np.ndarray],
    sizes_wh: Sequence[tuple[int, int]],
    class_names: Sequence[str],
    areas_px: Sequence[np.ndarray | None] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """A COCO dataset (images, annotations, categories) of the true objects.

    One entry per image in each list: `truths` (M, 5) corners in 0..1 and class index,
    `difficult` bool (M,), `sizes_wh` width and height in pixels. Image ids are the
    images' positions from 1, category ids the class indices. `areas_px` (M,) square
    pixels of the objects' outlines, which tell small from large; None: the boxes' own.

    Annotation ids start at 1: 0 counts as "no match". A difficult object becomes a
    crowd (`iscrowd` 1): the only mark of "neither right nor wrong" that COCO's
    evaluators heed, for they overwrite `ignore` by `iscrowd`. Like the VOC kit they
    then ignore every detection on it; unlike there, overlap with a crowd is measured as
    a share of the detection and not as IoU, which forgives a little more.

    >>> coco = to_coco([np.array([[0, 0, 0.5, 0.5, 1]])], [np.array([False])],
    ...                [(200, 100)], ["cat"])
    >>> coco["annotations"][0]["bbox"], coco["categories"]
    ([0.0, 0.0, 100.0, 50.0], [{'id': 1, 'name': 'cat'}])
    """
    images, annotations = [], []
    for i, (truth, hard, size) in enumerate(
        zip(truths, difficult, sizes_wh, strict=True)
    ):
        width, height = (int(side) for side in size)
        images.append({"id": i + 1, "width": width, "height": height})
        boxes_px = _to_xywh_px(np.asarray(truth)[:, :4], size)
        areas = areas_px[i] if areas_px is not None else None
        for j, (row, box, is_hard) in enumerate(
            zip(truth, boxes_px, hard, strict=True)
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i + 1,
                    "category_id": int(row[4]),
                    "bbox": box.tolist(),
                    "area": float(areas[j] if areas is not None else box[2] * box[3]),
                    "iscrowd": int(is_hard),
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(class_names, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def evaluate_coco(
    detections: Sequence[np.ndarray],
    truths: Sequence[np.ndarray],
    difficult: Sequence[np.ndarray],
    sizes_wh: Sequence[tuple[int, int]],
    class_names: Sequence[str],
    areas_px: Sequence[np.ndarray | None] | None = None,
) -> dict[str, Any]:
    """COCO's twelve figures, and AP, AP50, AP75 of each class under `per_class`.

    One entry per image in each list: `detections` (K, 6) class index (0: padding),
    score, corners in 0..1; the others as in `to_coco`. Keys: AP (mean over IoU 0.5 to
    0.95), AP50, AP75, AP_small (< 32 x 32 pixels), AP_medium, AP_large (> 96 x 96),
    AR_1, AR_10, AR_100, AR_small, AR_medium, AR_large. nan where no object exists.

    Raises UserError as `evaluate_voc` does.

    >>> truth = np.array([[0.0, 0.0, 0.5, 0.5, 1]])
    >>> found = np.array([[1, 0.9, 0, 0, 0.5, 0.5]])
    >>> scores = evaluate_coco([found], [truth], [np.array([False])], [(90, 60)],
    ...                        ["cat"])
    >>> round(scores["AP"], 6), scores["AP_large"]
    (1.0, nan)
    """
    from faster_coco_eval import COCO, COCOeval_faster

    check_images(detections, truths, difficult, len(class_names) + 1)
    names = AP_NAMES + AR_NAMES
    per_class = {name: dict.fromkeys(AP_NAMES[:3], math.nan) for name in class_names}
    if not sum(len(truth) for truth in truths):
        return {**dict.fromkeys(names, math.nan), "per_class": per_class}
    truth_coco = COCO(to_coco(truths, difficult, sizes_wh, class_names, areas_px))
    results = to_results(detections, sizes_wh)
    evaluator = COCOeval_faster(
        truth_coco, truth_coco.loadRes(results), "bbox", print_function=lambda *_: None
    )
    evaluator.run()
    stats = [float(value) for value in evaluator.stats[: len(names)]]
    summary = {
        name: value if value >= 0 else math.nan
        for name, value in zip(names, stats, strict=True)
    }
    # precision: (IoU 0.5 .. 0.95, recall, class, area, detections); -1: no object
    precision = np.asarray(evaluator.eval["precision"])[:, :, :, 0, -1]
    for i, name in enumerate(class_names):
        parts = (precision[:, :, i], precision[0, :, i], precision[5, :, i])
        per_class[name] = {
            key: float(part[part > -1].mean()) if (part > -1).any() else math.nan
            for key, part in zip(AP_NAMES, parts, strict=False)
        }
    return {**summary, "per_class": per_class}


def read_predictions(
    path: str | Path,
    file_names: Sequence[str],
    sizes_wh: Sequence[tuple[int, int]],
    class_names: Sequence[str],
    own_ids: OwnIds | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[np.ndarray]:
    """Detections, float64 (K, 6) per image, from a COCO results file of any detector.

    Each entry: `image_id` (a position in `file_names` from 1, or a file's name or
    stem; its last folders and its name where several share one), `category_id` (class
    index from 1), `bbox` (x, y, width, height in pixels), `score`. Rows are sorted by
    score, best first; images without an entry get (0, 6).

    own_ids: those of the data's JSON, which come first; `tell` hears what was assumed.

    Raises UserError naming file and entry for anything else, in one line.
    """
    entries, assumed = _read_list(path), ""
    ids = _image_ids(file_names)
    if own_ids:
        try:
            entries, assumed = own_ids.translate(entries, ids)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        if tell:
            tell(f"{path}: {assumed}")
    rows: list[list[list[float]]] = [[] for _ in file_names]
    for number, entry in enumerate(entries):
        try:
            image = _find_image(entry["image_id"], ids, file_names)
            rows[image].append(_row(entry, sizes_wh[image], len(class_names)))
        except KeyError as error:
            raise UserError(f"{path}: entry {number}: no {error}") from None
        except (TypeError, ValueError, OverflowError) as error:
            also = assumed and f"; {assumed}"
            raise UserError(f"{path}: entry {number}: {error}{also}") from None
    arrays = [np.array(part, np.float64).reshape(-1, 6) for part in rows]
    return [array[np.argsort(-array[:, 1], kind="stable")] for array in arrays]


def _to_xywh_px(boxes: np.ndarray, size_wh: Sequence[int]) -> np.ndarray:
    # corners 0..1 (N, 4) -> x, y, width, height in pixels (N, 4)
    corners = to_pixels(np.asarray(boxes, np.float64), tuple(size_wh))
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def to_results(
    detections: Sequence[np.ndarray],
    sizes_wh: Sequence[tuple[int, int]],
    file_names: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Entries of a COCO results file: detections (K, 6) and pixels of each image.

    file_names: what `image_id` is; None: the position from 1, as in `to_coco`.
    """
    results = []
    for i, (found, size) in enumerate(zip(detections, sizes_wh, strict=True)):
        image_id = file_names[i] if file_names is not None else i + 1
        found = np.asarray(found)
        found = found[found[:, 0] > 0]
        boxes_px = np.round(_to_xywh_px(found[:, 2:], size), BOX_DECIMALS)
        for row, box in zip(found.tolist(), boxes_px.tolist(), strict=True):
            results.append(
                {
                    "image_id": image_id,
                    "category_id": int(row[0]),
                    "bbox": box,
                    "score": row[1],
                }
            )
    return results


def _read_list(path: str | Path) -> list[Any]:
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a JSON file: {error}") from None
    if not isinstance(entries, list):
        raise UserError(
            f"{path}: expected a list of results. Received: {type(entries).__name__}"
        )
    return entries


def _image_ids(file_names: Sequence[str]) -> dict[str, list[int]]:
    """Positions from 0 of the files of each name, and of each stem that is no name."""
    paths = list(map(PurePosixPath, file_names))
    names = grouped((path.name, i) for i, path in enumerate(paths))
    return grouped((path.stem, i) for i, path in enumerate(paths)) | names


def _find_image(
    image_id: Any, ids: dict[str, list[int]], file_names: Sequence[str]
) -> int:
    num_images = len(file_names)
    if isinstance(image_id, str):
        found = ids.get(PurePosixPath(image_id).name, [])
        if "/" in image_id:
            found = [i for i in found if f"/{file_names[i]}".endswith(f"/{image_id}")]
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(
                f"{len(found)} images are called {image_id!r:.80}, such as "
                f"{file_names[found[0]]} and {file_names[found[1]]}; expected folders "
                "in front that tell which."
            )
    is_number = isinstance(image_id, int) and not isinstance(image_id, bool)
    if is_number and 1 <= image_id <= num_images:
        return image_id - 1
    raise UserError(
        f"expected an image_id of 1 to {num_images} or a file's name. "
        f"Received: {image_id!r:.80}"
    )


def _row(entry: dict[str, Any], size_wh: Sequence[int], num_names: int) -> list[float]:
    # one entry -> class index, score, corners 0..1
    class_id, score, box = entry["category_id"], entry["score"], entry["bbox"]
    if type(class_id) is not int or not 1 <= class_id <= num_names:
        raise UserError(
            f"expected a category_id of 1 to {num_names}. Received: {class_id!r:.80}"
        )
    if not isinstance(box, list) or len(box) != 4:
        raise UserError(f"expected a bbox of 4 numbers. Received: {box!r:.80}")
    numbers = [score, *box]
    if not all(type(x) in (int, float) and math.isfinite(x) for x in numbers):
        raise UserError(
            f"expected finite numbers. Received: score={score!r:.40}, bbox={box!r:.80}"
        )
    x, y, width, height = box
    if width < 0 or height < 0:
        raise UserError(f"expected width and height >= 0. Received: bbox={box}")
    wide, high = size_wh
    corners = [x / wide, y / high, (x + width) / wide, (y + height) / high]
    return [class_id, score, *corners]
