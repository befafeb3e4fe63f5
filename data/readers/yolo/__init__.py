"""YOLO: a text file of boxes for each image, class names in one file.

- source.py: the data set; project.py: its data.yaml or obj.data
- layout.py: where images, labels and lists are; folders.py: splits that folders tell
- names.py: class names; rows.py: a row of a label file
"""

from data.readers.yolo.source import IN_WORDS, YoloSource, find

__all__ = ["IN_WORDS", "YoloSource", "find"]
