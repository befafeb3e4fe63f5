"""The front door: any folder, its format recognised from its files.

>>> dataset = read_dataset("my_pictures", "train")  # doctest: +SKIP
>>> print(dataset.describe())  # doctest: +SKIP

A new format is one module that keeps to `source.py`, and one name in FORMATS.
"""

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from data.dataset import Dataset
from data.reading import read_split
from data.source import Source

# modules of data/, asked in this order: the more telling files first
FORMATS = ("coco", "yolo", "voc", "table")
SHOWN_NAMES = 8  # ours: entries of a folder that a message names


def read_dataset(
    roots: Sequence[Path | str] | Path | str,
    split: str,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """One split of the data sets at the given folders or annotation files.

    roots: several are joined, as VOC07+12; those without the split are passed over as
        long as one has it.
    split: train, val, trainval or test. Without lists, names are split by their
        hash, 80/20; where nothing is called test, val stands in for it.
    class_names: without the background. Left out, they are those of all splits, so
        that every split numbers them alike: in the format's own order, else sorted.

    Files and objects that can't be used are left out and named in
    `Dataset.problems`; ValueError where a format isn't understood or nothing is left.
    """
    return read_split(find_sources(roots), split, class_names)


def find_sources(roots: Sequence[Path | str] | Path | str) -> list[Source]:
    """The data sets at folders or files; ValueError says what was seen instead."""
    if isinstance(roots, str | Path):
        roots = [roots]
    return [source for root in roots for source in _find(Path(root))]


def _find(path: Path) -> list[Source]:
    if not path.exists():
        raise ValueError(f"{path}: no such folder; expected an annotated data set.")
    formats = [import_module(f"data.{name}") for name in FORMATS]
    for module in formats:
        if sources := module.find(path):
            return sources
    layouts = "; ".join(module.IN_WORDS for module in formats)
    raise ValueError(
        f"{path}: no annotations that are understood. Seen: {_seen(path)}. "
        f"Understood: {layouts}."
    )


def _seen(path: Path) -> str:
    """What a folder holds, in a few words.

    Folders by name, files by the number of each suffix.
    """
    if path.is_file():
        return f"a file of {path.stat().st_size} bytes"
    entries = sorted(p for p in path.iterdir() if not p.name.startswith("."))
    folders = [f"{_contents(p)} in {p.name}/" for p in entries if p.is_dir()]
    files = _contents(path)
    shown = [files] * (files != "nothing") + folders[:SHOWN_NAMES]
    more = len(folders) - SHOWN_NAMES
    return ", ".join(shown or ["nothing"]) + (f" and {more} folders" * (more > 0))


def _contents(folder: Path) -> str:
    entries = [p for p in folder.iterdir() if not p.name.startswith(".")]
    counts = Counter(p.suffix.lower() or "plain" for p in entries if p.is_file())
    parts = [f"{count} {suffix} files" for suffix, count in counts.most_common(4)]
    num_folders = sum(p.is_dir() for p in entries)
    return " + ".join(parts + [f"{num_folders} folders"] * bool(num_folders)) or (
        "nothing"
    )
