"""Pictures without annotations as a data set, for what learns without labels."""

from pathlib import Path

import numpy as np

from base.errors import UserError
from data.dataset import Dataset, Picture, truth_array
from data.images import is_picture_name, picture_size


def read_unlabelled(folder: Path | str) -> Dataset:
    """All pictures of a folder, at any depth, without objects.

    A file that is no sound picture is told in `problems`; UserError where none is one.
    """
    folder, pictures, problems = Path(folder), [], []
    if not folder.is_dir():
        raise UserError(f"{folder}: expected a folder of pictures.")
    for path in sorted(p for p in folder.rglob("*") if is_picture_name(p.name)):
        try:
            size_wh = picture_size(path)
        except UserError as error:
            problems.append(f"{error}")
            continue
        pictures.append(Picture(path, size_wh, truth_array([]), np.zeros(0, bool)))
    if not pictures:
        raise UserError(f"{folder}: no pictures in it.")
    return Dataset(folder.name, "all", [], pictures, problems)
