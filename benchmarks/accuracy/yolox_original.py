"""What YOLOX-nano's own file scores on VOC's classes, by onnxruntime.

    python -m benchmarks.accuracy.yolox_original yolox_nano.onnx --data voc2007
    python -m benchmarks.accuracy.yolox_original FILE.onnx --data voc2007 --size 288

Images are prepared as its authors do: shrunk into the upper left corner of a grey
square. Of COCO's 80 classes the 20 of VOC are scored. The file is made for 416 pixels;
at other sizes, multiples of 32, its graph is given another input.
"""

import argparse
from collections.abc import Callable

import cv2
import numpy as np
from tqdm import tqdm

from data import Dataset, read_dataset
from evaluation import evaluate_coco, evaluate_voc, mean_ap
from models.weights.published.class_names import COCO, same_class
from reports import class_table

SIZE = 416  # YOLOX exps/default/yolox_nano.py: test_size
GREY = 114  # yolox/data/data_augment.py, preproc
STRIDES = (8, 16, 32)  # yolo_head.py
MIN_SCORE = 0.01  # the SSD paper, sec. 2.2, as detect of ssd_utils has it
NMS_IOU = 0.45  # the same
TOP_K = 200  # the same


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.yolox_original"
    )
    parser.add_argument("file", metavar="FILE.onnx")
    parser.add_argument("--data", nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--split", default="val")
    parser.add_argument("--size", type=int, default=SIZE, help="multiple of 32")
    args = parser.parse_args()
    dataset = read_dataset(args.data, args.split)
    network = session(args.file, args.size)
    rows = class_rows(dataset.class_names)
    detections = [
        detect(network, sample.read_image(), args.size, rows)
        for sample in tqdm(dataset.samples, disable=None)
    ]
    print_scores(dataset, detections)


def session(path: str, size: int) -> Callable[[np.ndarray], np.ndarray]:
    """Images (1, 3, size, size) -> raw predictions (P, 85)."""
    import onnx
    import onnxruntime

    model = onnx.load(path, load_external_data=False)
    for value in (*model.graph.input, *model.graph.output):
        shape = value.type.tensor_type.shape.dim
        for axis in (2, 3) if len(shape) == 4 else (1,):
            shape[axis].dim_value = size if len(shape) == 4 else len(cells(size)[0])
    run = onnxruntime.InferenceSession(model.SerializeToString()).run
    return lambda image: run(None, {"images": image})[0][0]


def class_rows(class_names: list[str]) -> list[int]:
    """Positions of classes in COCO's list."""
    known = COCO.split(", ")
    return [known.index(same_class(name)) for name in class_names]


def cells(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Corner (P, 2) in cells and stride (P, 1) of every prediction."""
    grids, strides = [], []
    for stride in STRIDES:
        side = size // stride
        y, x = np.mgrid[:side, :side]
        grids.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full((side * side, 1), stride))
    return np.concatenate(grids), np.concatenate(strides)


def detect(
    network: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    size: int,
    rows: list[int],
) -> np.ndarray:
    """Detections (K, 6), class, score, corners in 0..1, of uint8 RGB (H, W, 3)."""
    height, width = image.shape[:2]
    scale = min(size / height, size / width)
    small = cv2.resize(image, (int(width * scale), int(height * scale)))
    square = np.full((size, size, 3), GREY, np.uint8)
    square[: small.shape[0], : small.shape[1]] = small
    raw = network(square[None, :, :, ::-1].transpose(0, 3, 1, 2).astype("float32"))
    corner, stride = cells(size)
    centers = (raw[:, :2] + corner) * stride
    halves = np.exp(raw[:, 2:4]) * stride / 2
    boxes = np.concatenate([centers - halves, centers + halves], axis=1)  # pixels
    scores = raw[:, 4:5] * raw[:, 5:][:, rows]  # (P, classes)
    at, class_ids = np.nonzero(scores > MIN_SCORE)
    values = scores[at, class_ids]
    xywh = np.concatenate([boxes[:, :2], 2 * halves], axis=1)[at]
    kept = cv2.dnn.NMSBoxesBatched(
        xywh.tolist(), values.tolist(), class_ids.tolist(), MIN_SCORE, NMS_IOU
    )
    kept = np.array(kept, int)[:TOP_K]
    corners = boxes[at[kept]] / scale / [width, height, width, height]
    found = [class_ids[kept, None] + 1, values[kept, None], np.clip(corners, 0, 1)]
    return np.concatenate(found, axis=1)


def print_scores(dataset: Dataset, detections: list[np.ndarray]) -> None:
    """The table of evaluate.py."""
    truths = [sample.truth for sample in dataset.samples]
    difficult = [sample.difficult for sample in dataset.samples]
    sizes_wh = [sample.size_wh for sample in dataset.samples]
    scored = detections, truths, difficult
    curves = evaluate_voc(*scored, dataset.class_names)
    coco = evaluate_coco(*scored, sizes_wh, dataset.class_names)
    print(class_table(curves, 0.5, coco["per_class"], len(dataset)))
    means = mean_ap(curves)
    print("   ".join(f"{name} {means[name]:.3f}" for name in ("mAP07", "mAP50")))
    print("   ".join(f"{name} {coco[name]:.3f}" for name in ("AP", "AP75")))


if __name__ == "__main__":
    main()
