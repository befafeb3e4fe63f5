"""Annotation files that each list images, one or more of them for each split."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from base.errors import UserError
from data.readers.annotation import Annotated, Problem
from data.readers.files.paths import is_shortened
from data.readers.splits import splits_of


class AnnotationFile(Protocol):
    """One file's content: what it knows of each image, by the name it writes."""

    images: Mapping[str, Any]
    paths: Mapping[str, Path | None]  # of those that have a suffix

    def read(self, name: str) -> Annotated:
        """One image with its objects."""


class SplitFiles:
    """The files of one data set, each opened once, when it is asked for.

    A key is the name that a file writes, behind the split: `train/a.jpg` and
    `val/a.jpg` are two images. What trainval shares with train or val has one key.
    """

    def __init__(
        self,
        root: Path,
        files: Sequence[Path],
        open_file: Callable[[Path], AnnotationFile],
    ) -> None:
        self._files: dict[str | None, list[Path]] = {}
        folders = {file.parent.name for file in files if file.parent != root}
        of_folder, of_file = splits_of(folders), splits_of(file.stem for file in files)
        for file in files:
            folder = file.parent.name if file.parent != root else ""
            split = of_file.get(file.stem) or of_folder.get(folder)
            self._files.setdefault(split, []).append(file)
        self._root = root
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
        self.lists = [split for split in self._files if split] + list(self._others)
        self._open_file = open_file
        self._opened: dict[Path, AnnotationFile] = {}
        self._at: dict[str, tuple[AnnotationFile, str]] = {}

    def paths(self) -> list[Path]:
        """The files of all splits."""
        return [file for files in self._files.values() for file in files]

    def open(self, file: Path) -> AnnotationFile:
        """The content of one of `paths`."""
        if file not in self._opened:
            self._opened[file] = self._open_file(file)
        return self._opened[file]

    def keys(self, split: str | None) -> list[str]:
        """Keys of the images of a split, or of all; reads its files."""
        if split in self._others:
            opened = self.open(self._others[split])
            found = {f"{split}/{name}": (opened, name) for name in opened.images}
            self._at |= found
            return list(found)
        splits = self._files if split is None else [split]
        found = {key: at for name in splits for key, at in self._list(name).items()}
        self._at |= found
        return list(found)

    def problems(self, split: str | None) -> list[Problem]:
        """Of the files of a split, or of all: those that are open."""
        files = self._files.get(split) or self.paths()
        opened = [self._opened[file] for file in files if file in self._opened]
        found = [line for one in opened for line in getattr(one, "problems", ())]
        names = list(self._others)
        if names:
            is_lost = any(self._files)  # the others' splits are what is read
            text = (
                f"{self._root}: files that tell no split "
                f"{'are in none' if is_lost else 'count together'}: "
                f"{', '.join(names[:8])}; --train-split {names[0]} takes one."
            )
            severity = "warning" if is_lost else "note"
            found.append(Problem(text, "list-unknown", severity))
        return found

    def read(self, key: str) -> Annotated:
        """One image with its objects."""
        opened, name = self._at[key]
        annotated = opened.read(name)
        path = annotated.path
        if is_shortened(name, path) and len(self._names_of.get(path, ())) > 1:
            names = " and ".join(sorted(self._names_of[path]))
            raise UserError(f"{path}: {names} both come to this image.")
        return annotated

    @cached_property
    def _names_of(self) -> dict[Path, set[str]]:
        """The names that all files have for each image; opens them."""
        found: dict[Path, set[str]] = {}
        for file in [*self.paths(), *self._others.values()]:
            for name, path in self.open(file).paths.items():
                if path:
                    found.setdefault(path, set()).add(name)
        return found

    def _list(self, split: str | None) -> dict[str, tuple[AnnotationFile, str]]:
        parts = ("train", "val") if split == "trainval" else ()
        shared = {key: at for part in parts for key, at in self._list(part).items()}
        found: dict[str, tuple[AnnotationFile, str]] = {}
        in_file: dict[str, Path] = {}
        for file in self._files.get(split, []):
            opened = self.open(file)
            for name in opened.images:
                if name in in_file:
                    raise UserError(
                        f"{name} stands in {in_file[name]} and in {file}: which of "
                        "them is right can't be known. Move one away, or name one "
                        "file instead of the folder."
                    )
                in_file[name] = file
                key = f"{split}/{name}" if split else name
                key = next((k for p in parts if (k := f"{p}/{name}") in shared), key)
                found[key] = shared.get(key, (opened, name))
        return found
