"""Score a detector, or any detector's boxes, on annotated images.

    python evaluate.py --weights runs/mine/best.weights.h5 --data my_images
    python evaluate.py --weights W --data my_images --split test --json figures.json
    python evaluate.py --weights W --data large_images --tile
    python evaluate.py --weights model.onnx --data my_images   # what export.py wrote
    python evaluate.py --predictions boxes.json --data my_images --split test

Prints AP per class and mAP (VOC 07, VOC area, COCO), val acc and fps, and draws the
precision-recall curves. --save-threshold writes the threshold of best F1 into the
weights file, where detect.py finds it: train.py has chosen one on its own validation
images already.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from base.command_line import Parser, run_script, tile_side
from base.errors import UserError
from base.keras_setup import keep_weights_in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import numpy as np

    from data import Batches, Dataset, Sample
    from evaluation import ClassCurve
    from inference.detector import InferenceModel

    Scored = tuple[list[Sample], list[np.ndarray], dict]

# ours: the figures of the last line, VOC's and COCO's first
SHOWN = ("mAP07", "mAP50", "AP", "AP50", "AP75", "val_acc", "fps", "latency_ms_p50")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options; Keras is not loaded yet."""
    parser = Parser("evaluate.py", __doc__)
    # fmt: off
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", metavar="FILE|voc|coco",
        help="a detector of train.py's or what export.py made of one, or a published "
        "SSD300; voc and coco are fetched once")
    source.add_argument("--predictions", metavar="FILE",
        help="in place of --weights: COCO results JSON of any detector: image_id "
        "(file name, id in the data's own JSON, or position in the split from 1), "
        "category_id (id in it, or position of the class from 1), bbox, score")
    parser.add_argument("--data", nargs="+", required=True, metavar="FOLDER",
        help="annotated images")
    parser.add_argument("--split", default="val", metavar="NAME",
        help="is scored: val, test, ...; for figures to publish: test; "
        "default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=8, metavar="N",
        help="images at a time; for little memory smaller; default: %(default)s")
    parser.add_argument("--tile", type=tile_side, nargs="?", const=True, metavar="N",
        help="cut large images into tiles of N pixels, without N as large as the "
        "images of the training; for small objects in large images; default: whole "
        "images")
    parser.add_argument("--save-threshold", action="store_true",
        help="keep the threshold of best F1 in the weights file; when these images "
        "are more like the later ones than the validation split was, and not the test "
        "images")
    parser.add_argument("--json", metavar="FILE",
        help="write all figures there; for programs")
    parser.add_argument("--plot", metavar="FILE",
        help="where the precision-recall curves go; default: beside the weights or "
        "the predictions, as NAME.SPLIT.png or, with tiles, NAME.SPLIT.tiles.png, "
        "numbered where that is taken")
    # fmt: on
    args = parser.parse_args(argv)
    parser.check_above_0(args, "batch_size", "tile")
    for option in ("tile", "save_threshold"):
        if args.predictions and getattr(args, option):
            parser.error(f"--{option.replace('_', '-')} goes with --weights")
    return args


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0, or 2 after one line that says what to mend."""
    return run_script("evaluate.py", run, parse(argv))


def run(args: argparse.Namespace) -> None:
    """Detections, figures, table, files."""
    import inference
    from base.constants import MIN_SCORE
    from base.files import new_file, numbered_names
    from data import open_dataset, report_problems, use_one_thread_an_image
    from models.weights.hub import resolve_weights
    from reports import class_table, plot_precision_recall
    from training.runs import write_json

    use_one_thread_an_image()
    if args.weights:
        args.weights = resolve_weights(args.weights)
    source = args.weights or args.predictions
    stem = source.removesuffix(".json").removesuffix(".weights.h5")
    stem += f".{args.split}{'.tiles' if args.tile else ''}"
    names = (f"{name}.png" for name in numbered_names(stem))
    default = next(name for name in names if not Path(name).exists())
    plot = new_file("--plot", args.plot or default, ".png")
    json_file = new_file("--json", args.json, ".json") if args.json else None
    opened = open_dataset(args.data)  # mistakes show before Keras is loaded
    model = inference.open_model(args.weights, MIN_SCORE) if args.weights else None

    if model and "keras" in sys.modules:  # exported files need none
        from training.hardware import devices

        print(devices.headline())
    dataset = opened.split(args.split, model and model.class_names)
    dataset.check_boxes()
    print(dataset.describe())
    report_problems(dataset)
    samples, detections, figures = find_objects(args, dataset, model)
    curves, per_class, scores = score(samples, detections, dataset.class_names)
    figures |= scores

    print(class_table(curves, scores["threshold"], per_class, len(dataset)))
    print(
        f"P and R at the threshold of best F1: {scores['threshold']:.3f} "
        f"(F1 {scores['f1']:.3f})\n"
        + "   ".join(f"{name} {figures[name]:.3f}" for name in SHOWN if name in figures)
    )
    plot_precision_recall(curves, plot)
    print(f"precision-recall curves: {plot}")
    if args.save_threshold:
        from models.weights import save_threshold  # with Keras

        save_threshold(args.weights, scores["threshold"], scores["f1"])
        print(f"{args.weights} keeps {scores['threshold']:.3f} as its threshold")
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
        what["images"] = len(samples)
        write_json(json_file, {**what, **figures, "classes": classes})


def find_objects(
    args: argparse.Namespace, dataset: "Dataset", model: "InferenceModel | None"
) -> "Scored":
    """The samples, the detections (K, 6) in each, and figures of the network."""
    from evaluation import OwnIds, read_predictions

    if model and args.tile:
        return run_tiled(args, dataset, model)
    if model:
        return run_whole(model, dataset, args.batch_size)
    names = [sample.path.as_posix() for sample in dataset.samples]
    sizes_wh = [sample.size_wh for sample in dataset.samples]
    class_ids = {name: i for i, name in enumerate(dataset.class_names, start=1)}
    own_ids = OwnIds(
        [sample.image_id for sample in dataset.samples],
        {k: class_ids[name] for k, name in dataset.category_ids.items() if name},
    )
    detections = read_predictions(
        args.predictions, names, sizes_wh, dataset.class_names, own_ids, print
    )
    return dataset.samples, detections, {}


def score(
    samples: "Sequence[Sample]",
    detections: "Sequence[np.ndarray]",
    class_names: list[str],
) -> "tuple[list[ClassCurve], dict[str, dict], dict[str, float]]":
    """Curves by class, COCO's figures by class name, and those of all classes."""
    from evaluation import best_threshold, mean_ap
    from inference.dataset import coco_figures, voc_curves

    curves = voc_curves(samples, detections, class_names)
    coco = coco_figures(samples, detections, class_names)
    per_class = coco.pop("per_class")
    threshold, f1 = best_threshold(curves)
    scores = {**mean_ap(curves), **coco, "threshold": threshold, "f1": f1}
    return curves, per_class, scores


def run_tiled(
    args: argparse.Namespace, dataset: "Dataset", model: "InferenceModel"
) -> "Scored":
    """The images that can be read, what tiles find in each, images per second."""
    import time

    from tqdm import tqdm

    from data import report_unreadable
    from inference import TILE_PX
    from inference.detector import Detector

    is_own = args.tile is True
    tile_px = model.metadata.tile_px or TILE_PX if is_own else args.tile
    detector = Detector(model, args.batch_size, tile_px)
    print(f"tiles of {detector.tile_px} pixels")
    samples, detections, broken, started = [], [], set(), time.perf_counter()
    group = []
    for sample in tqdm(dataset.samples, unit=" images", disable=None):
        try:
            group.append(detector.prepare(sample.read_image()))
        except UserError:
            broken.add(sample.path)
            continue
        samples.append(sample)
        if sum(len(prepared.tiles) for prepared in group) >= args.batch_size:
            detections += detector.detect(group)
            group = []
    detections += detector.detect(group)
    report_unreadable(broken)
    fps = len(samples) / (time.perf_counter() - started)
    return samples, detections, {"fps": fps, "tile_px": detector.tile_px}


def run_whole(model: "InferenceModel", dataset: "Dataset", batch_size: int) -> "Scored":
    """The detections of all images; val acc, fps, and the latency of one image."""
    from data import Batches, report_unreadable
    from inference.dataset import evaluate_detector

    batches = Batches(dataset, batch_size, augmented=False)
    samples, detections, losses = evaluate_detector(model, batches)
    report_unreadable(batches.broken)
    return samples, detections, losses | speed_of(model, batches)


def speed_of(detect: "Callable[[np.ndarray], Any]", batches: "Batches") -> dict:
    """Images per second in batches, and the latency of one image alone."""
    from evaluation import measure_fps

    images, _ = batches.batch(0, 0)
    many = measure_fps(detect, batches.batch_size, images=images)
    one = measure_fps(detect, 1, images=images)
    latencies = {name: one[name] for name in ("latency_ms_p50", "latency_ms_p99")}
    return {"fps": many["fps"], "fps_batch_size": batches.batch_size, **latencies}


if __name__ == "__main__":
    keep_weights_in_order()
    sys.exit(main())
