"""COCO JSON: one file of images, boxes and categories for each split.

- source.py: the data set and its files; ids.py: ids of images and categories
"""

from data.readers.coco.source import IN_WORDS, CocoSource, find

__all__ = ["IN_WORDS", "CocoSource", "find"]
