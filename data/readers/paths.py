"""Finds the files that an annotation file names, wherever it was written."""

import os
from collections.abc import Sequence
from pathlib import Path

from data.readers.splits import split_in_name


class Finder:
    """Finds files by the names that stand in an annotation file.

    folders: tried in order; the first is the annotation file's own. A name is tried as
    it is (absolute, or below a folder), then without its leading parts, since data sets
    move: Roboflow writes ../train/images, CVAT data/obj_train_data/a.jpg, others the
    absolute path on the machine of the annotator. What worked last is tried first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(dict.fromkeys(folders))
        self._last: tuple[Path, int] = (self.folders[0], 0)

    def find(self, name: str) -> Path | None:
        """The file or folder of a name, None where there is none."""
        name = name.strip().replace("\\", "/")
        # strings and os.path: Path's own take a second for 100,000 names
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/"):
            parts.insert(0, "/")
        if not parts:  # "." is the folder itself
            return self.folders[0] if name else None
        folder, skipped = self._last
        if skipped < len(parts):
            path = folder.joinpath(*parts[skipped:])
            if os.path.exists(path):  # noqa: PTH110
                return path
        for skipped in range(len(parts)):
            for folder in self.folders:
                path = folder.joinpath(*parts[skipped:])
                if os.path.exists(path):  # noqa: PTH110, False for names that can't be
                    self._last = folder, skipped
                    return path
        return None


def picture_folders(path: Path, root: Path) -> list[Path]:
    """Where the pictures of an annotation file may lie.

    After COCO, CVAT, Roboflow and FiftyOne (data/).
    """
    name = path.stem.removeprefix("instances_")  # instances_val2017.json: val2017/
    split = split_in_name(path.name)
    bases = [root]
    if path.parent.name.lower() == "annotations":
        bases.append(path.parent.parent)
    places = [path.parent, path.parent / "images", path.parent / "data"]
    for base in bases:
        inside = base / "images"
        places += [base / name, inside / name]
        places += [*_folders_of(split, base), *_folders_of(split, inside), inside, base]
    return [place for place in dict.fromkeys(places) if place.is_dir()]


def _folders_of(split: str | None, base: Path) -> list[Path]:
    """Folders in another that are called after a split: valid, validation for val."""
    if split is None or not base.is_dir():
        return []
    with os.scandir(base) as entries:  # Path's own asks the disk for each picture
        folders = sorted(entry.name for entry in entries if entry.is_dir())
    return [base / name for name in folders if split_in_name(name) == split]
