"""Draw the data set of shapes.

python -m benchmarks.shapes my_shapes
python -m benchmarks.shapes my_shapes --images 1000
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from base.command_line import Parser, run_script
from benchmarks.shapes.dataset import draw_shapes


def main(argv: Sequence[str] | None = None) -> int:
    """Draws the set that the command line asks for."""
    parser = Parser("python -m benchmarks.shapes", __doc__)
    parser.add_argument("folder", type=Path, help="where the set goes")
    parser.add_argument(
        "--images", type=int, default=600, help="how many; default: %(default)s"
    )
    return run_script("python -m benchmarks.shapes", run, parser.parse_args(argv))


def run(args: argparse.Namespace) -> None:
    """Draw, and say how many."""
    print(draw_shapes(args.folder, args.images))


if __name__ == "__main__":
    sys.exit(main())
