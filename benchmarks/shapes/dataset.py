"""Some hundred drawn images of shapes, in the VOC layout.

    python -m benchmarks.shapes data/sets/shapes
    python -m benchmarks.shapes my_shapes --images 1000

It takes seconds, needs no download, and a small network learns it in minutes: for
trying the scripts, and for tests that train.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.sax.saxutils import escape

import cv2
import numpy as np

from base.errors import UserError
from benchmarks.shapes.draw import Drawn, draw_image, draw_large
from reports.image_encoding import encode_image

SETTINGS_FILE = "shapes.json"  # ours: how the set was made
FORMAT = 2  # ours: counts changes to the drawing
SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}  # ours: the rest goes to test
JPEG_QUALITY = 92  # ours: VOC's images are about as good

OBJECT_XML = """\
  <object>
    <name>{name}</name>
    <pose>Unspecified</pose>
    <truncated>{truncated}</truncated>
    <difficult>{difficult}</difficult>
    <bndbox>
      <xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>
    </bndbox>
  </object>
"""
IMAGE_XML = """\
<annotation>
  <folder>shapes</folder>
  <filename>{filename}</filename>
  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>
{objects}</annotation>
"""


def draw_shapes(
    folder: Path | str, num_images: int = 600, seed: int = 0, large: bool = False
) -> Path:
    """The folder of a drawn data set in the VOC layout; drawn if it isn't there.

    large: 30 to 50 small objects in images of 3000x2000 pixels, for trying tiles.

    The same seed gives the same bytes. The set appears whole or not at all.
    UserError where the folder holds anything else.
    """
    folder = Path(folder)
    settings = {"format": FORMAT, "pictures": num_images, "seed": seed}
    if large:
        settings["large"] = True
    if num_images < 1:
        raise UserError(f"Images: expected at least 1, received {num_images}.")
    if _is_there(folder, settings):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        draw = draw_large if large else draw_image
        _write_set(unfinished, num_images, seed, draw)
        (unfinished / SETTINGS_FILE).write_text(json.dumps(settings) + "\n", "utf-8")
        unfinished.chmod(0o755)  # mkdtemp's is for its owner alone
        unfinished.replace(folder)
    except BaseException:  # an interruption as well
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return folder


def _is_there(folder: Path, settings: dict[str, int]) -> bool:
    if not folder.exists():
        return False
    if folder.is_dir() and not any(folder.iterdir()):
        return False  # an empty folder may be taken
    try:
        found = json.loads((folder / SETTINGS_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if found != settings:
        raise UserError(
            f"{folder}: expected no such folder or a shapes set made with {settings}, "
            f"found {found or 'something else'}; give another folder or delete it."
        )
    return True


def _write_set(folder: Path, num_images: int, seed: int, draw: Callable) -> None:
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    names = [f"{i:06d}" for i in range(num_images)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            pool.submit(_write_image, folder, (seed, i), draw)
            for i in range(num_images)
        ]
        for job in jobs:
            job.result()
    _write_lists(folder / "ImageSets" / "Main", names)


def _write_image(folder: Path, seed: tuple[int, int], draw: Callable) -> None:
    image, objects = draw(np.random.default_rng(seed))
    name = f"{seed[1]:06d}"
    jpeg = encode_image(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    (folder / "JPEGImages" / f"{name}.jpg").write_bytes(jpeg)
    xml = _xml(f"{name}.jpg", (image.shape[1], image.shape[0]), objects)
    (folder / "Annotations" / f"{name}.xml").write_text(xml, "utf-8")


def _xml(filename: str, size_wh: tuple[int, int], objects: Sequence[Drawn]) -> str:
    parts = [
        OBJECT_XML.format(
            name=escape(item.name),
            truncated=int(item.truncated),
            difficult=int(item.difficult),
            xmin=item.box_px[0] + 1,  # VOC counts pixels from 1, both ends inside
            ymin=item.box_px[1] + 1,
            xmax=item.box_px[2],
            ymax=item.box_px[3],
        )
        for item in objects
    ]
    return IMAGE_XML.format(
        filename=filename, width=size_wh[0], height=size_wh[1], objects="".join(parts)
    )


def _write_lists(folder: Path, names: Sequence[str]) -> None:
    num_train = max(round(SHARES["train"] * len(names)), 1)
    num_val = round(SHARES["val"] * len(names))
    lists = {
        "train": names[:num_train],
        "val": names[num_train : num_train + num_val],
        "trainval": names[: num_train + num_val],
        "test": names[num_train + num_val :],
    }
    for split, members in lists.items():
        text = "".join(f"{name}\n" for name in members)
        (folder / f"{split}.txt").write_text(text, "utf-8")
