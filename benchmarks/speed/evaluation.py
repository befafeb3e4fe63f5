"""What evaluate.py takes beside the network's own time, on real images.

    python -m benchmarks.speed.evaluation --data voc2007 --rounds 3

"Network" gives raw predictions of images that are ready. "Files to detections" reads,
decodes and resizes the files, suppresses, and computes the losses; "figures" are VOC's,
COCO's and the threshold. All take turns in one process.
"""

import argparse
import itertools

import numpy as np

from base.keras_setup import import_keras, keep_weights_in_order
from benchmarks.cost.interleaved import race

BATCH_SIZE = 8  # evaluate.py's default
READY = 4  # ours: batches in memory that the network sees again and again


def main() -> None:
    """Measure and print."""
    args = parse(__doc__, rounds=3)
    keep_weights_in_order()
    import_keras()
    import inference
    from benchmarks.machine import machine
    from data import Batches, read_dataset, use_one_thread_an_image
    from evaluate import score
    from inference.dataset import evaluate_detector
    from models.weights.hub import DEFAULT
    from reports.tables import markdown_table

    print(machine("tensorflow", "keras"))
    use_one_thread_an_image()
    dataset = read_dataset(args.data, args.split)
    model = inference.open_model(args.weights or DEFAULT, 0.01)
    batches = Batches(dataset, BATCH_SIZE, augmented=False)
    ready = [images for images, _ in itertools.islice(batches.epoch(0), READY)]
    samples, detections, _ = evaluate_detector(model, batches)

    def network(_: int) -> None:
        for step in range(batches.steps_per_epoch):
            np.asarray(model.folded.predict_on_batch(ready[step % len(ready)]))

    seconds = race(
        {
            "network": network,
            "files to detections": lambda _: evaluate_detector(model, batches),
            "figures": lambda _: score(samples, detections, dataset.class_names),
        },
        args.rounds,
    )
    seconds["both"] = seconds["files to detections"] + seconds["figures"]
    rows = [
        (name, f"{1e3 * taken / len(dataset):.2f}", f"{taken / seconds['network']:.2f}")
        for name, taken in seconds.items()
    ]
    print(f"{len(dataset)} images")
    print(markdown_table(("part", "ms an image", "times the network"), rows))


def parse(description: str, rounds: int) -> argparse.Namespace:
    """The options of what is timed with a weights file on a data set."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--split", default="val")
    parser.add_argument("--weights", help="default: the default detector")
    parser.add_argument("--rounds", type=int, default=rounds)
    return parser.parse_args()


if __name__ == "__main__":
    main()
