"""Where a VOC-like data set keeps its files, and its lists of splits."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from base.errors import UserError
from data.images import is_image_name, without_suffix
from data.readers.annotation import Problem
from data.readers.files.paths import files_under, folded
from data.readers.files.text import read_lines
from data.readers.splits import (
    folder_notes,
    is_split_name,
    split_in_name,
    splits_of,
    unknown_lists,
)
from data.readers.voc.xml_file import VocAnnotation, base_name, read_annotation

LAYOUTS = (  # folder of images, folders of annotations, compared in lower case
    ("jpegimages", ("annotations",)),  # VOC devkit
    ("images", ("annotations", "annots")),  # raccoon, kangaroo and many others
)
IN_WORDS = "Pascal VOC: JPEGImages/ + Annotations/, or XML beside the images"
# VOC devkit, VOC2012/ImageSets/Main/aeroplane_train.txt: a list for each class
OF_A_CLASS = re.compile(r".+_(train|val|trainval|test)$")
MARK = re.compile(r"^(\S+)\s+(-1|0|1)$")  # its lines: a stem, and -1 for "not there"


@dataclass(frozen=True)
class Tree:
    """Images with their annotations and the lists of their splits.

    Keys are stems, with the folders below those of images and annotations in front:
    `cam1/a`, `train/a`.
    """

    root: Path
    images: dict[str, list[Path]]  # by key; a.jpg and a.png have one
    annotations: dict[str, Path]  # XML files by key
    lists: dict[str, list[str]]  # split -> keys; empty: split by hash
    other_lists: dict[str, Path] = field(default_factory=dict)  # read when asked for
    notes: Sequence[Problem] = ()
    _parsed: dict[Path, VocAnnotation] = field(default_factory=dict)

    def annotation(self, path: Path) -> VocAnnotation:
        """The content of an XML file, parsed once; UserError as `read_annotation`."""
        if path not in self._parsed:
            self._parsed[path] = read_annotation(path)
        return self._parsed[path]

    @property
    def stems(self) -> list[str]:
        return sorted(self.annotations.keys() | self.images.keys())

    def keys(self, name: str | None) -> list[str]:
        """Keys of a list, or of all images and annotations."""
        if name in self.other_lists:
            return _keys_in(self.other_lists[name], self.stems, self.annotations)
        return self.stems if name is None else self.lists[name]

    def image_of(self, key: str, filename: str) -> Path | None:
        """The image of an annotation that names `filename`.

        Never one that has an annotation of its own.
        """
        if key in self.images:
            named = (p for p in self.images[key] if p.name == filename)
            return next(named, self.images[key][0])
        folder, _, _ = key.rpartition("/")
        stem = Path(filename).stem
        other = f"{folder}/{stem}" if folder else stem
        if other not in self.images:
            same = [k for k in self.images if folded(k) in (folded(key), folded(other))]
            other = same[0] if len(same) == 1 else ""
        is_free = other in self.images and other not in self.annotations
        return self.images[other][0] if is_free else None

    @cached_property
    def claims(self) -> Counter[Path | None]:
        """How many annotations without an image of their own name an image."""
        lone = {k: path for k, path in self.annotations.items() if k not in self.images}
        return Counter(
            self.image_of(key, self._filename(path)) for key, path in lone.items()
        )

    def _filename(self, path: Path) -> str:
        try:
            return self.annotation(path).filename
        except UserError:  # reported when it is read
            return ""

    def problems(self) -> list[Problem]:
        """What is wrong with lists and names."""
        shared = [k for k in self.annotations if len(self.images.get(k, ())) > 1]
        found = list(self.notes)
        if shared:
            names = ", ".join(path.name for path in self.images[shared[0]])
            text = f"{self.root}: {len(shared)} annotations have several images, such"
            text = f"{text} as {names}: the one that <filename> names is read."
            found.append(Problem(text, "image-shared", "warning"))
        return found + unknown_lists(self.root, "lists", self._unknown())

    def _unknown(self) -> list[str]:
        """Lists that are not of a class only, of images that splits have."""
        known = {key for keys in self.lists.values() for key in keys}
        return [
            name
            for name in self.other_lists
            if not known
            or not (OF_A_CLASS.match(name) or known.issuperset(self.keys(name)))
        ]


def find_trees(root: Path) -> list[Tree]:
    """The trees under a folder, those without annotations too."""
    if not root.is_dir():
        return []
    devkits = [root, *_subfolders(root, "vocdevkit")]
    years = [year for kit in devkits for year in _subfolders(kit, "voc2", prefix=True)]
    places = [
        (place, folders) for place in [*devkits, *years] if (folders := _folders(place))
    ]
    trees = [_read_tree(place, *folders) for place, folders in places]
    return trees or [tree for tree in (_tree_beside(root),) if tree]


def _subfolders(root: Path, name: str, prefix: bool = False) -> list[Path]:
    def matches(folder: Path) -> bool:
        lower = folder.name.lower()
        return (lower.startswith(name) if prefix else lower == name) and folder.is_dir()

    inside = root.iterdir() if root.is_dir() else ()
    return sorted(folder for folder in inside if matches(folder))


def _folders(root: Path) -> tuple[Path, Path] | None:
    """The folders of images and of annotations in one of LAYOUTS."""
    for images_name, annotations_names in LAYOUTS:
        images = _subfolders(root, images_name)
        annotations = [f for name in annotations_names for f in _subfolders(root, name)]
        if images and annotations:
            xmls = _subfolders(annotations[0], "xmls")  # Oxford-IIIT Pet
            return images[0], (xmls or annotations)[0]
    return None


def _read_tree(root: Path, images_folder: Path, annotations_folder: Path) -> Tree:
    images = _images_in(images_folder)
    annotations = _annotations_in(annotations_folder)
    stems = sorted(images.keys() | annotations.keys())
    lists, others = _read_lists(root, stems, annotations)
    notes: list[Problem] = []
    if not lists:  # JPEGImages/train/a.jpg, Annotations/train/a.xml
        lists, notes = _lists_of_folders(root, images.keys() | annotations.keys())
    return Tree(root, images, annotations, lists, others, notes)


def _lists_of_folders(
    root: Path, keys: Iterable[str]
) -> tuple[dict[str, list[str]], list[Problem]]:
    """Splits that the first folders of keys tell, and where such a name is longer."""
    keys = sorted(keys)
    splits = splits_of({key.partition("/")[0] for key in keys if "/" in key})
    lists: dict[str, list[str]] = {}
    for key in keys:
        if split := splits.get(key.partition("/")[0]):
            lists.setdefault(split, []).append(key)
    firsts = {key.partition("/")[0] if "/" in key else "." for key in keys}
    unused = _unused_folders(root, sorted(firsts - set(splits)), lists)
    return lists, folder_notes(root, splits) + unused


def _unused_folders(
    root: Path, names: Sequence[str], lists: dict[str, list[str]]
) -> list[Problem]:
    """The warning about folders whose images are in no split."""
    if not lists or not names:
        return []
    text = f"{root}: folders that tell no split: {', '.join(names[:8])}; not read."
    return [Problem(text, "list-unknown", "warning")]


def _key(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _images_in(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in files_under(folder):
        if is_image_name(path.name):
            found.setdefault(_key(path, folder), []).append(path)
    return found


def _annotations_in(folder: Path) -> dict[str, Path]:
    return {
        _key(path, folder): path
        for path in files_under(folder)
        if path.suffix.lower() == ".xml" and not path.name.startswith(".")
    }


def _tree_beside(root: Path) -> Tree | None:
    """A folder for each split, or one whose XML files lie beside the images."""
    folders = {p.name: p for p in sorted(root.iterdir()) if p.is_dir()}
    images: dict[str, list[Path]] = {}
    annotations: dict[str, Path] = {}
    lists_of = splits_of(folders)
    for name in lists_of:
        places = _folders(folders[name]) or (folders[name], folders[name])
        if found := _annotations_in(places[1]):
            annotations |= {f"{name}/{key}": path for key, path in found.items()}
            inside = _images_in(places[0]).items()
            images |= {f"{name}/{key}": paths for key, paths in inside}
    if annotations:
        lists, notes = _lists_of_folders(root, images.keys() | annotations.keys())
        beside = {name: folders[name] for name in folders if name not in lists_of}
        others = [name for name, folder in beside.items() if _annotations_in(folder)]
        others += ["."] * any(p.suffix.lower() == ".xml" for p in root.iterdir())
        notes = [*notes, *_unused_folders(root, others, lists)]
        return Tree(root, images, annotations, lists, notes=notes)
    is_beside = any(p.suffix.lower() == ".xml" for p in root.iterdir())
    return _read_tree(root, root, root) if is_beside else None


def _read_lists(
    root: Path, keys: Sequence[str], annotated: Iterable[str]
) -> tuple[dict[str, list[str]], dict[str, Path]]:
    """Lists of the splits by their words, and the files of all others."""
    lists: dict[str, list[str]] = {}
    others: dict[str, Path] = {}
    for path in _list_files(root):
        if is_split_name(path.stem):
            split = split_in_name(path.stem)
            found = [*lists.get(split, ()), *_keys_in(path, keys, annotated)]
            lists[split] = list(dict.fromkeys(found))
        else:
            others[path.stem] = path
    return lists, others


def _keys_in(path: Path, keys: Sequence[str], annotated: Iterable[str]) -> list[str]:
    """The keys that a list names: with their folders, without, or with more.

    Those of annotations, where only upper and lower case differ from the image's.
    """
    known, by_stem, alike = set(keys), {}, {}
    for key in keys:
        by_stem.setdefault(folded(key.rpartition("/")[2]), []).append(key)
    for key in annotated:
        alike.setdefault(folded(key), []).append(key)

    def whole(key: str) -> str:
        same = alike.get(folded(key), [])
        if not same and key not in known:
            stem = base_name(key)
            same = by_stem.get(folded(stem), [])
            same = [k for k in same if k.rpartition("/")[2] == stem] or same
        return key if key in same or len(same) != 1 else same[0]

    listed = filter(None, map(_listed_key, read_lines(path)))
    return list(dict.fromkeys(map(whole, listed)))


def _list_files(root: Path) -> list[Path]:
    for sets in _subfolders(root, "imagesets"):
        for folder in (*_subfolders(sets, "main"), sets):
            files = (p for p in sorted(folder.iterdir()) if p.is_file())
            if found := [p for p in files if p.suffix.lower() == ".txt"]:
                return found
    return []


def _listed_key(line: str) -> str:
    """The key in a line; empty where a list of a class says that it is not there."""
    if marked := MARK.match(line.strip()):
        line = "" if marked[2] == "-1" else marked[1]
    name = line.strip().replace("\\", "/").lstrip("./")
    return without_suffix(name, ".xml")
