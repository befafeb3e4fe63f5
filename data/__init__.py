"""Data sets: reading, augmenting, batching. numpy and OpenCV, no Keras.

- dataset.py: Picture and Dataset, what every reader gives
- voc.py: the reader of VOC layouts; voc_layout.py finds folders and splits,
  voc_xml.py reads one annotation file
- pictures.py: sizes and pixels from picture files
- augment.py: SSD's data augmentation
- batches.py: batches as a pure function of (seed, epoch, step)
- shapes.py: draws the demo data set, `python -m data.shapes FOLDER`
"""

from typing import Any

from data.augment import augment, plain
from data.batches import Batches, pad_truth
from data.dataset import Dataset, Picture
from data.pictures import list_pictures, picture_size, read_picture
from data.voc import read_voc

__all__ = [
    "Batches",
    "Dataset",
    "Picture",
    "augment",
    "draw_shapes",
    "list_pictures",
    "pad_truth",
    "picture_size",
    "plain",
    "read_picture",
    "read_voc",
]


def __getattr__(name: str) -> Any:
    # On first use: `python -m data.shapes` warns if the package imported it before.
    if name == "draw_shapes":
        from data.shapes import draw_shapes

        return draw_shapes
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
