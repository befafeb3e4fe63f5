"""Pascal VOC: images, one XML file for each, lists of the splits.

- source.py: the data set; layout.py: its folders; lists.py: lists of splits
- xml_file.py: one annotation
"""

from data.readers.voc.layout import IN_WORDS, find
from data.readers.voc.source import VocSource

__all__ = ["IN_WORDS", "VocSource", "find"]
