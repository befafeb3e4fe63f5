"""Draw the demo data set.

python -m data.shapes my_shapes
python -m data.shapes my_shapes --images 1000 --seed 1
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from base.command_line import Parser, run_script
from data.shapes.dataset import draw_shapes


def main(argv: Sequence[str] | None = None) -> int:
    """Draws the set that the command line asks for."""
    parser = Parser("python -m data.shapes", __doc__)
    parser.add_argument("folder", type=Path, help="where the set goes")
    parser.add_argument(
        "--images", type=int, default=600, help="how many; default: %(default)s"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="same seed, same bytes; default: %(default)s",
    )
    parser.add_argument(
        "--large",
        action="store_true",
        help="3000x2000 pixels with objects of 20 to 60; for train.py --tile",
    )
    return run_script("python -m data.shapes", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Draw, and say how many."""
    print(draw_shapes(args.folder, args.images, args.seed, args.large))


if __name__ == "__main__":
    sys.exit(main())
