"""A data set of files that each list many images: CVAT, Label Studio, VIA."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from data.images import is_image_name
from data.readers.annotation import Annotated, Problem
from data.readers.files.image_splits import split_notes, splits_by_folder, unused_lists
from data.readers.files.paths import files_under
from data.readers.files.split_files import (
    AnnotationFile,
    check_one_file,
    check_one_name,
    names_by_image,
)
from data.readers.files.text import check_names
from data.readers.splits import splits_of


class ListedFile(AnnotationFile):
    """One file's content.

    images: names of images as the file writes them, and the split that it tells.
    class_names: those that its objects have, in the file's order or sorted.
    """

    images: Mapping[str, str | None]
    class_names: Sequence[str]


def listed_sources(
    format_name: str,
    path: Path,
    files: Sequence[Path],
    open_file: Callable[[Path, Path], ListedFile],
    names_have_order: bool = False,
) -> list["ListedSource"]:
    """The data set of files that are `path` or below it; empty where there are none.

    open_file: the content of a file, from its path and the data set's root.
    """
    root = path if path.is_dir() else path.parent
    source = ListedSource(format_name, root, files, open_file, names_have_order)
    return [source] if files else []


@dataclass
class ListedSource:
    """Files of one data set.

    A key is the name that a file writes, behind the file's folder: `task_1/a.jpg` and
    `task_2/a.jpg` are two images. Files are opened when the first question comes.
    """

    format_name: str
    root: Path
    paths: Sequence[Path]
    open_file: Callable[[Path, Path], ListedFile]
    names_have_order: bool

    @cached_property
    def _files(self) -> dict[Path, ListedFile]:
        return {path: self.open_file(path, self.root) for path in self.paths}

    @cached_property
    def _lists(self) -> dict[str | None, dict[str, tuple[Path, str]]]:
        """File and name of each key of each split."""
        lists: dict[str | None, dict[str, tuple[Path, str]]] = {}
        splits = file_splits(self.root, self.paths)
        first: dict[str, str | None] = {}
        by_folder = self._split_of
        for path, file in self._files.items():
            folder = path.parent.relative_to(self.root).as_posix()
            for name, split in file.images.items():
                split = split or splits[path] or by_folder.get(name)
                key = name if folder == "." else f"{folder}/{name}"
                its_split = first.setdefault(key, split)
                # train/a.jpg and val/a.jpg; what trainval shares with train is one
                if its_split != split and "trainval" not in (its_split, split):
                    key = f"{split}/{key}"
                place = lists.setdefault(split, {}).setdefault(key, (path, name))
                check_one_file(name, place[0], path)
        return lists

    @cached_property
    def _split_of(self) -> dict[str, str]:
        """What folders in the names of images tell, where nothing else does."""
        splits = file_splits(self.root, self.paths)
        rest = (f.images for path, f in self._files.items() if not splits[path])
        names = (name for images in rest for name in images if not images[name])
        return splits_by_folder(names)

    @property
    def lists(self) -> list[str]:
        return [split for split in self._lists if split]

    def keys(self, split: str | None) -> list[str]:
        lists = self._lists.values() if split is None else [self._lists[split]]
        return [key for keys in lists for key in keys]

    def problems(self, split: str) -> list[Problem]:
        """Images that no split takes, and those that no file lists."""
        notes = split_notes(self.root, self._split_of)
        return [*notes, *unused_lists(self.root, self._lists), *self._unlisted]

    @cached_property
    def _unlisted(self) -> list[Problem]:
        return unlisted(self.root, self._names_of, self.format_name)

    def class_names(self) -> list[str]:
        files = self._files.items()
        checked = [n for path, f in files for n in check_names(f.class_names, path)]
        names = list(dict.fromkeys(checked))
        return names if self.names_have_order else sorted(names)

    def read(self, key: str) -> Annotated:
        path, name = next(keys[key] for keys in self._lists.values() if key in keys)
        image = self._files[path].find(name)
        if image:
            check_one_name(image, self._names_of[image])
        return self._files[path].read(name)

    @cached_property
    def _names_of(self) -> dict[Path, set[str]]:
        """The names that all files have for each image."""
        return names_by_image(self._files.values())


def file_splits(root: Path, paths: Sequence[Path]) -> dict[Path, str | None]:
    """What the names of files, else of the folders that they lie in, tell."""
    parts = {path: path.relative_to(root).parts[::-1] for path in paths}
    splits = splits_of({part for names in parts.values() for part in names})
    return {
        path: next((splits[part] for part in names if part in splits), None)
        for path, names in parts.items()
    }


def unlisted(root: Path, listed: Iterable[Path], format_name: str) -> list[Problem]:
    """A line for images below a folder that no annotation file lists."""
    found = {os.path.normpath(path) for path in files_under(root)}
    images = {path for path in found if is_image_name(Path(path).name)}
    rest = sorted(images - {os.path.normpath(path) for path in listed})
    if not rest:
        return []
    severity = "warning" if 2 * len(rest) > len(images) else "note"
    line = f"{root}: {len(rest)} images are in no {format_name} file, the first is "
    return [Problem(f"{line}{rest[0]}; not read.", severity=severity)]
