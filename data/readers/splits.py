"""Which images are in which split: the files' own lists, else a hash of the names."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from base.errors import UserError
from data.images import without_suffix
from data.readers.annotation import AnnotationSource, Problem

SPLITS = ("train", "val", "trainval", "test")  # VOC devkit, ImageSets/Main
VAL_PERCENT = 20  # the article's 80/20
WORDS = {  # how folders, files and keys call the splits: ours, after what tools write
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation"), "val"),
    **dict.fromkeys(("trainval", "trainvalid"), "trainval"),
    **dict.fromkeys(("test", "tests", "testing", "tst"), "test"),
}
ALONE = {"dev": "val", "eval": "val", "evaluation": "val"}  # only as a whole name
# words that say nothing else beside a split's: instances_train2017.json, test_images
FILLERS = frozenset(
    (
        *("instances", "annotation", "annotations", "label", "labels", "boxes", "bbox"),
        *("image", "images", "img", "imgs", "pictures", "set", "data", "dataset"),
        *("split", "list", "subset", "default", "obj", "of", "the"),
        *("coco", "voc", "yolo", "via", "csv", "json", "txt", "xml"),
    )
)
TAILS = ("set", "data", "split", "list", "images", "imgs", "labels")  # trainset


class SplitAssignment(NamedTuple):
    """Keys of a split per source, notes on how it came about, whether it was made."""

    keys: list[tuple[AnnotationSource, list[str]]]
    notes: list[str]
    made: bool


def split_in_name(name: str) -> str | None:
    """The split that a file or folder name tells, else None.

    >>> split_in_name("instances_val2017.json"), split_in_name("constraints.csv")
    ('val', None)
    >>> split_in_name("TESTING"), split_in_name("TrainVal"), split_in_name("Valid Set")
    ('test', 'trainval', 'val')
    """
    words = _words(name)
    if len(words) == 1 and words[0] in ALONE:
        return ALONE[words[0]]
    found = {WORDS[word] for word in words if word in WORDS}
    if len(found) == 1:
        return found.pop()
    return "trainval" if found and found <= {"train", "val", "trainval"} else None


def is_split_name(name: str) -> bool:
    """Whether a name tells a split and nothing else, so that it is no data set's.

    >>> is_split_name("test2017"), is_split_name("drone-test-v2")
    (True, False)
    """
    others = [word for word in _words(name) if word not in WORDS]
    return split_in_name(name) is not None and all(
        word in FILLERS or word in ALONE for word in others
    )


def splits_of(names: Iterable[str]) -> dict[str, str]:
    """The splits that names side by side tell, by name.

    One alone must be a split's name and nothing else: `drone-test-v2` is a data set.
    """
    found = {name: split for name in names if (split := split_in_name(name))}
    if len(found) == 1 and not any(map(is_split_name, found)):
        return {}
    return found


def folder_notes(root: Path, splits: Mapping[str, str]) -> list[Problem]:
    """Says where a folder of another name is taken for a split."""
    read = [f"{name} as {s}" for name, s in splits.items() if not is_split_name(name)]
    text = f"{root}: splits are read from names of folders: {', '.join(read)}."
    return [Problem(text, "split-folder", "note")] if read else []


def unknown_lists(
    path: Path, what: str, names: Sequence[str], then: str = ""
) -> list[Problem]:
    """The warning about lists whose names tell no split; then: what becomes of them."""
    if not names:
        return []
    then = then or (
        "their images may be in any split, by other lists or by hash. "
        f"--train-split and --val-split take {names[0]}"
    )
    text = f"{path}: {what} that tell no split: {', '.join(names[:8])}; {then}."
    return [Problem(text, "list-unknown", "warning")]


def _words(name: str) -> list[str]:
    """Words of a name in lower case; `TrainVal`, `train2017` and `trainset` too."""
    words = [w.lower() for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    return [
        next((w for t in TAILS if (w := word.removesuffix(t)) in WORDS), word)
        for word in words
    ]


def choose(sources: Sequence[AnnotationSource], split: str) -> SplitAssignment:
    """The images of a split in each source that has it.

    Several sources are joined; those without the split are passed over as long as one
    has it. UserError names the splits that exist when none has this one.
    """
    others = {name for source in sources for name in source.lists}
    if split not in SPLITS and split not in others:
        known = split_in_name(split) or split
        if known not in SPLITS:
            lists = ", ".join(dict.fromkeys((*SPLITS, *sorted(others))))
            raise UserError(f"split {split!r}: expected one of {lists}.")
        split = known
    notes: list[str] = []
    found = [(source, _keys(source, split, notes)) for source in sources]
    found = [(source, keys) for source, keys in found if keys is not None]
    if found:
        return SplitAssignment(found, notes, made=bool(notes))
    if split == "test":
        keys, notes, made = choose(sources, "val")
        notes.append("There is no test split: val stands in for it.")
        return SplitAssignment(keys, notes, made)
    roots = ", ".join(str(source.root) for source in sources)
    is_all = " All images are in test." if others == {"test"} else ""
    raise UserError(
        f"{roots}: no split {split!r}; the lists there are: "
        f"{', '.join(sorted(others))}. Names of files, folders and keys tell them: "
        f"rename one, or give --train-split and --val-split.{is_all}"
    )


def is_val(stem: str) -> bool:
    """Whether the automatic split puts an image into val.

    A hash of the name alone: images that come later move none of the others,
    and every machine and every Python decides alike.
    """
    name = unicodedata.normalize("NFC", stem)  # macOS gives names in NFD
    digest = hashlib.sha1(name.encode("utf-8", "surrogateescape"))
    return int.from_bytes(digest.digest()[:8], "big") % 100 < VAL_PERCENT


def _stem(key: str) -> str:
    name = key.replace("\\", "/").rpartition("/")[2]
    return without_suffix(name, ".json")  # labelme's files


def _keys(source: AnnotationSource, split: str, notes: list[str]) -> list[str] | None:
    """Keys of a split in one source; None when its lists don't give it."""
    if split not in SPLITS:
        return source.keys(split) if split in source.lists else None
    lists = set(source.lists) & set(SPLITS)
    # where no list holds images back for validation, train is split as well
    holds_back = bool(lists & {"val", "trainval"})
    if split in lists and (split != "train" or holds_back):
        return source.keys(split)
    if not lists:
        pool, origin = source.keys(None), "no lists"
    elif lists & {"trainval", "train"}:
        whole = {"trainval"} & lists or {"train", "val"} & lists
        keys = (key for name in sorted(whole) for key in source.keys(name))
        pool = list(dict.fromkeys(keys))
        origin = "no list val" if not holds_back else f"no list {split}"
    else:
        return None
    if split in ("trainval", "test"):
        return pool if split == "trainval" else None
    return _derived(source, split, pool, origin, notes)


def _derived(
    source: AnnotationSource, split: str, pool: list[str], origin: str, notes: list[str]
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
