"""The demo data set: draw.py draws an image, dataset.py a whole set in the VOC layout.

python -m data.shapes FOLDER
"""
