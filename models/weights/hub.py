"""Published detectors by their names: fetched once, converted, kept in weights/."""

import sys
from pathlib import Path
from typing import NamedTuple

from base.download import fetch
from models.weights.published.class_names import COCO, COCO_SSD300, VOC, VOC_SSD300

FOLDER = Path(__file__).resolve().parents[2] / "weights"
# the detector in git, VOC's 20 classes: what is used where nobody names a file
DEFAULT = FOLDER / "voc_yolox_nano.weights.h5"
DEFAULT_BACKBONE = "yolox_nano"  # that of DEFAULT


class Download(NamedTuple):
    """Address and SHA-256 of a published file, and the classes to keep of it."""

    url: str
    sha256: str
    class_names: list[str]


NAMED = {
    "voc": Download(
        "https://s3.amazonaws.com/amdegroot-models/ssd300_mAP_77.43_v2.pth",
        VOC_SSD300,
        VOC.split(", "),
    ),
    # its 90 classes are COCO's ids, ten of them unused
    "coco": Download(
        "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth",
        COCO_SSD300,
        COCO.split(", "),
    ),
}


def file_of(weights: str) -> str:
    """The path that --weights means: a published detector's by name, else as given.

    What was fetched stays in weights/, as published and in our format. UserError in
    one line where it can't be had.
    """
    if weights not in NAMED:
        return weights
    path = FOLDER / f"ssd300_{weights}.weights.h5"
    if not path.is_file():
        from models.weights.file import save
        from models.weights.read import read_detector
        from models.weights.transfer import keep_classes

        url, sha256, class_names = NAMED[weights]
        published = read_detector(fetch(url, sha256, FOLDER))
        model, metadata = keep_classes(published, class_names)
        save(model, path, metadata)
        print(f"{path}: {len(class_names)} classes, from {url}", file=sys.stderr)
    return str(path)
