"""Annotation files that each list images, one or more of them for each split."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from base import grouped
from base.errors import UserError
from data.readers.annotation import Annotated, Missing, Problem
from data.readers.files.image_splits import split_notes, splits_by_folder, unused_lists
from data.readers.files.paths import files_in, folders_in, is_shortened
from data.readers.splits import SPLITS, splits_of


class AnnotationFile(ABC):
    """One file's content.

    images: what it knows of each image, by the name that it writes.
    paths: the images' files; None where there is none.
    splits: what a column or key of it tells of images; or the name of another list.
    problems: what is wrong with it as a whole.
    """

    path: Path
    images: Mapping[str, Any]
    paths: Mapping[str, Path | None]
    splits: Mapping[str, str] = MappingProxyType({})
    problems: Sequence[Problem] = ()

    def find(self, name: str) -> Path | None:
        return self.paths[name]

    def read(self, name: str) -> Annotated:
        """One image with its objects; `Missing` where it isn't there."""
        image = self.find(name)
        if image is None:
            raise Missing(f"images of {self.path.name} are not there", name)
        return self.annotated(name, image)

    @abstractmethod
    def annotated(self, name: str, image: Path) -> Annotated:
        """The image with its objects; each format has its own."""


def names_by_image(files: Iterable[AnnotationFile]) -> dict[Path, set[str]]:
    """The names that all files have for each image."""
    found: dict[Path, set[str]] = {}
    for file in files:
        for name in file.images:
            if path := file.find(name):
                found.setdefault(path, set()).add(name)
    return found


def check_one_name(image: Path, names: set[str]) -> None:
    """UserError where several names come to one image."""
    if len(names) > 1:
        raise UserError(
            f"{image}: {' and '.join(sorted(names))} both come to this image."
        )


def check_one_file(name: str, first: Path, second: Path) -> None:
    """UserError where two files list one image."""
    if first != second:
        raise UserError(
            f"{name} stands in {first} and in {second}: which of them is right can't "
            "be known. Move one away, or name one file instead of the folder."
        )


def _check_one_split(
    file: Path, name: str, of_file: str | None, told: str | None
) -> None:
    """UserError where a column or key says another split than the name of the file."""
    both = {of_file, told}
    if len(both) == 2 and both <= set(SPLITS) - {"trainval"}:
        raise UserError(
            f"{file}: {name} is in {told} by what it says, in {of_file} by the file's "
            "name: which of them is right can't be known. Rename the file."
        )


def files_of_splits(path: Path, suffix: str) -> list[Path]:
    """The file itself, or the files in a folder, in annotations/ and in its splits'.

    holdout/ beside train/: a file of another folder that has the name of a split's.
    """
    if path.is_file():
        return [path] if path.suffix.lower() == suffix else []
    inside = folders_in(path)
    splits = splits_of(inside)
    places = [path, *(p for p in inside.values() if p.name.lower() == "annotations")]
    found = [file for place in places for file in files_in(place, suffix)]
    of_splits = [f for name in splits for f in files_in(inside[name], suffix)]
    names = {file.name for file in of_splits}
    others = [inside[name] for name in inside if name not in splits]
    beside = [p / name for p in others for name in names if (p / name).is_file()]
    return list(dict.fromkeys([*found, *of_splits, *beside]))


class SplitFiles(ABC):
    """A data set's files, each opened once, when it is asked for.

    A key is the name that a file writes, behind the split: `train/a.jpg` and
    `val/a.jpg` are two images. What trainval shares with train or val has one key.
    A format adds `open_file` and what else an `AnnotationSource` has.
    """

    def __init__(self, root: Path, files: Sequence[Path]) -> None:
        folders = {f: f.parent.name if f.parent != root else "" for f in files}
        of_folder = splits_of(folders.values())
        of_file = splits_of(file.stem for file in files)
        self._files: dict[str | None, list[Path]] = grouped(
            (of_file.get(file.stem) or of_folder.get(folder), file)
            for file, folder in folders.items()
        )
        self.root = root
        others = self._files.get(None, [])
        stems = Counter(file.stem for file in files)
        self._others = {
            file.stem.removeprefix("instances_")
            if stems[file.stem] == 1
            else file.parent.name: file
            for file in others
        }
        if len(self._files) > 1:
            self._files.pop(None, None)
        elif len(others) == 1:
            self._others = {}
        self._opened: dict[Path, AnnotationFile] = {}
        self._at: dict[str, tuple[AnnotationFile, str]] = {}

    @property
    def lists(self) -> list[str]:
        """The splits that names of files, columns, keys or images tell; others."""
        splits = (split for split in self._files if split)
        told = self._split_of.values()
        return list(dict.fromkeys([*splits, *told, *self._others]))

    @abstractmethod
    def open_file(self, path: Path) -> AnnotationFile: ...

    def paths(self) -> list[Path]:
        """The files of all splits."""
        return [file for files in self._files.values() for file in files]

    def open(self, file: Path) -> AnnotationFile:
        """The content of one of `paths`."""
        if file not in self._opened:
            self._opened[file] = self.open_file(file)
        return self._opened[file]

    def keys(self, split: str | None) -> list[str]:
        """Keys of the images of a split, or of all; reads its files."""
        if split in self._others:
            opened = self.open(self._others[split])
            found = {f"{split}/{name}": (opened, name) for name in opened.images}
        elif self._split_of and split is not None:
            of = self._split_of
            found = {
                k: at for k, at in self._list(None).items() if of.get(at[1]) == split
            }
        else:
            splits = self._files if split is None else [split]
            found = {k: at for name in splits for k, at in self._list(name).items()}
        self._at |= found
        return list(found)

    @cached_property
    def _split_of(self) -> dict[str, str]:
        """Splits of images by columns or keys, else folders; none where files tell."""
        files = [] if any(self._files) else list(map(self.open, self.paths()))
        told = {name: split for file in files for name, split in file.splits.items()}
        return told or splits_by_folder(name for file in files for name in file.images)

    def _split_lines(self) -> list[Problem]:
        """Where the splits of images stand, and which images have none."""
        of = self._split_of
        if not of:
            return []
        files = list(map(self.open, self.paths()))
        names = dict.fromkeys(name for file in files for name in file.images)
        lists = grouped((of.get(name), name) for name in names)
        where = ["a column or key"] * any(file.splits for file in files)
        return [*split_notes(self.root, of, *where), *unused_lists(self.root, lists)]

    def problems(self, split: str | None) -> list[Problem]:
        """Of the files of a split, or of all: those that are open."""
        files = self._files.get(split) or self.paths()
        opened = [self._opened[file] for file in files if file in self._opened]
        found = [line for one in opened for line in one.problems]
        found += self._split_lines()
        names = list(self._others)
        if names:
            is_lost = any(self._files)  # the others' splits are what is read
            text = (
                f"{self.root}: files that tell no split "
                f"{'are in none' if is_lost else 'count together'}: "
                f"{', '.join(names[:8])}; --train-split {names[0]} takes one."
            )
            severity = "warning" if is_lost else "note"
            found.append(Problem(text, "list-unknown", severity))
        return found

    def read(self, key: str) -> Annotated:
        opened, name = self._at[key]
        annotated = opened.read(name)
        path = annotated.path
        if is_shortened(name, path):
            check_one_name(path, self._names_of[path])
        return annotated

    @cached_property
    def _names_of(self) -> dict[Path, set[str]]:
        return names_by_image(map(self.open, [*self.paths(), *self._others.values()]))

    def _list(self, split: str | None) -> dict[str, tuple[AnnotationFile, str]]:
        parts = ("train", "val") if split == "trainval" else ()
        shared = {key: at for part in parts for key, at in self._list(part).items()}
        found: dict[str, tuple[AnnotationFile, str]] = {}
        in_file: dict[str, Path] = {}
        for file in self._files.get(split, []):
            opened = self.open(file)
            for name in opened.images:
                check_one_file(name, in_file.setdefault(name, file), file)
                _check_one_split(file, name, split, opened.splits.get(name))
                key = f"{split}/{name}" if split else name
                key = next((k for p in parts if (k := f"{p}/{name}") in shared), key)
                found[key] = shared.get(key, (opened, name))
        return found
