"""What a weights file is; a detector's file of fewer classes, or of half the size.

python -m models.weights FILE
python -m models.weights FILE --keep person,car --output small.weights.h5
python -m models.weights yolox_nano.onnx coco80.weights.h5   # computed, not trained
python -m models.weights FILE --half --output half.weights.h5
"""

import argparse
import json
import sys
from dataclasses import replace

from base.command_line import Parser, run_script
from base.errors import UserError
from base.files import new_file
from base.keras_setup import import_keras

PROG = "python -m models.weights"


def main(argv: list[str] | None = None) -> int:
    """Tell or write; exit status: 0, or 2 after one line that says what to mend."""
    parser = Parser(PROG, __doc__)
    parser.add_argument(
        "file",
        metavar="FILE|voc|coco",
        help="a detector of train.py's, a published SSD300 (voc and coco are fetched "
        "once) or YOLOX-nano (.pth or .onnx), or an extractor's Keras file",
    )
    parser.add_argument(
        "written", nargs="?", metavar="OUT", help="the same as --output OUT"
    )
    parser.add_argument("--keep", metavar="A,B,...", help="only these classes")
    parser.add_argument("--half", action="store_true", help="store float16")
    parser.add_argument("--licence", metavar="TEXT", help="the line that OUT carries")
    parser.add_argument("--output", metavar="OUT", help="write a detector there")
    return run_script(PROG, run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Tell or write; Keras is loaded."""
    import_keras()
    from models.weights.hub import file_of

    args.output = args.output or args.written
    changes = args.keep is not None or args.half or args.licence
    if changes and not args.output:
        raise UserError("--keep, --half and --licence need --output.")
    path = file_of(args.file)
    if args.output:
        write_smaller(path, args.output, args.keep, args.half, args.licence)
    else:
        tell(path)


def write_smaller(
    path: str, output: str, keep: str | None, half: bool, licence: str | None = None
) -> None:
    """Write a detector again in our format: some of its classes, half its size."""
    from models import weights
    from models.weights.transfer import keep_classes, read_source

    new_file("--output", output, weights.SUFFIX)
    kept = list(dict.fromkeys(name.strip() for name in (keep or "").split(",")))
    if keep is not None and "" in kept:
        raise UserError(f"--keep {keep!r}: expected names of classes, A,B,...")
    if keep is None and weights.is_detector(path):  # as it is, with all that it tells
        model, description = weights.load(path)
    else:
        names = read_source(path).class_names if keep is None else kept
        model, description = keep_classes(path, names)
    if licence:
        description = replace(description, licence=licence)
    weights.save(model, output, description, half)
    print(f"{output}: {', '.join(description.class_names)}")


def tell(path: str) -> None:
    """Print what a file is: layout, classes, layers, what fits which model."""
    from models import BACKBONES, weights
    from models.weights.transfer import read_source, which_fit

    source = read_source(path)
    if weights.is_detector(path):
        print(json.dumps(json.loads(weights.describe(path).to_json()), indent=2))
    elif source.architecture is not None:
        architecture = source.architecture
        print(f"{source.origin}'s SSD300: {architecture.in_words()}")
        print(f"{len(source.class_names)} classes: {', '.join(source.class_names)}")
    for name, values in source.plain.items():
        print(f"  {name:24}{', '.join(str(value.shape) for value in values)}")
    for backbone, taken, total in which_fit(source, list(BACKBONES)):
        print(f"--backbone {backbone}: {taken} of {total} layers fit")


if __name__ == "__main__":
    sys.exit(main())
