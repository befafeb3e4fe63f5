"""The table of backbones: where each is cut, its adapter, parameters, GFLOPs.

    python -m benchmarks.backbones [--classes 20]

Counts are those of the deployed network: normalisation folded.
"""

import argparse
from contextlib import suppress

from base.errors import UserError
from evaluation.cost import count_gflops
from models import BACKBONES, NECKS, Architecture, build
from reports import markdown_table

HEADERS = (
    "--backbone",
    "--neck",
    "backbone gives",
    "adapter",
    "M parameters",
    "GFLOPs",
)


def row(backbone: str, neck: str, num_classes: int) -> list:
    """One line of the table."""
    architecture = Architecture(backbone, num_classes, neck=neck, norm="none")
    model = build(architecture)
    features = "x".join(str(n) for n in model.get_layer("features").output.shape[1:])
    names = {layer.name for layer in model.layers}
    adapter = "none"
    if "conv4_0" in names:
        height, _, filters, _ = model.get_layer("conv4_0").kernel.shape
        adapter = f"Conv2DTranspose({filters}, {height})"
    millions = f"{model.count_params() / 1e6:.1f}"
    return [backbone, neck, features, adapter, millions, f"{count_gflops(model):.1f}"]


def main() -> None:
    """Build every model and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=20, help="without background")
    args = parser.parse_args()
    rows = []
    for backbone in BACKBONES:
        for neck in NECKS:
            with suppress(UserError):  # not every backbone has every neck
                rows.append(row(backbone, neck, args.classes + 1))
    print(markdown_table(HEADERS, rows))


if __name__ == "__main__":
    main()
