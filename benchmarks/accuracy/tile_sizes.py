"""mAP of a detector by the size of the tiles, on large images of everyday things.

    python -m benchmarks.accuracy.tile_sizes --data held_back

Four images of a split at their own scale make one large grey image, at places that
differ from image to image, so that no tile fits them. evaluate.py scores these as they
are and in tiles of each size, by the default detector.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np

CELL = 500  # pixels; VOC's largest images
ROOM = 240  # pixels; how far the four are moved
GREY = 127


def main() -> None:
    """Make the images, score, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a VOC folder")
    parser.add_argument("--split", default="val")
    parser.add_argument("--images", type=int, default=80, help="large ones")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[300, 400, 433, 500, 600]
    )
    args = parser.parse_args()
    from models.weights.hub import DEFAULT
    from reports.tables import markdown_table

    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_images(args.data, args.split, args.images, folder)
        for size in (None, *args.sizes):
            tile = ["--tile", str(size)] if size else []
            output = folder / f"{size}.json"
            files = ["--json", str(output), "--plot", str(output.with_suffix(".png"))]
            command = [sys.executable, "evaluate.py", "--weights", str(DEFAULT)]
            command += ["--data", str(folder), *tile, *files]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            found = json.loads(output.read_text(encoding="utf-8"))
            figures = (f"{found[name]:.3f}" for name in ("mAP50", "AP"))
            rows.append((str(size or "whole image"), *figures, f"{found['fps']:.1f}"))
    print(markdown_table(("tiles", "mAP50", "AP", "images/s"), rows))


def make_images(voc: Path, split: str, count: int, folder: Path) -> None:
    """VOC's layout in `folder`, of the first 4 * count images of the split."""
    names = (voc / f"ImageSets/Main/{split}.txt").read_text().split()
    rng = np.random.default_rng(0)
    for place in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / place).mkdir(parents=True)
    made = [f"large{at}" for at in range(min(count, len(names) // 4))]
    for at, name in enumerate(made):
        canvas = np.full((2 * CELL + ROOM, 2 * CELL + ROOM, 3), GREY, np.uint8)
        root = ET.Element("annotation")
        size = ET.SubElement(root, "size")
        for tag, side in zip(("height", "width", "depth"), canvas.shape, strict=True):
            ET.SubElement(size, tag).text = str(side)
        corner = rng.integers(0, ROOM, 2)
        for cell, part in enumerate(names[4 * at : 4 * at + 4]):
            x, y = corner + CELL * np.array([cell % 2, cell // 2])
            image = cv2.imread(str(voc / f"JPEGImages/{part}.jpg"))
            canvas[y : y + image.shape[0], x : x + image.shape[1]] = image
            annotation = ET.parse(voc / f"Annotations/{part}.xml").getroot()
            for item in annotation.findall("object"):
                for side, by in (("xmin", x), ("xmax", x), ("ymin", y), ("ymax", y)):
                    corner_of = item.find(f"bndbox/{side}")
                    corner_of.text = str(float(corner_of.text) + by)
                root.append(item)
        cv2.imwrite(str(folder / f"JPEGImages/{name}.jpg"), canvas)
        ET.ElementTree(root).write(folder / f"Annotations/{name}.xml")
    (folder / "ImageSets/Main/val.txt").write_text("\n".join(made) + "\n")


if __name__ == "__main__":
    main()
