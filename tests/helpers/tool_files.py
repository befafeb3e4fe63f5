"""Small files as annotation tools write them; every image has 60x40 pixels."""

import json

import numpy as np

from data import read_dataset
from tests.helpers.voc_files import write_image

SIZE_WH = (60, 40)


def write(root, files):
    """Texts by name, JSON of anything else; images where the content is None."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            write_image(path, SIZE_WH)
        else:
            is_text = isinstance(content, str)
            path.write_text(content if is_text else json.dumps(content), "utf-8")
    return root


def boxes(root, split="trainval"):
    """(stem, class, edges in pixels) of all objects; edges rounded to 0.01."""
    dataset = read_dataset(root, split)
    return [
        (
            image.path.stem,
            dataset.class_names[int(row[4]) - 1],
            tuple(np.round(row[:4] * (SIZE_WH * 2), 2).tolist()),
        )
        for image in dataset.samples
        for row in image.truth
    ]
