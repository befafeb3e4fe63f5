"""Data sets: reading, augmenting, batching. numpy and OpenCV, no Keras.

- dataset.py: Picture and Dataset, what everything else works with
- formats.py: the front door, recognises what a folder holds; source.py: what each
  format gives; splits.py: lists and hash; reading.py: from there to a Dataset
- voc.py: Pascal VOC; voc_layout.py finds folders and lists, voc_xml.py reads a file;
  coco.py, yolo.py, table.py (CSV); paths.py finds the files that they name
- convert.py, writers.py: `python -m data convert`; named.py, unpack.py: by name
- pictures.py: sizes and pixels from picture files
- augment.py: SSD's data augmentation
- batches.py: batches as a pure function of (seed, epoch, step)
- tiles.py: large pictures as overlapping tiles
- sources.py: pictures, videos, cameras and streams as frames; ahead.py: its threads
- shapes.py: draws the demo data set, `python -m data.shapes FOLDER`
"""

from data.augment import augment, plain
from data.batches import Batches, pad_truth, tell_broken
from data.dataset import Dataset, Picture
from data.images import picture_size, read_picture
from data.readers.recognise import read_dataset
from data.shapes.dataset import draw_shapes
from data.tiles import tile_dataset, typical_side

read_voc = read_dataset  # its name before it knew other formats

__all__ = [
    "Batches",
    "Dataset",
    "Picture",
    "augment",
    "draw_shapes",
    "pad_truth",
    "picture_size",
    "plain",
    "read_dataset",
    "read_picture",
    "read_voc",
    "tell_broken",
    "tile_dataset",
    "typical_side",
]
