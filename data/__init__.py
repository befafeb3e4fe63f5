"""Data sets: reading, augmenting, batching. numpy and OpenCV, no Keras.

- dataset.py: Image and Dataset, what everything else works with
- readers/: recognise.py is the front door; annotation.py says what each format gives;
  one module for each format (coco, yolo, voc, csv_table, labelme, label_studio, cvat,
  via), foreign.py for those that are not read; splits.py, assemble.py: to a Dataset
- convert/: `python -m data convert`; doctor/: `python -m data`; downloads/: by name
- images.py: sizes and pixels from image files, turned as their EXIF says
- augment.py: SSD's data augmentation
- batches.py: batches as a pure function of (seed, epoch, step)
- tiles.py: large images as overlapping tiles, and their detections merged
- unlabelled.py: images alone; progress.py: bars and threads for what takes long
"""
# ruff: noqa: F401

from data.augment import augment, resize
from data.batches import Batches, pad_truth, report_unreadable, use_one_thread_an_image
from data.dataset import Dataset, Sample, report_problems
from data.images import image_size, read_image
from data.readers.recognise import open_dataset, read_dataset
from data.tiles import median_image_side, tile_dataset
