"""Which pictures are in which split: the files' own lists, else a hash of the names."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from base.errors import UserError
from data.images import SUFFIXES
from data.readers.annotation import Source

SPLITS = ("train", "val", "trainval", "test")  # VOC devkit, ImageSets/Main
VAL_PERCENT = 20  # the article's 80/20
WORDS = {  # how folders and files call the splits: ours, after what tools write
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "trainval": "trainval",
    "test": "test",
    "testing": "test",
}


class Chosen(NamedTuple):
    """Keys of a split per source, notes on how it came about, whether it was made."""

    keys: list[tuple[Source, list[str]]]
    notes: list[str]
    made: bool


def split_in_name(name: str) -> str | None:
    """The split that a file or folder name tells, else None.

    >>> split_in_name("instances_val2017.json"), split_in_name("constraints.csv")
    ('val', None)
    """
    words = re.split(r"[^a-z]+", name.lower())
    return next((WORDS[word] for word in words if word in WORDS), None)


def choose(sources: Sequence[Source], split: str) -> Chosen:
    """The pictures of a split in each source that has it.

    Several sources are joined; those without the split are passed over as long as one
    has it. UserError names the splits that exist when none has this one.
    """
    if split not in SPLITS:
        raise UserError(f"split {split!r}: expected one of {', '.join(SPLITS)}.")
    notes: list[str] = []
    found = [(source, _keys(source, split, notes)) for source in sources]
    found = [(source, keys) for source, keys in found if keys is not None]
    if found:
        return Chosen(found, notes, made=bool(notes))
    if split == "test" and _can_give_val(sources):
        keys, notes, made = choose(sources, "val")
        notes.append("There is no test split: val stands in for it.")
        return Chosen(keys, notes, made)
    roots = ", ".join(str(source.root) for source in sources)
    exist = ", ".join(sorted({name for source in sources for name in source.lists}))
    raise UserError(f"{roots}: no split {split!r}; the lists there are: {exist}.")


def is_val(stem: str) -> bool:
    """Whether the automatic split puts a picture into val.

    A hash of the name alone: pictures that come later move none of the others,
    and every machine and every Python decides alike.
    """
    name = unicodedata.normalize("NFC", stem)  # macOS gives names in NFD
    digest = hashlib.sha1(name.encode("utf-8", "surrogateescape"))
    return int.from_bytes(digest.digest()[:8], "big") % 100 < VAL_PERCENT


def _can_give_val(sources: Sequence[Source]) -> bool:
    return any(not source.lists or set(source.lists) - {"test"} for source in sources)


def _stem(key: str) -> str:
    name = key.replace("\\", "/").rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in SUFFIXES else name


def _keys(source: Source, split: str, notes: list[str]) -> list[str] | None:
    """Keys of a split in one source; None when its lists don't give it."""
    lists = set(source.lists)
    # where no list holds pictures back for validation, train is split as well
    holds_back = bool(lists & {"val", "trainval"})
    if split in lists and (split != "train" or holds_back):
        return source.keys(split)
    if not lists:
        if split == "test":
            return None
        pool, origin = source.keys(None), "no lists"
    elif lists & {"trainval", "train"}:
        pool = _trainval(source)
        origin = "no list val" if not holds_back else f"no list {split}"
    else:
        return None
    if split in ("trainval", "test"):
        return pool if split == "trainval" else None
    return _derived(source, split, pool, origin, notes)


def _trainval(source: Source) -> list[str]:
    if "trainval" in source.lists:
        return source.keys("trainval")
    both = [name for name in ("train", "val") if name in source.lists]
    return list(dict.fromkeys(key for name in both for key in source.keys(name)))


def _derived(
    source: Source, split: str, pool: list[str], origin: str, notes: list[str]
) -> list[str]:
    """train or val of a pool: what the other's list leaves, else by hash."""
    other = "val" if split == "train" else "train"
    if other in source.lists and "trainval" in source.lists:
        taken = set(source.keys(other))
        return [key for key in pool if key not in taken]
    notes.append(
        f"{source.root}: {origin}, so names were split by their hash, "
        f"{100 - VAL_PERCENT}% train and {VAL_PERCENT}% val."
    )
    return [key for key in pool if is_val(_stem(key)) == (split == "val")]
