"""Finds the files that an annotation file names, wherever it was written."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from data.readers.splits import split_in_name


class Finder:
    """Finds files by the names that stand in an annotation file.

    folders: tried in order; the first is the annotation file's own. A name is tried as
    it is (absolute, or below a folder), then without its leading parts, since data sets
    move: Roboflow writes ../train/images, CVAT data/obj_train_data/a.jpg, others the
    absolute path on the machine of the annotator. Upper and lower case and Unicode's
    composed and decomposed forms may differ where only one file is meant.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(dict.fromkeys(folders))
        self._last: Path = self.folders[0]  # what worked last is tried first
        self._guess: tuple[Path, int] = (self.folders[0], 1)
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def find(self, name: str) -> Path | None:
        """The file or folder of a name, None where there is none."""
        parts = parts_of(name)
        if not parts:  # "." is the folder itself
            return self.folders[0] if name.strip() else None
        return self._as_written(parts) or self._shortened(parts)

    def find_all(self, names: Iterable[str]) -> dict[str, Path | None]:
        """The files of all names of an annotation file.

        A shortened name never takes what another name is as written, and two shortened
        names that come to one file take none.
        """
        parts = {name: parts_of(name) for name in names}
        found = {name: self._as_written(p) if p else None for name, p in parts.items()}
        taken = set(found.values())
        guesses = {
            name: path
            for name, p in parts.items()
            if found[name] is None and (path := self._shortened(p)) not in taken
        }
        counts = Counter(guesses.values())
        found.update({n: p for n, p in guesses.items() if counts[p] == 1})
        return found

    def _as_written(self, parts: Sequence[str]) -> Path | None:
        path = self._last.joinpath(*parts)
        # strings and os.path: Path's own take a second for 100,000 names
        if os.path.exists(path):  # noqa: PTH110
            return path
        for match in (_exact, self._folded):
            for folder in self.folders:
                if path := match(folder, parts):
                    self._last = folder
                    return path
        return None

    def _shortened(self, parts: Sequence[str]) -> Path | None:
        folder, skipped = self._guess
        if skipped < len(parts) and (path := _exact(folder, parts[skipped:])):
            return path
        for skipped in range(1, len(parts)):
            for match in (_exact, self._folded):
                for folder in self.folders:
                    if path := match(folder, parts[skipped:]):
                        self._guess = folder, skipped
                        return path
        return None

    def _folded(self, folder: Path, parts: Sequence[str]) -> Path | None:
        """Where each part is there in some case and Unicode form, once."""
        for part in parts:
            names = self._listing(folder).get(folded(part), ())
            if part == ".." or part in names:
                names = [part]
            if len(names) != 1:
                return None
            folder = folder / names[0]
        return folder

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """Names in a folder by their folded form."""
        if folder not in self._listings:
            self._listings[folder] = found = {}
            for path in folder.iterdir() if folder.is_dir() else ():
                found.setdefault(folded(path.name), []).append(path.name)
        return self._listings[folder]


def parts_of(name: str) -> list[str]:
    """Folders and file of a name as any system writes it; `.` has none."""
    name = name.strip().replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ["/", *parts] if name.startswith("/") else parts


def folded(name: str) -> str:
    """A name without case, in Unicode's composed form: macOS gives the other one."""
    return unicodedata.normalize("NFC", name).casefold()


def _exact(folder: Path, parts: Sequence[str]) -> Path | None:
    path = folder.joinpath(*parts)
    return path if os.path.exists(path) else None  # noqa: PTH110


def files_under(folder: Path) -> Iterator[Path]:
    """Files of a folder and its subfolders, sorted; links are followed, once each."""
    seen: set[str] = set()
    for place, inside, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link that leads back
            inside.clear()
            continue
        seen.add(real)
        inside[:] = sorted(n for n in inside if n[0] != "." and n != "__MACOSX")
        yield from (Path(place, name) for name in sorted(names))


def image_folders(path: Path, root: Path) -> list[Path]:
    """Where the images of an annotation file may lie.

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
    with os.scandir(base) as entries:  # Path's own asks the disk for each image
        folders = sorted(entry.name for entry in entries if entry.is_dir())
    return [base / name for name in folders if split_in_name(name) == split]
