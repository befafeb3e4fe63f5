"""Whether a detector's false alarms are objects that nobody annotated.

    python -m benchmarks.accuracy.false_alarms --weights W --data my_images \
        --split test

Counts the sure detections that no annotated object, of whatever class, overlaps, prints
AP50 with and without them, and draws the surest of the class that has the most, red,
beside what is annotated, green.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

import inference
from base.constants import MIN_SCORE
from data import Sample, read_dataset
from evaluation import evaluate_voc, mean_ap
from reports import contact_sheet, markdown_table, write_image

# ours: an IoU below which a box lies on nothing that is annotated, and a score from
# which a detection is called sure
NOTHING_IOU, SURE = 0.1, 0.5
# ours: crops, crops in a row, their sides in pixels of the image and of the sheet
CROPS, COLUMNS, VIEW, SIDE = 40, 8, 260, 180
RED, GREEN = (230, 0, 0), (0, 170, 0)  # ours, RGB
HEADERS = ("class", "objects", "AP50", "sure, on nothing", "AP50 without them")


def main() -> None:
    """Detect, count, print and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy.false_alarms")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--tile", type=int)
    parser.add_argument("--output", type=Path, default=Path("false_alarms.jpg"))
    args = parser.parse_args()
    detector = inference.load(args.weights, MIN_SCORE, tile=args.tile or False)
    names = list(detector.class_names)
    samples = read_dataset(args.data, args.split, names).samples
    found = [
        rows[rows[:, 0] > 0]
        for sample in tqdm(samples, unit=" images")
        for rows in detector.detect([detector.prepare(sample.read_image())])
    ]
    sure = [
        on_nothing(rows, sample.truth) & (rows[:, 1] >= SURE)
        for rows, sample in zip(found, samples, strict=True)
    ]
    counts = print_table(samples, found, sure, names)
    shown = int(np.argmax(counts)) + 1
    alarms = [
        (score, sample, corners)
        for sample, rows, dropped in zip(samples, found, sure, strict=True)
        for class_id, score, *corners in rows[dropped]
        if class_id == shown
    ]
    if alarms:
        surest = sorted(alarms, key=lambda alarm: -alarm[0])[:CROPS]
        crops = [crop(sample, corners) for _, sample, corners in surest]
        write_image(args.output, contact_sheet(crops, COLUMNS))
        print(f"the surest, {names[shown - 1]}: {args.output}")


def print_table(
    samples: Sequence[Sample],
    found: Sequence[np.ndarray],
    sure: Sequence[np.ndarray],
    names: list[str],
) -> list[int]:
    """AP50 of each class with and without the `sure` rows; their number, by class."""
    truths = [sample.truth for sample in samples]
    difficult = [sample.difficult for sample in samples]
    others = [rows[~dropped] for rows, dropped in zip(found, sure, strict=True)]
    curves = evaluate_voc(found, truths, difficult, names)
    without = evaluate_voc(others, truths, difficult, names)
    alarms = np.concatenate(found)[np.concatenate(sure), 0]
    counts = [int((alarms == i).sum()) for i in range(1, len(names) + 1)]
    table = [
        (one.class_name, one.num_truth, one.ap_area, count, other.ap_area)
        for one, other, count in zip(curves, without, counts, strict=True)
    ]
    objects = sum(curve.num_truth for curve in curves)
    mean, better = mean_ap(curves)["mAP50"], mean_ap(without)["mAP50"]
    table.append(("all", objects, mean, sum(counts), better))
    print(markdown_table(HEADERS, table))
    return counts


def on_nothing(detections: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Bool (K,): which of (K, 6) no row of (M, 5) overlaps."""
    import keras

    from ssd_utils import iou

    if not len(detections) or not len(truth):
        return np.ones(len(detections), bool)
    corners = detections[:, 2:].astype("float32"), truth[:, :4].astype("float32")
    return keras.ops.convert_to_numpy(iou(*corners)).max(axis=1) < NOTHING_IOU


def crop(sample: Sample, corners: Sequence[float]) -> np.ndarray:
    """uint8 (SIDE, SIDE, 3): a detection in the middle, black beyond the image."""
    image = sample.read_image().copy()
    size = np.tile(image.shape[1::-1], 2)
    box = np.round(np.asarray(corners) * size).astype(int)
    for truth in sample.truth:
        outline(image, np.round(truth[:4] * size).astype(int), GREEN)
    outline(image, box, RED)
    padded = np.pad(image, ((VIEW // 2,) * 2, (VIEW // 2,) * 2, (0, 0)))
    left, top = (box[:2] + box[2:]) // 2
    view = padded[top : top + VIEW, left : left + VIEW]
    return cv2.resize(view, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def outline(image: np.ndarray, box: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Draw corners in pixels (4,) into an image."""
    cv2.rectangle(image, box[:2].tolist(), box[2:].tolist(), colour, 2)


if __name__ == "__main__":
    main()
