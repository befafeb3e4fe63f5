"""What a detector scores that looks at nothing: the same boxes in every image.

    python -m benchmarks.accuracy.constant_baseline --data raccoon bccd shapes

For each class the median box of its training objects. Prints a Markdown table.
"""

import argparse

import numpy as np

from benchmarks.accuracy.learning.experiments import DATA
from benchmarks.accuracy.learning.trainings import read
from data import Dataset
from evaluation import evaluate_coco, evaluate_voc, mean_ap
from reports import markdown_table

HEADERS = ("data", "images", "mAP50", "AP")


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.constant_baseline"
    )
    parser.add_argument("--data", nargs="+", required=True, choices=DATA)
    rows = []
    for name in parser.parse_args().data:
        train_set, val_set = read(DATA[name])
        detections = [median_boxes(train_set)] * len(val_set)
        truths = [sample.truth for sample in val_set.samples]
        difficult = [sample.difficult for sample in val_set.samples]
        sizes_wh = [sample.size_wh for sample in val_set.samples]
        scored = detections, truths, difficult
        curves = evaluate_voc(*scored, val_set.class_names)
        coco = evaluate_coco(*scored, sizes_wh, val_set.class_names)
        rows.append((name, len(val_set), mean_ap(curves)["mAP50"], coco["AP"]))
    print(markdown_table(HEADERS, rows))


def median_boxes(dataset: Dataset) -> np.ndarray:
    """(C - 1, 6): class, score 1, corners."""
    truth = np.concatenate([sample.truth for sample in dataset.samples])
    return np.stack(
        [
            [class_id, 1.0, *np.median(truth[truth[:, 4] == class_id, :4], axis=0)]
            for class_id in range(1, len(dataset.class_names) + 1)
        ]
    )


if __name__ == "__main__":
    main()
