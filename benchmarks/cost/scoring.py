"""Scoring beside others: VOC and COCO figures of drawn detections.

    python -m benchmarks.cost.scoring [--images 5000]

200 detections an image in 20 classes: near the truth by chance, the rest anywhere.
"""

import argparse
import contextlib
import io
import time

import numpy as np

HEADERS = ("what", "seconds", "result")


def main() -> None:
    """Measure each evaluator once and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost.scoring")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--skip-pycocotools", action="store_true")
    args = parser.parse_args()
    from benchmarks.machine import machine
    from benchmarks.peers.voc_eval import voc_eval
    from evaluation import evaluate_coco, evaluate_voc, mean_ap
    from reports import markdown_table

    print(machine("numpy", "faster-coco-eval", "pycocotools"))
    names = [f"class {i}" for i in range(1, 21)]
    data = draw(args.images, 200, len(names))
    sizes = [(500, 375)] * args.images
    calls = {
        "VOC, ours": lambda: mean_ap(evaluate_voc(*data, names))["mAP50"],
        "VOC, a loop per class": lambda: np.nanmean(
            [voc_eval(*data, class_id) for class_id in range(1, len(names) + 1)]
        ),
        "COCO, ours (faster-coco-eval)": lambda: evaluate_coco(*data, sizes, names)[
            "AP"
        ],
    }
    if not args.skip_pycocotools:
        calls["COCO, pycocotools"] = lambda: pycocotools_ap(data, sizes, names)
    rows, seconds = [], {}
    for name, call in calls.items():
        started = time.perf_counter()
        result = call()
        seconds[name] = time.perf_counter() - started
        rows.append((name, f"{seconds[name]:.2f}", f"{result:.7f}"))
    print(markdown_table(HEADERS, rows))
    ratio = seconds["VOC, a loop per class"] / seconds["VOC, ours"]
    print(f"\nVOC: {ratio:.1f} times as fast as the loop")


def draw(num_images: int, num_found: int, num_classes: int, num_truth: int = 0):
    """Detections, truths and difficult of each image; 1 to 13 objects, or so many."""
    rng = np.random.default_rng(0)
    detections, truths, difficult = [], [], []
    for _ in range(num_images):
        count = num_truth or int(rng.integers(1, 14))
        truth = np.column_stack(
            [boxes(rng, count), rng.integers(1, num_classes + 1, count)]
        )
        near = truth[rng.integers(0, count, num_found // 2)]
        moved = near[:, :4] + rng.normal(0, 0.02, (len(near), 4))
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 0.01)
        rest = num_found - len(near)
        rows = np.concatenate([moved, boxes(rng, rest)])
        ids = np.concatenate([near[:, 4], rng.integers(1, num_classes + 1, rest)])
        found = np.column_stack([ids, rng.uniform(0.01, 1, num_found), rows])
        detections.append(found[np.argsort(-found[:, 1])])
        truths.append(truth)
        difficult.append(rng.random(count) < 0.1)
    return detections, truths, difficult


def boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Corners (N, 4) in 0..1."""
    sides = rng.uniform(0.05, 0.5, (count, 2))
    low = rng.uniform(0, 1, (count, 2)) * (1 - sides)
    return np.concatenate([low, low + sides], axis=1)


def pycocotools_ap(data, sizes, names) -> float:
    """AP of the same JSON by the original."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from evaluation.coco import to_coco, to_results

    detections, truths, difficult = data
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = to_coco(truths, difficult, sizes, names)
        truth.createIndex()
        evaluator = COCOeval(
            truth, truth.loadRes(to_results(detections, sizes)), "bbox"
        )
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return float(evaluator.stats[0])


if __name__ == "__main__":
    main()
