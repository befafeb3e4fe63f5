"""The data doctor: what is wrong with a data set, before hours are spent on it.

    python -m data FOLDER [FOLDER ...] [--plot doctor.png]
    python -m data convert IN OUT --to voc|coco|yolo|csv       # see convert.py

Prints a table: an id, a severity (error: must be repaired; warning: look at it; note),
how many, what, and where the first ones are. Exit status: 0, 1 where something must
be repaired, 2 where the folders are no data set.
"""

import argparse
import sys

from base.command_line import Parser, run_script
from base.priors import LAYOUTS, make_priors


def main(argv: list[str] | None = None) -> int:
    """Examine, print, draw; `convert` is a command of its own, see convert.py."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["convert"]:
        from data.convert.convert import main as convert

        return convert(argv[1:])
    parser = Parser("python -m data", __doc__)
    # fmt: off
    parser.add_argument("folders", nargs="+", metavar="FOLDER",
        help="annotated images or annotation files")
    parser.add_argument("--priors", default="yolox", choices=LAYOUTS,
        help="priors that boxes are held against; for a training with other --priors; "
        "default: %(default)s")
    parser.add_argument("--plot", metavar="FILE.png",
        help="sizes and aspect ratios of boxes against the priors")
    # fmt: on
    return run_script("python -m data", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> int:
    """Exit status 1 where a finding must be repaired."""
    from base.files import new_file
    from data import doctor
    from data.doctor.findings import table
    from data.doctor.plot import plot_boxes
    from data.readers.recognise import open_dataset

    plot = args.plot and new_file("--plot", args.plot, ".png")
    opened = open_dataset(args.folders)
    datasets = doctor.read_splits(opened)
    for dataset in datasets:
        print(dataset.describe())
        for line in dataset.notes:
            print(f"  {line}")
    found = doctor.check_dataset(opened, datasets, args.priors)
    print(table(found) or "nothing found")
    if plot:
        plot_boxes(doctor.all_boxes(datasets), make_priors(args.priors), plot)
        print(f"{plot}: sizes and aspect ratios against the priors")
    return int(any(finding.severity == "error" for finding in found))


if __name__ == "__main__":
    sys.exit(main())
