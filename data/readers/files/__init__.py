"""Files of annotations, whatever the format.

- text.py: encodings and class names; xml_source.py: for XML parsers; paths.py: which
  file a name means
- json_file.py, split_files.py: JSON, files that each list images of a split
- list_files.py: texts called train.txt and the like that no format reads
- edges.py: boxes against their image
"""
