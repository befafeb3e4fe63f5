"""Where YOLO data sets keep images, labels and lists."""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from base import grouped
from base.errors import UserError
from data.images import SUFFIXES, is_image_name, without_suffix
from data.readers.annotation import Problem
from data.readers.files.paths import Finder, child, files_in, files_under, folded
from data.readers.files.text import read_lines
from data.readers.splits import is_split_name, split_in_name, unknown_lists
from data.readers.yolo.names import is_name_file
from data.readers.yolo.project import darknet_values
from data.readers.yolo.rows import parse_row

Lists = dict[str | None, list[Path]]  # None: no splits; else a split or another list
NOTHING = ("", "null", "Null", "NULL", "~")  # YAML
# of data.yaml, which name no list: ultralytics, Roboflow
OTHER_KEYS = ("path", "names", "nc", "download", "yaml_file", "roboflow", "kpt_shape")


def is_list(path: Path) -> bool:
    return path.suffix.lower() == ".txt"


class LabelFiles:
    """The label files of images: in labels/ for images/, else beside the image.

    `a.txt`, else `a.jpg.txt`; UserError where both hold boxes. Upper and lower case may
    differ where the label is no other image's. Folders are listed once.
    """

    def __init__(self) -> None:
        self._labels_folder, self._listing = cache(labels_folder), cache(_listing)

    def find(self, image: Path) -> Path | None:
        """The label file of an image; None where there is none."""
        for place in (self._labels_folder(image.parent), image.parent):
            if not place:
                continue
            name = self._name_in(place, image, image.stem)
            whole = self._name_in(place, image, image.name)
            if name and whole and holds_rows(place / whole):
                raise UserError(
                    f"{place / name} and {place / whole} are both labels of "
                    f"{image.name}. Remove the wrong one."
                )
            if name or whole:
                return place / (name or whole)
        return None

    def _name_in(self, place: Path, image: Path, stem: str) -> str | None:
        names = self._listing(place).get(folded(stem), ())
        same = [name for name in names if Path(name).stem == stem]
        if same:  # .txt before .TXT
            return max(same)
        others = [name for name in names if not _has_image(image.parent, name)]
        return others[0] if len(others) == 1 else None


def _listing(folder: Path) -> dict[str, list[str]]:
    """Label files in a folder by their folded stems."""
    names = os.listdir(folder) if folder.is_dir() else ()  # noqa: PTH208
    labels = (n for n in names if n.lower().endswith(".txt") and not is_name_file(n))
    return grouped((folded(name[:-4]), name) for name in labels)


def _has_image(folder: Path, label: str) -> bool:
    stem = Path(label).stem
    cases = (suffix for s in SUFFIXES for suffix in (s, s.upper(), s.title()))
    names = [f"{stem}{s}" for s in cases] + [stem] * is_image_name(stem)
    return any((folder / name).exists() for name in names)


def labels_folder(folder: Path) -> Path | None:
    """The folder of labels that belongs to one in images/."""
    parts = [part.lower() for part in folder.parts]
    if "images" not in parts:
        return None
    at = len(parts) - 1 - parts[::-1].index("images")
    place = child(Path(*folder.parts[:at]), "labels")
    for name in folder.parts[at + 1 :]:
        place = child(place, name)
    return place


def images_in(place: Path, others: Finder | None = None) -> list[Path]:
    """Images under a folder, or those that a text file lists, with endings or without.

    Then where labels expect an image that isn't there: without suffix, since nothing
    tells it. others: where listed names are looked for, after the list's own folder.
    """
    if place.is_dir():
        images = [path for path in files_under(place) if is_image_name(path.name)]
        return images + list(_lacking(place, images))
    return _listed(place, others or Finder([place.parent])) if is_list(place) else []


def _listed(path: Path, others: Finder) -> list[Path]:
    finder = Finder([path.parent, *others.folders])
    names = [line.strip() for line in read_lines(path) if line.strip()]
    found = finder.find_all(names)
    bare = {
        name: others.find_bare(name)
        for name in names
        if not name.lower().endswith(SUFFIXES)
    }
    found |= {name: path for name, path in bare.items() if path}
    # an image that isn't there is kept: reading it tells so
    return [image or path.parent / name for name, image in found.items()]


def _lacking(folder: Path, images: Sequence[Path]) -> Iterator[Path]:
    labels = labels_folder(folder)
    beside = labels is None or not labels.is_dir()
    labels = folder if beside else labels
    names = [path.relative_to(folder) for path in images]
    there = {folded(str(n)) for name in names for n in (name, name.with_suffix(""))}
    for file in files_under(labels):
        if not is_list(file) or is_name_file(file.name):
            continue
        name = file.relative_to(labels).with_suffix("")
        if beside:  # cam1/labels/a.txt belongs to cam1/images/a.jpg
            parts = ("images" if p.lower() == "labels" else p for p in name.parts[:-1])
            name = Path(*parts, name.name)
        if folded(str(name)) not in there and not (beside and not holds_rows(file)):
            yield folder / name


def stray_labels(root: Path, listed: Iterable[Path]) -> list[Path]:
    """Label files in labels/ without an image in images/ or among those listed."""
    labels, images = child(root, "labels"), child(root, "images")
    if not labels.is_dir():
        return []
    there = {_bare(path, images) for path in listed}
    there |= {_bare(p, images) for p in files_under(images) if is_image_name(p.name)}
    files = (file for file in files_under(labels) if is_list(file))
    return [
        file
        for file in files
        if not is_name_file(file.name)
        and there.isdisjoint((name := _bare(file, labels), without_suffix(name)))
    ]


def _bare(path: Path, folder: Path) -> str:
    """A path below a folder without its suffix, to be compared."""
    return folded(os.path.relpath(without_suffix(str(path), ".txt"), folder))


def holds_rows(path: Path) -> bool:
    """Whether a text begins with a row of a label file; not where it isn't there."""
    if not path.is_file():
        return False
    line = next((line for line in read_lines(path) if line.strip()), "")
    return parse_row(line.split()[:5]) is not None


def yaml_lists(path: Path, content: dict[str, Any]) -> tuple[Lists, list[Problem]]:
    """The lists of a data.yaml; its paths are looked for from its own folder."""
    base = Finder([path.parent]).find(str(content.get("path") or "."))
    finder = Finder([base or path.parent, path.parent, child(path.parent, "images")])
    for key, value in content.items():
        nested = value.items() if isinstance(value, dict) and key != "names" else ()
        for name, place in nested:
            if is_split_name(name) and isinstance(place, str) and finder.find(place):
                raise UserError(f"{path}: {name} stands below {key}: move it out.")
    lists: Lists = {}
    unknown: list[str] = []
    given = {key: _names_of(value) for key, value in content.items()}
    known = {key: split_in_name(key) for key in given if is_split_name(key)}
    names = [name for key in known for name in given[key] if isinstance(name, str)]
    places = finder.find_all(names)  # no split takes the folder of another
    for key, names in given.items():
        if split := known.get(key):
            for name in names:
                place = _place(path, key, name, places, split)
                lists.setdefault(split, []).extend(
                    images_in(place, finder) if place else []
                )
        elif key not in OTHER_KEYS and (found := _images_of(names, finder)):
            lists[key] = found
            unknown.append(key)
    return lists, unknown_lists(path, "keys", unknown)


def _names_of(value: Any) -> list[Any]:
    names = value if isinstance(value, list) else [value]
    return [name for name in names if name not in NOTHING]


def _place(
    path: Path, key: str, name: Any, places: dict[str, Path | None], split: str
) -> Path | None:
    place = places[name] if isinstance(name, str) else None
    if place and (place.is_dir() or is_list(place)):
        return place
    if not place and split == "test":  # many name a test and have none
        return None
    shown = f"{name:.80}" if isinstance(name, str) else type(name).__name__
    raise UserError(
        f"{path}: {key}: {shown} is {'neither' if place else 'not there'}; "
        "expected a folder of images or a .txt list of them, from the "
        "folder of this file."
    )


def _images_of(names: Sequence[Any], finder: Finder) -> list[Path]:
    """Images of a key whose name is not understood, if it is a list of them at all."""
    places = [finder.find(name) if isinstance(name, str) else None for name in names]
    found = [image for p in places if p for image in images_in(p, finder)]
    return [image for image in found if is_image_name(image.name)]


def text_lists(root: Path, darknet: Path | None) -> tuple[Lists, list[Problem]]:
    """train.txt and its like, as CVAT and Darknet have them; obj.data names some."""
    folders = [root, child(root, "data"), *([darknet.parent] if darknet else [])]
    finder = Finder([*folders, child(root, "images")])
    lists: Lists = {}
    known: dict[Path, str] = {}
    for key, name in (darknet_values(darknet) if darknet else {}).items():
        split, path = split_in_name(key), finder.find(name)
        if split and path and path.is_file():
            known.setdefault(path.resolve(), split)
    unknown: list[str] = []
    files = [*files_in(root, ".txt"), *files_in(child(root, "data"), ".txt")]
    sets = child(root, "ImageSets")
    for place in (child(sets, "Main"), sets, child(root, "splits")):
        texts = files_in(place, ".txt")
        files += [path for path in texts if _lists_images(path, finder)]
    for path in [*files, *(p for p in known if p not in {f.resolve() for f in files})]:
        split = known.get(path.resolve())
        split = split or (is_split_name(path.stem) and split_in_name(path.stem)) or None
        if is_name_file(path.name) or _has_image(path.parent, path.name):
            continue  # or labels
        if not (split or _lists_images(path, finder)):
            continue
        found = _listed(path, finder)
        if any(is_image_name(image.name) for image in found):  # else of something else
            lists.setdefault(split or path.stem, []).extend(found)
            unknown += [path.stem] * (not split)
    return lists, unknown_lists(root, "lists", unknown)


def _lists_images(path: Path, finder: Finder) -> bool:
    line = next((line.strip() for line in read_lines(path) if line.strip()), "")
    return line.lower().endswith(SUFFIXES) or bool(line and finder.find_bare(line))
