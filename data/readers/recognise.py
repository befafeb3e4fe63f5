"""The front door: any folder, its format recognised from its files.

>>> opened = open_dataset("my_images")  # doctest: +SKIP
>>> train_set, val_set = map(opened.split, ("train", "val"))  # doctest: +SKIP

A new format is one module that keeps to `annotation.py`, and one name in FORMATS.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from base.errors import UserError
from data.dataset import Dataset
from data.downloads.named import NAMED, download_dataset
from data.readers.annotation import AnnotationSource, Missing, Problem
from data.readers.assemble import read_split
from data.readers.files.list_files import unread_lists
from data.readers.files.paths import files_under, subfolders, unread_kinds
from data.readers.folders import SplitFolders
from data.readers.splits import is_split_name, splits_of

# modules of data/readers, asked in this order: the more telling files first
FORMATS = ("coco", "label_studio", "via", "cvat", "yolo", "voc", "labelme", "csv_table")
# what those behind the first read, beside which they are looked for
ENDINGS = {"yolo": ".txt", "voc": ".xml", "cvat": ".xml", "csv_table": ".csv"}
DEPTH = 3  # ours: folders in folders that may be data sets
SHOWN_NAMES = 8  # ours: entries of a folder that a message names


class OpenDataset(NamedTuple):
    """Data sets whose files are known: scanned once for all splits."""

    sources: list[AnnotationSource]
    notes: list[Problem]

    def split(self, name: str, class_names: Sequence[str] | None = None) -> Dataset:
        """One split: train, val, trainval, test, or another list that is there.

        Without lists, names are split by their hash, 80/20; where nothing is called
        test, val stands in for it. Of several folders those without the split are
        passed over as long as one has it.

        class_names: without the background. Left out, they are those of all splits,
            so that every split numbers them alike: in the format's own order, else
            sorted.

        Files and objects that can't be used are left out and named in
        `Dataset.problems`; UserError where nothing is left.
        """
        dataset = read_split(self.sources, name, class_names)
        for line in self.notes:
            is_note = line.severity == "note"
            (dataset.notes if is_note else dataset.problems).append(line)
        return dataset


def open_dataset(roots: Sequence[Path | str] | Path | str) -> OpenDataset:
    """The data sets at folders or annotation files, joined (VOC07+12).

    roots: or names of `named.py`, which are downloaded. UserError where a format isn't
        understood says what was seen.
    """
    if isinstance(roots, str | Path):
        roots = [roots]
    found = [_find(path) for root in roots for path in _paths(root)]
    sources = [source for some, _ in found for source in some]
    return OpenDataset(sources, [note for _, notes in found for note in notes])


def read_dataset(
    roots: Sequence[Path | str] | Path | str,
    split: str,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """One split of data sets that nothing else is read of; see `open_dataset`."""
    return open_dataset(roots).split(split, class_names)


def _paths(root: Path | str) -> list[Path]:
    """The folder or file, or those of a data set that is known by name."""
    if Path(root).exists():
        return [Path(root)]
    if str(root) in NAMED:
        return download_dataset(str(root))
    close = get_close_matches(str(root), NAMED, n=1)
    raise UserError(
        f"{root}: no such folder; expected an annotated data set or one of "
        f"{', '.join(NAMED)}{f'; closest: {close[0]}' if close else ''}."
    )


def _find(path: Path) -> tuple[list[AnnotationSource], list[Problem]]:
    inside = _unpacked(path)
    formats = [_module(name) for name in FORMATS]
    sources, notes = _first_format(inside)
    if sources := sources or _in_subfolders(_first_format, inside, notes):
        return sources, notes + unread_lists(inside, sources)
    from data.readers import foreign  # msgspec is not needed to detect

    if line := foreign.describe(inside):
        raise UserError(f"{path}: {line}")
    layouts = "; ".join(module.IN_WORDS for module in formats)
    raise UserError(
        f"{path}: no annotations that are understood. Seen: {_seen(path)}."
        f"{unread_kinds(inside)} "
        f"Understood: {layouts}; all layouts: docs/data.md."
    )


def _first_format(path: Path) -> tuple[list[AnnotationSource], list[Problem]]:
    """The data sets of the first format that is found; notes on further ones."""
    for number, name in enumerate(FORMATS, start=1):
        if sources := _module(name).find(path):
            return sources, _other_formats(path, sources, FORMATS[number:])
    return [], []


def _module(name: str) -> ModuleType:
    return import_module(f"data.readers.{name}")


def _other_formats(
    path: Path, first: Sequence[AnnotationSource], names: Sequence[str]
) -> list[Problem]:
    """A note where files of further formats lie in a folder."""
    if not path.is_dir():
        return []
    endings = {file.suffix.lower() for file in files_under(path)}
    others = []
    for name in names:
        if ENDINGS.get(name, ".json") in endings:
            module = _module(name)
            try:
                sources = module.find(path) or _in_subfolders(
                    lambda folder, module=module: (module.find(folder), []), path, []
                )
            except UserError:
                others.append(module)
                continue
            _check_not_mixed(path, first, sources)
            others += [module] * bool(sources)
    if not others:
        return []
    words = ", ".join(module.IN_WORDS.partition(":")[0] for module in others)
    text = f"{path}: read as {first[0].format_name}; not read: {words}."
    return [Problem(text, "format-not-read", "note")]


def _check_not_mixed(
    path: Path, first: Sequence[AnnotationSource], others: Sequence[AnnotationSource]
) -> None:
    """UserError where an image without a label in one format has objects in another.

    Sources of the first format may have `unlabelled`, images that they take for empty
    or leave out.
    """
    empty = {p.resolve() for s in first for p in getattr(s, "unlabelled", ())}
    shown = [
        image
        for source in others
        for key in (source.keys(None) if empty else ())
        if (image := _image_with_objects(source, key)) and image.resolve() in empty
    ]
    if shown:
        raise UserError(
            f"{path}: {len(shown)} images have no label in {first[0].format_name} but "
            f"objects in {others[0].format_name}, the first is {shown[0]}; they would "
            "be taken for empty or left out. Give each format a folder of its own."
        )


def _image_with_objects(source: AnnotationSource, key: str) -> Path | None:
    try:
        annotated = source.read(key)
    except (UserError, Missing):
        return None
    return annotated.path if annotated.objects else None


def _in_subfolders(
    find: Callable[[Path], tuple[list[AnnotationSource], list[Problem]]],
    root: Path,
    notes: list[Problem],
    depth: int = DEPTH,
) -> list[AnnotationSource]:
    """The data sets in the folders of a folder: CVAT's tasks, train/ and test/.

    Where the folders' names tell splits, all that is in them belongs to those. What
    `find` says beside a folder's data sets is put into `notes`.
    """
    if not root.is_dir() or not depth:
        return []
    folders = subfolders(root)
    splits = splits_of(folder.name for folder in folders)
    found: list[AnnotationSource] = []
    parts: list[tuple[str, str, AnnotationSource]] = []
    for folder in folders:
        inner = _unpacked(folder)
        sources, told = find(inner)
        notes += told
        sources = sources or _in_subfolders(find, inner, notes, depth - 1)
        split = splits.get(folder.name, folder.name)
        parts += [(folder.name, split, s) for s in sources if splits and not s.lists]
        found += [s for s in sources if s.lists or not splits]
    return found + [SplitFolders(root, parts)] * bool(parts)


def _unpacked(path: Path) -> Path:
    """The one folder that an archive held; else the path itself."""
    while path.is_dir():
        entries = (p for p in path.iterdir() if not p.name.startswith("."))
        # macOS puts __MACOSX beside it; train/ alone is a data set with a split
        first = list(islice((p for p in entries if p.name != "__MACOSX"), 2))
        if len(first) != 1 or not first[0].is_dir() or is_split_name(first[0].name):
            return path
        path = first[0]
    return path


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
