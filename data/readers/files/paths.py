"""Finds the files that an annotation file names, wherever it was written."""

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from itertools import islice, product
from pathlib import Path

from base import grouped
from data.images import UNREAD_SUFFIXES, is_image_name
from data.readers.splits import split_in_name

MANY_FILES = 10_000  # ours: the first of them tell what a folder holds


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
        self._listing = cache(_listing)
        self._known: dict[tuple[str, ...], tuple[int, Path | None]] = {}

    def find(self, name: str) -> Path | None:
        """The file or folder of a name, None where there is none."""
        return self.find_all([name])[name]

    def find_bare(self, name: str) -> Path | None:
        """The one image below the folders that a name without its ending means."""
        name = folded("/".join(parts_of(name)))
        same = self._bare.get(name.rpartition("/")[2], ())
        found = [p for p in same if f"/{_bare(p)}".endswith(f"/{name}")]
        return found[0] if len(found) == 1 else None

    @cached_property
    def _bare(self) -> dict[str, list[Path]]:
        """Images below the folders by their stems."""
        files = {file for folder in self.folders for file in files_under(folder)}
        images = (file for file in files if is_image_name(file.name))
        return grouped((folded(image.stem), image) for image in images)

    def find_all(
        self, names: Iterable[str], *others: Callable[[str], str]
    ) -> dict[str, Path | None]:
        """The files of all names of an annotation file.

        A guess (another case, a shortened name, one of the other forms that `others`
        give) never takes what a surer one has, and two guesses that come to one file
        take none.
        """
        rest = list(dict.fromkeys(names))
        # "." is the folder itself
        is_root = {name for name in rest if name.strip() and not parts_of(name)}
        found = {n: self.folders[0] if n in is_root else None for n in rest}
        taken: set[Path] = set()
        ways = (self._exactly, self._in_other_case, self._shortened)
        for way, form in product(ways, (str, *others)):
            parts = ((name, parts_of(form(name))) for name in rest)
            tried = {name: path for name, p in parts if p and (path := way(p))}
            tried = {name: path for name, path in tried.items() if path not in taken}
            counts = Counter(tried.values())
            is_guess = way != self._exactly or form is not str
            found |= {n: p for n, p in tried.items() if counts[p] == 1 or not is_guess}
            taken |= set(counts)
            rest = [name for name in rest if not found[name]]
        return found

    def _exactly(self, parts: Sequence[str]) -> Path | None:
        return _exact(self._last, parts) or self._by(_exact, parts)

    def _in_other_case(self, parts: Sequence[str]) -> Path | None:
        return self._by(self._folded, parts)

    def _by(self, match: Callable, parts: Sequence[str]) -> Path | None:
        for folder in self.folders:
            if path := match(folder, parts):
                self._last = folder
                return path
        return None

    def _shortened(self, parts: Sequence[str]) -> Path | None:
        """Without leading folders that are lacking.

        Where images/ is there, images/lost/a.jpg is not images/a.jpg; where its own
        folder is there without the file, nothing is.
        """
        path = self._without_first(parts)
        if not path or parts[0] in ("/", "..") or parts[0].endswith(":"):
            return path
        num_there, own = self._there(tuple(parts[:-1]))
        if own is None or (num_there == len(parts) - 1 and own in path.parents):
            return path
        lacking = [folded(part) for part in parts[num_there:]]
        keeps = list(map(folded, path.parts[-len(lacking) :])) == lacking
        return path if keeps and len(lacking) > 1 else None

    def _there(self, folders: tuple[str, ...]) -> tuple[int, Path | None]:
        """How many of a name's first folders are there, and the last of those."""
        if not folders:
            return 0, None
        if folders not in self._known:
            matches = product((_exact, self._folded), self.folders)
            found = (match(folder, folders) for match, folder in matches)
            own = next(filter(None, found), None)
            shorter = self._there(folders[:-1])
            self._known[folders] = (len(folders), own) if own else shorter
        return self._known[folders]

    def _without_first(self, parts: Sequence[str]) -> Path | None:
        folder, skipped = self._guess
        if skipped < len(parts) and (path := _exact(folder, parts[skipped:])):
            return path
        ways = product(range(1, len(parts)), (_exact, self._folded), self.folders)
        for skipped, match, folder in ways:
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


def _listing(folder: Path) -> dict[str, list[str]]:
    """Names in a folder by their folded form."""
    inside = folder.iterdir() if folder.is_dir() else ()
    return grouped((folded(path.name), path.name) for path in inside)


def parts_of(name: str) -> list[str]:
    """Folders and file of a name as any system writes it; `.` has none."""
    name = name.strip().replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ["/", *parts] if name.startswith("/") else parts


def is_shortened(name: str, path: Path) -> bool:
    """Whether leading folders of a name were left out to find a file."""
    parts = parts_of(name)
    whole = "/".join(parts).removeprefix("//")
    return len(parts) > 1 and not folded(path.as_posix()).endswith(folded(whole))


def folded(name: str) -> str:
    """A name without case, in Unicode's composed form: macOS gives the other one."""
    return unicodedata.normalize("NFC", name).casefold()


def _bare(path: Path) -> str:
    return folded(path.with_suffix("").as_posix())


def _exact(folder: Path, parts: Sequence[str]) -> Path | None:
    path = folder.joinpath(*parts)
    # strings and os.path: Path's own take a second for 100,000 names
    return path if os.path.exists(path) else None  # noqa: PTH110


def files_under(folder: Path, depth: int | None = None) -> Iterator[Path]:
    """Files of a folder and its subfolders, sorted; links are followed, once each.

    Not those that lead above the folder, where the files of other splits are.

    depth: of folders, the first included; None: all of them.
    """
    seen = set(map(str, folder.resolve().parents))
    for place, inside, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            inside.clear()
            continue
        seen.add(real)
        inside[:] = sorted(n for n in inside if n[0] != "." and n != "__MACOSX")
        if depth and len(Path(place).relative_to(folder).parts) >= depth - 1:
            inside.clear()
        yield from (Path(place, name) for name in sorted(names))


def unread_kinds(folder: Path) -> str:
    """Says which images in a folder are of kinds that are not read."""
    files = islice(files_under(folder), MANY_FILES) if folder.is_dir() else ()
    kinds = Counter(file.suffix.lower() for file in files)
    lines = [f"{kinds[s]} {s} images" for s in UNREAD_SUFFIXES if kinds[s]]
    words = ", ".join(lines)
    return f" Not read: {words}; convert them to JPEG or PNG." if lines else ""


def folders_in(folder: Path) -> dict[str, Path]:
    """Folders in a folder by their names, sorted; none where it isn't there."""
    if not folder.is_dir():
        return {}
    with os.scandir(folder) as entries:  # Path's own asks the disk for each image
        names = sorted(entry.name for entry in entries if entry.is_dir())
    return {name: folder / name for name in names}


def child(folder: Path, name: str) -> Path:
    """A folder in another, however its name is written."""
    place = folder / name
    if place.is_dir():
        return place
    inside = folders_in(folder).items()
    return next((p for found, p in inside if folded(found) == folded(name)), place)


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, sorted; without hidden ones and links that lead back."""
    real = folder.resolve()
    back = {real, *real.parents}
    inside = folders_in(folder).items()
    shown = (path for name, path in inside if name[0] != "." and name != "__MACOSX")
    return [path for path in shown if path.resolve() not in back]


def files_in(folder: Path, suffix: str) -> list[Path]:
    """Files of a suffix, in small letters, in a folder; none where it isn't there."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else ()
    return [p for p in inside if p.suffix.lower() == suffix and p.is_file()]


def image_folders(path: Path, root: Path) -> list[Path]:
    """Where the images of an annotation file may lie.

    After COCO, CVAT, Roboflow and FiftyOne (data/).
    """
    name = path.stem.removeprefix("instances_")  # instances_val2017.json: val2017/
    split = split_in_name(path.name)
    bases = [root]
    if path.parent.name.lower() == "annotations":
        bases.append(path.parent.parent)
    places = [path.parent, *(child(path.parent, name) for name in ("images", "data"))]
    for base in bases:
        inside = child(base, "images")
        places += [base / name, inside / name]
        places += [*_folders_of(split, base), *_folders_of(split, inside), inside, base]
    return [place for place in dict.fromkeys(places) if place.is_dir()]


def _folders_of(split: str | None, base: Path) -> list[Path]:
    """Folders in another that are called after a split: valid, validation for val."""
    if split is None:
        return []
    inside = folders_in(base).items()
    return [path for name, path in inside if split_in_name(name) == split]
