"""What the moving average of the weights is worth, of the same training steps.

    python -m benchmarks.accuracy.ema [--data raccoon bccd helmet voc2007] [--seeds 3]

train.py by its defaults, some epochs long; its last checkpoint holds the average
and the weights themselves, so both are scored on all validation images of the same
training. Prints a Markdown table.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np

import train
from base.keras_setup import import_keras
from reports import markdown_table

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
# folder, split to train on, split to score, epochs: one to four minutes each
DATA = {
    "raccoon": (SHARED / "raccoon", "train", "val", 12),
    "bccd": (SHARED / "bccd", "trainval", "test", 12),
    "helmet": (SHARED / "helmet", "train", "val", 5),
    "voc2007": (SHARED / "voc2007", "train", "val", 2),
}
HEADERS = ("data", "epochs", "seed")
HEADERS += ("mAP50, last step", "mAP50, average", "AP, last step", "AP, average")


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=DATA)
    parser.add_argument("--seeds", type=int, default=3, help="from 0 on")
    args = parser.parse_args()
    import_keras()
    rows = []
    for name in args.data:
        figures = [train_and_score(*DATA[name], seed) for seed in range(args.seeds)]
        means = [mean(column) for column in zip(*figures, strict=True)]
        for seed, row in [*enumerate(figures), ("mean", means)]:
            rows.append((name, DATA[name][3], seed, *(f"{x:.3f}" for x in row)))
            print(*rows[-1], flush=True)
    print(markdown_table(HEADERS, rows))


def train_and_score(
    folder: Path, train_split: str, val_split: str, epochs: int, seed: int
) -> tuple[float, float, float, float]:
    """mAP50 without and with the average, AP without and with it."""
    from data import read_dataset
    from models import weights
    from training.monitoring.validation import Evaluator
    from training.recovery import checkpoint

    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "run"
        options = ["--data", folder, "--train-split", train_split]
        options += ["--val-split", val_split, "--epochs", epochs, "--seed", seed]
        status = train.main([*map(str, options), "--output", str(output)])
        if status:
            raise SystemExit(status)
        model, metadata = weights.load(output / "last.weights.h5")
        with np.load(output / checkpoint.NAME) as file:
            arrays = [
                [file[f"{group}/{i}"] for i in range(len(model.weights))]
                for group in ("model", "average")
            ]
    dataset = read_dataset([str(folder)], val_split, metadata.class_names)
    evaluator = Evaluator(model, metadata.architecture, dataset, batch_size=8)
    found = []
    for values in arrays:
        for variable, value in zip(model.weights, values, strict=True):
            variable.assign(value)
        evaluator()
        found.append(figures_of(evaluator))
    (map50, ap), (map50_ema, ap_ema) = found
    return map50, map50_ema, ap, ap_ema


def figures_of(evaluator) -> tuple[float, float]:
    """mAP50 and COCO's AP of what an Evaluator has just found."""
    from evaluation import evaluate_coco, mean_ap

    summary = evaluate_coco(
        evaluator.detections,
        [sample.truth for sample in evaluator.samples],
        [sample.difficult for sample in evaluator.samples],
        [sample.size_wh for sample in evaluator.samples],
        evaluator.dataset.class_names,
    )
    return mean_ap(evaluator.curves)["mAP50"], summary["AP"]


if __name__ == "__main__":
    main()
