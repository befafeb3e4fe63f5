"""Published detectors by their names: fetched once, converted, kept in weights/."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from base.download import fetch
from models.weights.published import class_names

FOLDER = Path(__file__).resolve().parents[2] / "weights"
# the detector in git, VOC's 20 classes: what is used where nobody names a file
DEFAULT = FOLDER / "voc_yolox_nano.weights.h5"
DEFAULT_BACKBONE = "yolox_nano"  # that of DEFAULT


class Download(NamedTuple):
    """Address and SHA-256 of a published file, and its classes in their order."""

    url: str
    sha256: str
    class_names: str


NAMED = {
    "voc": Download(
        "https://s3.amazonaws.com/amdegroot-models/ssd300_mAP_77.43_v2.pth",
        class_names.VOC_SSD300,
        class_names.VOC,
    ),
    # ten ids have no class, and are left out
    "coco": Download(
        "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth",
        class_names.COCO_SSD300,
        class_names.COCO_BY_ID,
    ),
}


def resolve_weights(weights: str) -> str:
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

        url, sha256, names = NAMED[weights]
        file = read_detector(fetch(url, sha256, FOLDER))
        file.metadata = replace(file.metadata, class_names=class_names.list_of(names))
        kept = [name for name in names.split(", ") if name != "-"]
        model, metadata = keep_classes(file, kept)
        save(model, path, metadata)
        print(f"{path}: {len(kept)} classes, from {url}", file=sys.stderr)
    return str(path)
