"""Data sets as people have them on disk: one reader for each format.

- recognise.py: the front door, which format a folder holds; foreign.py: those not read
- annotation.py: what each reader gives; assemble.py: from there to a Dataset
- splits.py: training, validation and test; folders.py: data sets in folders
- files/: encodings, names, paths; coco/, voc/, yolo/, csv_table.py
- labelme.py; listed.py: label_studio.py, via.py, cvat.py; outlines.py
"""
