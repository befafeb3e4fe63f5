"""Pascal VOC: images, one XML file for each, lists of the splits.

- source.py: the data set; layout.py: folders and lists; xml_file.py: one annotation
"""

from data.readers.voc.source import IN_WORDS, VocSource, find

__all__ = ["IN_WORDS", "VocSource", "find"]
