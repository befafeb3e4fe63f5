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
    # fmt: off
    parser.add_argument("file", metavar="FILE|voc|coco",
        help="a detector of train.py's, a published SSD300 (voc and coco are fetched "
        "once) or YOLOX-nano (.pth or .onnx), or a backbone's Keras file")
    parser.add_argument("written", nargs="?", metavar="OUT",
        help="the same as --output OUT")
    parser.add_argument("--keep", metavar="A,B,...",
        help="only these classes; for a detector that knows more than you look for; "
        "default: all")
    parser.add_argument("--classes", metavar="A,B,...|voc|coco",
        help="what the classes are called, in their order; for a published detector: "
        "its file holds no names; default: those in the file")
    parser.add_argument("--half", action="store_true",
        help="store float16; for a file of half the size")
    parser.add_argument("--licence", metavar="TEXT",
        help="the line that OUT carries; for a file to publish; default: that in the "
        "file")
    parser.add_argument("--output", metavar="OUT", help="write a detector there")
    # fmt: on
    # OUT may also come after the options
    return run_script(PROG, run, parser.parse_intermixed_args(argv))


def run(args: argparse.Namespace) -> None:
    """Tell or write; Keras is loaded."""
    import_keras()
    from models.weights.hub import resolve_weights

    args.output = args.output or args.written
    changes = (args.keep, args.classes, args.licence, args.half or None)
    if any(change is not None for change in changes) and not args.output:
        raise UserError("--keep, --classes, --half and --licence need --output.")
    path = resolve_weights(args.file)
    if args.output:
        write(path, args)
    else:
        tell(path)


def write(path: str, args: argparse.Namespace) -> None:
    """Write a detector again in our format: some of its classes, half its size."""
    from models import weights
    from models.weights.read import read_detector
    from models.weights.transfer import keep_classes

    new_file("--output", args.output, weights.SUFFIX)
    file = read_detector(path)
    if names := list_of("--classes", args.classes):
        file.metadata = replace(file.metadata, class_names=names)
    if kept := list_of("--keep", args.keep):
        model, metadata = keep_classes(file, kept)
    else:
        model, metadata = file.build(), file.metadata
    if args.licence:
        metadata = replace(metadata, licence=args.licence)
    weights.save(model, args.output, metadata, args.half)
    print(f"{args.output}: {', '.join(metadata.class_names)}")


def list_of(flag: str, text: str | None) -> list[str]:
    """Names between commas; `voc` and `coco` stand for those data sets' own."""
    from models.weights.published.class_names import COCO, VOC

    text = {"voc": VOC, "coco": COCO}.get(text, text)
    names = list(dict.fromkeys(name.strip() for name in (text or "").split(",")))
    if text is not None and "" in names:
        raise UserError(f"{flag} {text!r}: expected names of classes, A,B,...")
    return names if text else []


def tell(path: str) -> None:
    """Print what a file is: layout, classes, layers, what fits which model."""
    from models import BACKBONES
    from models.weights.read import TRAINED, UNNAMED, read_weights
    from models.weights.transfer import which_fit

    file = read_weights(path)
    if file.origin == TRAINED:
        print(json.dumps(json.loads(file.metadata.to_json()), indent=2))
    elif file.metadata:
        print(f"{file.origin}'s detector: {file.architecture.in_words()}")
        print(f"{len(file.class_names)} classes: {', '.join(file.class_names)}")
    if file.origin == UNNAMED:
        print("a Keras 3 file without the names of its layers: for --weights")
        return
    for name, values in file.folded.items():
        print(f"  {name:24}{', '.join(str(value.shape) for value in values)}")
    for backbone, taken, total in which_fit(file, list(BACKBONES)):
        print(f"--backbone {backbone}: {taken} of {total} layers fit")


if __name__ == "__main__":
    sys.exit(main())
