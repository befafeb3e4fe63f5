"""Data sets by their names: downloaded once into a cache, with their own splits."""

from pathlib import Path
from typing import NamedTuple

from base.download import cache_folder, fetch
from data.downloads.unpack import unpack

OLD_SETS = Path("data/sets")  # where earlier versions kept them


class Archive(NamedTuple):
    """An address, the hash of the file, the folder that it is unpacked in."""

    url: str
    hash_hex: str
    folder: str


VOC = "http://host.robots.ox.ac.uk/pascal/VOC"
COCO = "http://images.cocodataset.org"
ARCHIVES = {
    # MD5: pytorch/vision torchvision/datasets/voc.py
    "voc2007_trainval": Archive(
        f"{VOC}/voc2007/VOCtrainval_06-Nov-2007.tar",
        "c52e279531787c972589f7e41ab4ae64",
        "voc",
    ),
    "voc2007_test": Archive(
        f"{VOC}/voc2007/VOCtest_06-Nov-2007.tar",
        "b6e924de25625d8de591ea690078ad9f",
        "voc",
    ),
    "voc2012_trainval": Archive(
        f"{VOC}/voc2012/VOCtrainval_11-May-2012.tar",
        "6cd6e144f989b92b3379bac3b3de84fd",
        "voc",
    ),
    # SHA-256: tensorflow/datasets tensorflow_datasets/url_checksums/coco.txt
    "coco2017_annotations": Archive(
        f"{COCO}/annotations/annotations_trainval2017.zip",
        "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
        "coco2017",
    ),
    "coco2017_val": Archive(
        f"{COCO}/zips/val2017.zip",
        "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
        "coco2017",
    ),
    "coco2017_train": Archive(
        f"{COCO}/zips/train2017.zip",
        "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
        "coco2017",
    ),
}
VOC2007, VOC2012 = "voc/VOCdevkit/VOC2007", "voc/VOCdevkit/VOC2012"
# name -> archives, folders of data sets, whose splits are their own lists
IN_2007 = ("voc2007_trainval", "voc2007_test")
IN_COCO = ("coco2017_annotations", "coco2017_val", "coco2017_train")
NAMED = {
    "voc2007": (IN_2007, (VOC2007,)),
    "voc0712": ((*IN_2007, "voc2012_trainval"), (VOC2007, VOC2012)),
    "coco2017": (IN_COCO, ("coco2017",)),
}


def download_dataset(name: str) -> list[Path]:
    """Folders of a named data set, downloaded and unpacked where they are not yet.

    They are in sets/ of the cache folder. UserError as of `fetch` and `unpack`; what
    has come so far stays.
    """
    names, folders = NAMED[name]
    archives = [ARCHIVES[name] for name in names]
    sets = cache_folder() / "sets"
    if all(_mark(OLD_SETS, archive).exists() for archive in archives):
        sets = OLD_SETS
    for archive in archives:
        if not _mark(sets, archive).exists():
            path = fetch(archive.url, archive.hash_hex, sets / archive.folder)
            unpack(path, sets / archive.folder)
            path.unlink()  # COCO's images need 19 GB once
            _mark(sets, archive).touch()
    return [sets / folder for folder in folders]


def _mark(sets: Path, archive: Archive) -> Path:
    """An empty file that says that the archive is unpacked."""
    return sets / archive.folder / f".{archive.url.rpartition('/')[2]}.unpacked"
