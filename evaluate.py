"""Score a detector, or any detector's boxes, on annotated pictures.

    python evaluate.py --weights runs/mine/best.weights.h5 --data my_pictures
    python evaluate.py --weights W --data my_pictures --split test --json figures.json
    python evaluate.py --weights W --data large_pictures --tile
    python evaluate.py --predictions boxes.json --data my_pictures --split test

Prints AP per class and mAP (VOC 07, VOC area, COCO), val acc and fps, and draws the
precision-recall curves. On the validation split it also keeps the threshold of best F1
in the weights file, where detect.py finds it.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from training.failures import memory_line

if TYPE_CHECKING:
    import numpy as np

    from data import Dataset, Picture

    Scored = tuple[list[Picture], list[np.ndarray], dict]

# ours: the figures of the last line, VOC's and COCO's first
SHOWN = ("mAP07", "mAP50", "AP", "AP50", "AP75", "val_acc", "fps", "latency_ms_p50")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options; Keras is not loaded yet."""
    parser = argparse.ArgumentParser(
        prog="evaluate.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # fmt: off
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", metavar="FILE", help="a detector of train.py's")
    source.add_argument("--predictions", metavar="FILE",
        help="COCO results JSON of any detector: image_id (file name, or position in "
        "the split from 1), category_id (position of the class from 1), bbox, score")
    parser.add_argument("--data", nargs="+", required=True, metavar="FOLDER",
        help="annotated pictures")
    parser.add_argument("--split", default="val", metavar="NAME",
        help="val, test, ...; default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=8, metavar="N",
        help="pictures at a time; default: %(default)s")
    parser.add_argument("--tile", action="store_true",
        help="cut large pictures into tiles as large as the pictures of the training")
    parser.add_argument("--tile-size", type=int, metavar="N",
        help="tiles of N pixels instead; implies --tile")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--plot", metavar="FILE",
        help="where the precision-recall curves go; default: beside the weights or "
        "the predictions, as NAME.SPLIT.png")
    # fmt: on
    args = parser.parse_args(argv)
    for name in ("batch_size", "tile_size"):
        if getattr(args, name) is not None and getattr(args, name) <= 0:
            parser.error(f"--{name.replace('_', '-')} must be above 0")
    args.tile = args.tile or args.tile_size is not None
    if args.tile and args.predictions:
        parser.error("--tile goes with --weights")
    return args


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, or 2 after one line that says what to mend."""
    args = parse(argv)
    try:
        run(args)
    except (ValueError, OSError) as error:
        print(f"evaluate.py: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        print(f"evaluate.py: {memory_line(error, args.batch_size)}", file=sys.stderr)
        return 2
    return 0


def run(args: argparse.Namespace) -> None:
    """Detections, figures, table, files."""
    from data import read_dataset
    from evaluation import (
        best_threshold,
        evaluate_coco,
        evaluate_voc,
        mean_ap,
        read_predictions,
    )
    from reports import class_table, plot_precision_recall
    from training import import_keras
    from training.runs import output_file, write_json

    source = args.weights or args.predictions
    stem = source.removesuffix(".json").removesuffix(".weights.h5")
    plot = output_file("--plot", args.plot or f"{stem}.{args.split}.png", ".png")
    json_file = output_file("--json", args.json, ".json") if args.json else None

    if args.weights:
        import_keras()
        from models import weights

        description = weights.describe(args.weights)
        dataset = read_dataset(args.data, args.split, description.class_names)
    else:
        dataset = read_dataset(args.data, args.split)
    dataset.check_boxes()
    print(dataset.describe())
    for line in (*dataset.notes, *dataset.problems):
        print(f"  {line}", file=sys.stderr)
    if args.weights:
        run_it = run_tiled if args.tile else run_detector
        pictures, detections, figures = run_it(args, dataset)
    else:
        pictures, figures = dataset.pictures, {}
        detections = read_predictions(
            args.predictions,
            [picture.path.name for picture in pictures],
            [picture.size_wh for picture in pictures],
            dataset.class_names,
        )
    truths = [picture.truth for picture in pictures]
    difficult = [picture.difficult for picture in pictures]
    sizes_wh = [picture.size_wh for picture in pictures]
    curves = evaluate_voc(detections, truths, difficult, dataset.class_names)
    areas_px = [picture.areas_px for picture in pictures]
    coco = evaluate_coco(
        detections, truths, difficult, sizes_wh, dataset.class_names, areas_px
    )
    per_class = coco.pop("per_class")
    threshold, f1 = best_threshold(curves)
    figures |= {**mean_ap(curves), **coco, "threshold": threshold, "f1": f1}

    print(class_table(curves, threshold, per_class, len(dataset)))
    print(
        f"P and R at the threshold of best F1: {threshold:.3f} (F1 {f1:.3f})\n"
        + "   ".join(f"{name} {figures[name]:.3f}" for name in SHOWN if name in figures)
    )
    plot_precision_recall(curves, plot)
    print(f"precision-recall curves: {plot}")
    is_ours = args.weights and weights.is_detector(args.weights)
    if is_ours and dataset.split == "val":
        weights.keep_threshold(args.weights, threshold, f1)
        print(f"{args.weights} keeps {threshold:.3f} as detect.py's threshold")
    if json_file:
        classes = {
            curve.class_name: {
                "VOC07": curve.ap07,
                "VOC": curve.ap_area,
                "COCO": per_class[curve.class_name],
            }
            for curve in curves
        }
        what = {"source": source, "data": args.data, "split": args.split}
        what["pictures"] = len(pictures)
        write_json(json_file, {**what, **figures, "classes": classes})


def run_tiled(args: argparse.Namespace, dataset: "Dataset") -> "Scored":
    """The pictures that can be read, what tiles find in each, pictures per second."""
    import time

    from tqdm import tqdm

    import detection
    from ssd_utils import MIN_SCORE
    from training.validation import tell_broken

    options = {"batch_size": args.batch_size, "tile": True, "tile_px": args.tile_size}
    detector = detection.load(args.weights, MIN_SCORE, **options)
    print(f"tiles of {detector.tile_px} pixels")
    pictures, detections, broken, started = [], [], set(), time.perf_counter()
    for picture in tqdm(dataset.pictures, unit=" pictures", disable=None):
        try:
            prepared = detector.prepare(picture.pixels())
        except ValueError:
            broken.add(picture.path)
            continue
        pictures.append(picture)
        detections += detector.detect([prepared])
    tell_broken(broken)
    fps = len(pictures) / (time.perf_counter() - started)
    return pictures, detections, {"fps": fps, "tile_px": detector.tile_px}


def run_detector(args: argparse.Namespace, dataset: "Dataset") -> "Scored":
    """The detections of all pictures; val acc, fps, and the latency of one picture."""
    import keras

    from evaluation import measure_fps
    from models import weights
    from training import devices
    from training.validation import Validation, tell_broken

    print(devices.headline(devices.find_device(), keras.config.dtype_policy().name))
    model, description = weights.load(args.weights)
    architecture = description.architecture
    plain = weights.fold(model, architecture)
    check = Validation(plain, architecture.plain(), dataset, args.batch_size)
    figures, _, _ = check()
    tell_broken(check.batches.broken)
    images, _ = check.batches.batch(0, 0)
    many = measure_fps(check.predictor.predict_on_batch, args.batch_size, images=images)
    one = measure_fps(check.predictor.predict_on_batch, 1, images=images)
    speed = {
        "fps": many["fps"],
        "fps_batch_size": args.batch_size,
        "latency_ms_p50": one["latency_ms_p50"],
        "latency_ms_p99": one["latency_ms_p99"],
    }
    losses = {name: figures[name] for name in ("val_acc", "val_loss")}
    return check.pictures, check.detections, losses | speed


if __name__ == "__main__":
    sys.exit(main())
