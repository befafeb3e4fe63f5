"""Write a detector for another runtime, and prove the file.

    python export.py --weights runs/mine/best.weights.h5 --format onnx
    python export.py --weights W --format litert --precision int8
    python export.py --weights W --format litert --output-format frigate
    python export.py --weights W --format openvino --data my_images --split test

Preprocessing, network, decoding and non-maximum suppression go into one file that takes
uint8 RGB images of 300x300. It is run in its own runtime on the validation images
and compared with the weights file; one that differs too much is marked NAME.failed.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from base.command_line import Parser, run_script, suggest_command
from base.errors import UserError
from exporting import FORMATS, PRECISIONS
from models.weights.hub import DEFAULT
from models.weights.metadata import LABELS_NAME, OUTPUT_FORMATS

if TYPE_CHECKING:
    from data import Dataset
    from exporting import ExportSpec
    from models.weights import ModelMetadata, WeightsFile

FAILED = ".failed"  # ours: ends the name of a file that its proof did not pass


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options; Keras is not loaded yet."""
    parser = Parser("export.py", __doc__)
    # fmt: off
    parser.add_argument("--weights", default=str(DEFAULT), metavar="FILE|voc|coco",
        help="a detector of train.py's or a published SSD300; default: the one in "
        "weights/, of 20 everyday classes")
    parser.add_argument("--format", required=True, choices=FORMATS,
        help="the runtime that will read the file")
    parser.add_argument("--precision", default="float32", choices=PRECISIONS,
        help="of the weights in the file, with int8 of the arithmetic too; for a "
        "smaller file float16, for integer hardware int8, which calibrates on images "
        "of the training split; default: %(default)s")
    parser.add_argument("--output-format", default="plain",
        choices=OUTPUT_FORMATS,
        help="what comes out; for Frigate: boxes as ymin, xmin, ymax, xmax, then "
        "classes, scores, count, by index; default: %(default)s")
    parser.add_argument("--output", metavar="FILE",
        help="the file; default: beside the weights, by their name")
    group = parser.add_argument_group("proof")
    group.add_argument("--data", nargs="+", metavar="FOLDER",
        help="annotated images for proof and calibration; when those of the training "
        "are elsewhere now; default: those of the training")
    group.add_argument("--split", metavar="NAME",
        help="proves; for data whose splits have other names; default: the "
        "training's validation split, or val")
    group.add_argument("--train-split", metavar="NAME",
        help="calibrates int8; for data whose splits have other names; default: that "
        "of the training, or train")
    group.add_argument("--tolerance", type=float, default=1.0, metavar="POINTS",
        help="how much of mAP50, 0..100, may be lost; when int8 loses more and speed "
        "is worth it: more; default: %(default)s")
    # fmt: on
    args = parser.parse_args(argv)
    if not 0 <= args.tolerance <= 100:
        parser.error("--tolerance must be from 0 to 100")
    return args


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0; 1 where the proof fails; 2 after one line of what to mend."""
    return run_script("export.py", run, parse(argv))


def run(args: argparse.Namespace) -> int:
    """Read, write, prove, place."""
    import exporting
    from base.files import move_out, temporary_folder, write_text
    from base.keras_setup import import_keras
    from data import Batches, report_unreadable, use_one_thread_an_image
    from models.weights.hub import resolve_weights

    use_one_thread_an_image()
    exporting.check(args.format, args.precision, args.output_format)
    keras = import_keras()
    if keras.backend.backend() != "tensorflow":
        raise UserError("export.py needs KERAS_BACKEND=tensorflow.")
    from base.constants import MIN_SCORE
    from exporting import proof
    from inference import runtimes
    from inference.runtimes.keras_file import KerasModel
    from models import weights

    args.weights = resolve_weights(args.weights)
    file = weights.read_detector(args.weights)
    output = output_path(args)
    proving, training = load_data(args, file.metadata)
    exportable = make_export_spec(args, file, training)
    check_labels(output.with_name(LABELS_NAME), exportable.metadata.labels())

    with temporary_folder(output) as folder:
        written = folder / output.name
        exporting.write(args.format, exportable, written)
        before = KerasModel(args.weights, MIN_SCORE)
        after = runtimes.load(written, MIN_SCORE)
        batches = Batches(proving, 8, augmented=False)
        paths = (Path(args.weights), written)
        *figures, apart = proof.prove(before, after, batches, paths)
        report_unreadable(batches.broken)
        print(proof.table([args.weights, str(output)], figures, apart))
        faults = proof.faults(figures, apart, args.precision, args.tolerance)
        move_out(folder, FAILED if faults else "")
    if faults:
        print(f"export.py: {output}{FAILED}: {'; '.join(faults)}.", file=sys.stderr)
        return 1
    write_text(output.with_name(LABELS_NAME), exportable.metadata.labels())
    print(suggest_command(output))
    return 0


def output_path(args: argparse.Namespace) -> Path:
    """The name that nothing has yet; UserError otherwise."""
    from base.files import new_file

    suffix = FORMATS[args.format].suffix
    if args.output:  # TensorFlow Serving wants a number as the name of a SavedModel
        suffix = "" if args.format == "saved_model" else suffix
        return new_file("--output", args.output, suffix)
    stem = Path(args.weights).name.removesuffix(".weights.h5")
    marks = (args.precision, args.output_format)
    parts = [stem, *(mark for mark in marks if mark not in ("float32", "plain"))]
    path = Path(args.weights).with_name(".".join(parts) + suffix)
    return new_file("--output", path, suffix)


def check_labels(path: Path, labels: str) -> None:
    """UserError where a file with other class names would be lost."""
    if path.exists() and path.read_text("utf-8") != labels:
        raise UserError(
            f"--output: {path} is there and holds other classes; name another folder."
        )


def load_data(
    args: argparse.Namespace, metadata: "ModelMetadata"
) -> "tuple[Dataset, Dataset | None]":
    """The images that prove, and those that calibrate int8."""
    from data import open_dataset, report_problems

    trained = metadata.training.get("options") or {}
    roots = args.data or trained.get("data")
    if not roots:
        raise UserError(
            "--data FOLDER is needed: annotated images that prove the file; the "
            "weights file names none."
        )
    splits = [args.split or trained.get("val_split") or "val"]
    if args.precision == "int8":
        splits.append(args.train_split or trained.get("train_split") or "train")
    opened = open_dataset(roots)
    datasets = [opened.split(split, metadata.class_names) for split in splits]
    for dataset in datasets:
        print(dataset.describe())
        report_problems(dataset)
    proving, *calibrating = datasets
    return proving.check_boxes(), calibrating[0] if calibrating else None


def make_export_spec(
    args: argparse.Namespace, file: "WeightsFile", training: "Dataset | None"
) -> "ExportSpec":
    """The plain network, and what its file is to say."""
    from exporting import ExportSpec, calibration
    from models import weights

    architecture = file.architecture
    metadata = replace(
        file.metadata,
        architecture=None,
        network=architecture.in_words(),
        training={"tile_px": file.metadata.tile_px},  # no paths of this machine
        precision=args.precision,
        output_format=args.output_format,
    )
    plain = weights.fold_batchnorm(file.build(), architecture)
    samples = calibration.images(training)
    return ExportSpec(plain, architecture.layout, metadata, samples)


if __name__ == "__main__":
    sys.exit(main())
