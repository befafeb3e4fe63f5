"""The table of backbones: where each is cut, its adapter, parameters, GFLOPs.

    python -m benchmarks.backbones [--classes 20]

Counts are those of the deployed network: normalisation folded.
"""

import argparse
from contextlib import suppress

from base.errors import UserError
from evaluation.cost import count_gflops
from models import BACKBONES, TRUNKS, Architecture, build
from reports import markdown_table

HEADERS = (
    "--backbone",
    "--neck",
    "extractor gives",
    "adapter",
    "M parameters",
    "GFLOPs",
)


def row(backbone: str, trunk: str, num_classes: int) -> list:
    """One line of the table."""
    architecture = Architecture(backbone, num_classes, trunk=trunk, norm="none")
    model = build(architecture)
    features = "x".join(str(n) for n in model.get_layer("features").output.shape[1:])
    names = {layer.name for layer in model.layers}
    adapter = "none"
    if "conv4_0" in names:
        height, _, filters, _ = model.get_layer("conv4_0").kernel.shape
        adapter = f"Conv2DTranspose({filters}, {height})"
    millions = f"{model.count_params() / 1e6:.1f}"
    return [backbone, trunk, features, adapter, millions, f"{count_gflops(model):.1f}"]


def main() -> None:
    """Build every model and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=20, help="without background")
    args = parser.parse_args()
    rows = []
    for backbone in BACKBONES:
        for trunk in TRUNKS:
            with suppress(UserError):  # not every backbone has every trunk
                rows.append(row(backbone, trunk, args.classes + 1))
    print(markdown_table(HEADERS, rows))


if __name__ == "__main__":
    main()
