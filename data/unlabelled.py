"""Images without annotations as a data set, for what learns without labels."""

from pathlib import Path

import numpy as np

from base.errors import UserError
from data.dataset import Dataset, Sample, truth_array
from data.images import image_size, is_image_name


def read_unlabelled(folder: Path | str) -> Dataset:
    """All images of a folder, at any depth, without objects.

    A file that is no sound image is told in `problems`; UserError where none is one.
    """
    folder, images, problems = Path(folder), [], []
    if not folder.is_dir():
        raise UserError(f"{folder}: expected a folder of images.")
    for path in sorted(p for p in folder.rglob("*") if is_image_name(p.name)):
        try:
            size_wh = image_size(path)
        except UserError as error:
            problems.append(f"{error}")
            continue
        images.append(Sample(path, size_wh, truth_array([]), np.zeros(0, bool)))
    if not images:
        raise UserError(f"{folder}: no images in it.")
    return Dataset(folder.name, "all", [], images, problems)
