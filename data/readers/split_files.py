"""Annotation files that each list pictures, one or more of them for each split."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from base.errors import UserError
from data.readers.annotation import Annotated
from data.readers.splits import split_in_name


class Opened(Protocol):
    """One file's content: what it knows of each picture, by the name it writes."""

    pictures: Mapping[str, Any]

    def read(self, name: str) -> Annotated:
        """One picture with its objects."""


class SplitFiles:
    """The files of one data set, each opened once, when it is asked for.

    A key is the name that a file writes, behind the split: `train/a.jpg` and
    `val/a.jpg` are two pictures. What trainval shares with train or val has one key.
    """

    def __init__(
        self, root: Path, files: Sequence[Path], open_file: Callable[[Path], Opened]
    ) -> None:
        self._files: dict[str | None, list[Path]] = {}
        for file in files:
            folder = file.parent.name if file.parent != root else ""
            split = split_in_name(file.name) or split_in_name(folder)
            self._files.setdefault(split, []).append(file)
        if len(self._files) > 1:  # a file that tells no split repeats the others
            self._files.pop(None, None)
        self.lists = [split for split in self._files if split]
        self._open_file = open_file
        self._opened: dict[Path, Opened] = {}
        self._at: dict[str, tuple[Opened, str]] = {}

    def paths(self) -> list[Path]:
        """The files of all splits."""
        return [file for files in self._files.values() for file in files]

    def open(self, file: Path) -> Opened:
        """The content of one of `paths`."""
        if file not in self._opened:
            self._opened[file] = self._open_file(file)
        return self._opened[file]

    def keys(self, split: str | None) -> list[str]:
        """Keys of the pictures of a split, or of all; reads its files."""
        splits = self._files if split is None else [split]
        found = {key: at for name in splits for key, at in self._list(name).items()}
        self._at |= found
        return list(found)

    def read(self, key: str) -> Annotated:
        """One picture with its objects."""
        opened, name = self._at[key]
        return opened.read(name)

    def _list(self, split: str | None) -> dict[str, tuple[Opened, str]]:
        parts = ("train", "val") if split == "trainval" else ()
        shared = {key: at for part in parts for key, at in self._list(part).items()}
        found: dict[str, tuple[Opened, str]] = {}
        in_file: dict[str, Path] = {}
        for file in self._files.get(split, []):
            opened = self.open(file)
            for name in opened.pictures:
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
