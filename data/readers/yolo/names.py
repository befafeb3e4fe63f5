"""Class names of YOLO data: data.yaml's, or files of names that lie with the labels."""

from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from base.errors import UserError
from data.readers.annotation import Problem, same_name_problems
from data.readers.files.paths import Finder, child
from data.readers.files.text import check_names, read_lines
from data.readers.yolo.project import MAX_BYTES, darknet_file, darknet_names, yaml_file

# Label Studio and LabelImg, Darknet and CVAT, Roboflow; any *.names too
NAME_FILES = ("classes.txt", "_darknet.labels", "predefined_classes.txt", "names.txt")
MAX_CLASSES = 100_000  # ours: more is a mistake, and a list of them fills the memory
NamesFile = tuple[Path, list[str]]


def is_name_file(name: str) -> bool:
    """Whether a file of this name lists classes."""
    return name.lower() in NAME_FILES or name.lower().endswith(".names")


def yaml_names(path: Path, content: dict[str, Any]) -> list[str]:
    """The class names of a data.yaml."""
    names, count = content.get("names"), content.get("nc")
    if isinstance(names, dict) and all(map(_is_number, names)):
        by_number = {int(key): name for key, name in names.items()}
        numbers = up_to(max(by_number, default=-1), path)
        for number in numbers:
            if number not in by_number:
                raise UserError(
                    f"{path}: names: class {number} has no name. The labels count "
                    f"classes from 0; give each number up to {numbers[-1]} a name."
                )
        return _texts(path, [by_number[number] for number in numbers])
    if isinstance(names, list):
        return _texts(path, names)
    if isinstance(names, str) and (listed := Finder([path.parent]).find(names)):
        return names_in(listed)
    if names is None and _is_number(count):
        return [str(number) for number in up_to(int(count) - 1, path)]
    raise UserError(
        f"{path}: names: expected a list of class names or numbers with names. "
        f"Received: {_shown(names)}"
    )


def _texts(path: Path, names: Sequence[Any]) -> list[str]:
    for number, name in enumerate(names):
        if not isinstance(name, str):
            raise UserError(
                f"{path}: names: class {number}: expected a text. "
                f"Received: {_shown(name)}"
            )
    return check_names(names, path)


def _shown(value: Any) -> str:
    # never a whole list: a few lines of YAML may stand for billions of entries
    return f"{value!r:.80}" if isinstance(value, str | None) else type(value).__name__


def _is_number(text: Any) -> bool:
    return isinstance(text, str) and text.isdecimal() and len(text) < 16


def up_to(largest: int, path: Path) -> range:
    """Class numbers from 0; UserError where a file has one that can't be."""
    if largest >= MAX_CLASSES:
        raise UserError(
            f"{path}: class number {largest}: expected less than {MAX_CLASSES}."
        )
    return range(largest + 1)


def names_in(path: Path) -> list[str]:
    """The names in a file, one a line."""
    names = check_names(read_lines(path, MAX_BYTES), path)
    while names and not names[-1]:
        names.pop()
    return names


class FolderNames:
    """Class names by the folder of a label file: the nearest list above it counts.

    A folder of images below the root may have its own data.yaml or obj.data too.

    given: the names of `source`, data.yaml or obj.data, which count everywhere;
        UserError where a file of names says otherwise.
    """

    def __init__(
        self,
        root: Path,
        folders: Collection[Path],
        given: Sequence[str] | None = None,
        source: Path | None = None,
    ) -> None:
        self.root = root
        below = {p for f in folders for p in (f, *f.parents) if root in p.parents}
        usual = (child(root, name) for name in ("data", "labels"))
        places = {root, *usual, *folders, *below}
        self._files: dict[Path, NamesFile] = {}
        for folder in sorted(p for p in places if p.is_dir()):
            found = sorted(p for p in folder.iterdir() if is_name_file(p.name))
            files = [(file, names_in(file)) for file in found if file.is_file()]
            files += _described(folder) if folder in below else []
            if files:
                self._files[folder] = _agreed(files)
        labels = child(root, "labels")
        if root not in folders and {root, labels} <= self._files.keys():
            _agreed([self._files[root], self._files[labels]])  # both of one set
        self._nearest = cache(self._find_nearest)
        if given is not None:
            first = (source or root, list(given))
            self._files = {root: _agreed([first, *self._files.values()])}

    def all(self) -> list[str]:
        """The names of all folders, each once."""
        lists = [names for _, names in self._files.values()]
        return list(dict.fromkeys(name for names in lists for name in names))

    def problems(self) -> list[Problem]:
        """Numbers that have one name."""
        return [
            line
            for file, names in self._files.values()
            for line in same_name_problems(file, enumerate(names))
        ]

    def __bool__(self) -> bool:
        return bool(self._files)

    def names_for(self, label: Path, image: Path) -> list[str]:
        """The names that the numbers in a label file mean."""
        return self._nearest(label.parent, image.parent)

    def _find_nearest(self, *folders: Path) -> list[str]:
        above = [
            folder
            for start in dict.fromkeys(folders)
            for folder in (start, *start.parents)
            if folder in self._files
        ]
        deepest = max((len(folder.parts) for folder in above), default=0)
        nearest = [self._files[f] for f in above if len(f.parts) == deepest]
        # for a folder without names: those of the others, where they are the same
        return _agreed(nearest or list(self._files.values()))[1]


def _described(folder: Path) -> list[NamesFile]:
    """The names of the data.yaml or the obj.data in a folder."""
    found = yaml_file(folder)
    if found and "names" in found[1]:
        return [(found[0], yaml_names(*found))]
    file = darknet_names(folder, darknet_file(folder))
    return [(file, names_in(file))] if file and file.is_file() else []


def _agreed(files: Sequence[NamesFile]) -> NamesFile:
    """The first; UserError where another names a number differently, one may end."""
    first, names = files[0]
    for file, others in files[1:]:
        for number, (a, b) in enumerate(zip(names, others, strict=False)):
            if a.casefold() != b.casefold():
                raise UserError(
                    f"{first} and {file} contradict each other: class {number} is "
                    f"{a!r} and {b!r}. Remove the wrong one."
                )
    return files[0]
