"""Splits that an annotation file tells of its images: by names, columns or keys."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data.readers.annotation import Problem
from data.readers.files.paths import parts_of
from data.readers.splits import SPLITS, split_in_name, splits_of

# how columns and keys are called in lower case: ours; AutoML, Vertex AI (set, ml_use)
SPLIT_KEYS = ("split", "set", "subset", "partition", "ml_use", "usage")


def split_told(values: Mapping[str, Any]) -> str | None:
    """The split that an image's values tell, or the name of another list.

    >>> split_told({"id": 1, "Split": "Testing"}), split_told({"set": ["test"]})
    ('test', None)
    """
    words = {key.lower(): value for key, value in values.items()}
    told = (words[key] for key in SPLIT_KEYS if isinstance(words.get(key), str))
    word = next(filter(None, map(str.strip, told)), None)
    return word and (split_in_name(word) or word)


def splits_by_folder(names: Iterable[str]) -> dict[str, str]:
    """The splits that folders in names of images tell: the first folders that do.

    >>> splits_by_folder(["images/train/a.jpg", "images/test/b.jpg", "c.jpg"])
    {'images/train/a.jpg': 'train', 'images/test/b.jpg': 'test'}
    """
    folders = {name: parts_of(name)[:-1] for name in names}
    firsts = [parts[0] if parts else "" for parts in folders.values()]
    is_absolute = all(first == "/" or first.endswith(":") for first in firsts)
    for level in range(max(map(len, folders.values()), default=0)):
        at = {name: f[level] for name, f in folders.items() if len(f) > level}
        found = set(at.values())
        if is_absolute and len(found) == 1:
            continue  # of another machine: what is above the data set tells nothing
        if splits := splits_of(found):
            return {name: splits[f] for name, f in at.items() if f in splits}
    return {}


def split_notes(
    root: Path, splits: Mapping[str, str], where: str = "folders in the images' names"
) -> list[Problem]:
    """Says that annotation files tell the splits of images."""
    counts = Counter(splits.values())
    shown = ", ".join(f"{split} {count}" for split, count in counts.items())
    text = f"{root}: splits are read from {where}: {shown} images."
    return [Problem(text, "split-names", "note")] if counts else []


def unused_lists(root: Path, lists: Mapping[str | None, Sequence]) -> list[Problem]:
    """A line for images that are in no split although others are."""
    if not set(lists) & set(SPLITS):
        return []
    return [
        Problem(
            f"{root}: {len(keys)} images"
            + (
                f" of {name} are in no split; --train-split {name} takes them."
                if name
                else " have no split."
            ),
            severity="warning",
        )
        for name, keys in lists.items()
        if name not in SPLITS
    ]
