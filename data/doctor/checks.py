"""The data doctor: what is wrong with a data set; `python -m data` prints it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from base.errors import UserError
from data.dataset import Dataset
from data.doctor.boxes import check_boxes, check_priors
from data.doctor.findings import Finding, findings
from data.doctor.images import check_pictures
from data.doctor.voc import check_trees
from data.readers.recognise import find_sources, read_dataset
from data.readers.voc import VocSource

SPLITS = ("train", "val", "test")  # each picture in at most one


def read_splits(roots: Sequence[Path | str]) -> list[Dataset]:
    """The splits that a data set has, training first; UserError where there is none.

    Where no list names a test split, val is not read twice.
    """
    datasets: list[Dataset] = []
    for split in SPLITS:
        names = datasets[0].class_names if datasets else None
        try:
            dataset = read_dataset(roots, split, names)
        except UserError:
            if not datasets:
                raise
            continue
        if not any("stands in" in note for note in dataset.notes):
            datasets.append(dataset)
    return datasets


def examine(
    roots: Sequence[Path | str], datasets: Sequence[Dataset], priors: np.ndarray
) -> list[Finding]:
    """All findings about folders and the splits that `read_splits` finds in them.

    `priors` (P, 4) are centers in 0..1.
    """
    sources = find_sources(roots)
    trees = [source.tree for source in sources if isinstance(source, VocSource)]
    found = check_trees(trees)
    if len(trees) < len(sources):  # other formats: what their readers complain of
        lines = [line for dataset in datasets for line in dataset.problems]
        lost = any(d.num_pictures_left_out or d.num_objects_left_out for d in datasets)
        severity = "error" if lost else "warning"
        found += findings("reader", severity, "left out or mended by the reader", lines)
    return found + quick(datasets, priors) + check_pictures(datasets)


def quick(datasets: Sequence[Dataset], priors: np.ndarray) -> list[Finding]:
    """Those that need no file; the first data set is the training split."""
    return check_boxes(datasets) + check_priors(all_boxes(datasets), priors)


def all_boxes(datasets: Sequence[Dataset]) -> np.ndarray:
    """(M, 4) corners of all boxes."""
    boxes = [picture.truth[:, :4] for d in datasets for picture in d.pictures]
    return np.concatenate([np.zeros((0, 4), np.float32), *boxes])
