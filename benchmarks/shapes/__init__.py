"""A drawn data set, for tests and benchmarks: draw.py draws an image, dataset.py all.

python -m benchmarks.shapes FOLDER
"""
