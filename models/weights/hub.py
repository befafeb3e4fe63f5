"""Published detectors by their names: fetched once, converted, kept in weights/."""

import sys
from pathlib import Path
from typing import NamedTuple

from base.download import fetch
from models.weights.published.class_names import COCO, VOC

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
    # SHA-256: the Git LFS pointer of the copy in
    # yuniktmr/Pytorch-OpenCV-Object-Detection-using-SSD-Convoluted-Neural-Net
    "voc": Download(
        "https://s3.amazonaws.com/amdegroot-models/ssd300_mAP_77.43_v2.pth",
        "3d147eb48c8f3771101e12ff14d8105b935d2e4e08fa471e2ee5a2426c20d61e",
        VOC.split(", "),
    ),
    # begins as the hash in its name, which torch.hub checks; its 90 classes are COCO's
    # ids, ten of them unused
    "coco": Download(
        "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth",
        "b556d3b43ab6c3f63d81bfb8835fe8756ac22da664357da100dccf96b6a6b42d",
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
        from models.weights import transfer
        from models.weights.file import save

        url, sha256, class_names = NAMED[weights]
        published = fetch(url, sha256, FOLDER)
        model, description = transfer.keep_classes(published, class_names)
        save(model, path, description)
        print(f"{path}: {len(class_names)} classes, from {url}", file=sys.stderr)
    return str(path)
