"""Data sets as people have them on disk: one reader for each format.

- recognise.py: the front door, which format a folder holds
- annotation.py: what each reader gives; assemble.py: from there to a Dataset
- splits.py, split_files.py: training, validation and test; paths.py: image files
- voc.py, voc_layout.py, voc_xml.py; coco.py; yolo.py; csv_table.py
"""
