"""Text files that list the images of a split, and whether they were read."""

from collections.abc import Sequence
from pathlib import Path

from data.images import SUFFIXES, without_suffix
from data.readers.annotation import AnnotationSource, Problem
from data.readers.files.paths import files_under
from data.readers.files.text import read_lines
from data.readers.splits import SPLITS, is_split_name, split_in_name

DEPTH = 3  # ours: ImageSets/Main/train.txt
ENDINGS = (".txt", ".lst", ".list", ".csv", "")  # ours: of lists


def split_lists(root: Path) -> dict[Path, str]:
    """Text files that are called after a split, and are no image's labels."""
    return {
        path: split_in_name(path.stem)
        for path in files_under(root, DEPTH)
        if path.suffix.lower() in ENDINGS
        and is_split_name(path.stem)
        and "labels" not in map(str.lower, path.relative_to(root).parts)
        and not any(path.with_suffix(suffix).exists() for suffix in SUFFIXES)
    }


def unread_lists(root: Path, sources: Sequence[AnnotationSource]) -> list[Problem]:
    """The warning where text files tell splits that the data sets in a folder have not.

    Where they have some, only those count whose images are trained on.
    """
    if not root.is_dir():
        return []
    lists = {name for source in sources for name in source.lists}
    files = [path for path, split in split_lists(root).items() if split not in lists]
    if not lists.isdisjoint(SPLITS):
        files = files and _naming(files, _trained(sources))
    if not files:
        return []
    names = ", ".join(path.relative_to(root).as_posix() for path in files[:8])
    text = (
        f"{root}: lists that are not read: {names}; their images may be in any split. "
        "docs/data.md says where lists are read; folders or annotation files called "
        "train, val and test tell splits in every format."
    )
    return [Problem(text, "list-unknown", "warning")]


def _trained(sources: Sequence[AnnotationSource]) -> set[str]:
    """Stems of the images in lists that are trained on."""
    return {
        _stem(key)
        for source in sources
        for split in ("train", "trainval")
        if split in source.lists
        for key in source.keys(split)
    }


def _naming(files: Sequence[Path], stems: set[str]) -> list[Path]:
    """Files other than of training that name one of these images."""
    others = (path for path in files if split_in_name(path.stem) in ("val", "test"))
    return [p for p in others if not stems.isdisjoint(map(_stem, read_lines(p)))]


def _stem(name: str) -> str:
    return without_suffix(name.strip().replace("\\", "/").rpartition("/")[2])
