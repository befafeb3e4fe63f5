"""The data doctor: what is wrong with a data set; `python -m data` prints it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from base import grouped
from base.errors import UserError
from base.priors import LAYOUTS, make_priors
from data.dataset import Dataset
from data.doctor.boxes import check_boxes, check_priors
from data.doctor.findings import Finding, findings
from data.doctor.images import check_images
from data.doctor.voc import KINDS, check_voc
from data.images import UNREAD_SUFFIXES, is_image_name
from data.readers.annotation import Problem
from data.readers.files.paths import files_under
from data.readers.recognise import OpenDataset
from data.readers.voc import VocSource

TEXTS = {
    "error": "left out by the reader",
    "warning": "mended or reported by the reader",
    "note": "reported by the reader",
    "image-size": "boxes for another size",
    "no-training": "no split train",
    "split-lost": "a split that is listed and can't be read",
}
SPLITS = ("train", "val", "test")  # each image in at most one

TRAINED = {"train", "trainval"}  # lists of which training takes images


def read_splits(opened: OpenDataset) -> list[Dataset]:
    """The splits that a data set has, training first; UserError where there is none.

    Where no list names a test split, val is not read twice. Problems of the first one
    say why training is not among them, or a split that is listed.
    """
    datasets: list[Dataset] = []
    lost: dict[str, UserError] = {}
    for split in SPLITS:
        names = datasets[0].class_names if datasets else None
        try:
            dataset = opened.split(split, names)
        except UserError as error:
            lost[split] = error
            continue
        if not any("stands in" in note for note in dataset.notes):
            datasets.append(dataset)
    if not datasets:
        raise next(iter(lost.values()))
    listed = {name for source in opened.sources for name in source.lists}
    for split, error in lost.items():
        line = Problem(f"{split}: {error}", "split-lost")
        if split == "train":
            # of val or test alone: a data set to evaluate by
            is_evaluated = listed & {"val", "test"} and not listed & TRAINED
            severity = "warning" if is_evaluated else "error"
            line = Problem(str(error), "no-training", severity)
        if split in ("train", *listed):
            datasets[0].problems.append(line)
    return datasets


def check_dataset(
    opened: OpenDataset, datasets: Sequence[Dataset], layout: str
) -> list[Finding]:
    """All findings about folders and the splits that `read_splits` finds in them.

    `layout` is that of the priors of the training.
    """
    sources = opened.sources
    voc = [source for source in sources if isinstance(source, VocSource)]
    found = check_voc(voc)
    lines = list(dict.fromkeys(line for d in datasets for line in d.problems))
    if len(voc) == len(sources):  # looked at above, in other words
        lines = [line for line in lines if line.id not in ("reader", *KINDS)]
    found += _problems(lines)
    found += check_unread([Path(source.root) for source in sources], datasets)
    return found + check_annotations(datasets, layout) + check_images(datasets)


def _problems(lines: Sequence[Problem]) -> list[Finding]:
    """What the readers complain of, by their words for it."""
    by_kind = grouped(((line.id, line.severity), line) for line in lines)
    return [
        finding
        for (id, severity), places in by_kind.items()
        for finding in findings(id, severity, TEXTS.get(id, TEXTS[severity]), places)
    ]


def check_unread(roots: Sequence[Path], datasets: Sequence[Dataset]) -> list[Finding]:
    """Images under the folders that are in no split, and kinds that are not read."""
    used = {sample.path.resolve() for d in datasets for sample in d.samples}
    files = list(dict.fromkeys(f for root in roots for f in files_under(root)))
    images = (f for f in files if is_image_name(f.name) and f.resolve() not in used)
    folders = Counter(file.parent for file in images)
    shown = (f for f in files if not f.name.startswith("."))
    kinds = Counter(s for f in shown if (s := f.suffix.lower()) in UNREAD_SUFFIXES)
    places = [f"{n} images in {place} are not read" for place, n in folders.items()]
    words = [f"{n} images of {kind} are not read" for kind, n in kinds.items()]
    return [
        *findings("not-read", "warning", "images that no split has", places),
        *findings("kind-not-read", "warning", "convert these to JPEG or PNG", words),
    ]


def check_annotations(datasets: Sequence[Dataset], layout: str) -> list[Finding]:
    """Those that need no file; the first data set is the training split."""
    found = check_boxes(datasets)
    if LAYOUTS[layout].matching == "iou":  # elsewhere no object needs an overlap
        found += check_priors(all_boxes(datasets), make_priors(layout))
    return found


def all_boxes(datasets: Sequence[Dataset]) -> np.ndarray:
    """(M, 4) corners of all boxes."""
    boxes = [sample.truth[:, :4] for d in datasets for sample in d.samples]
    return np.concatenate([np.zeros((0, 4), np.float32), *boxes])
