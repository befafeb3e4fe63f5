"""Where a VOC-like data set keeps its files."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from base import grouped
from data.images import is_image_name
from data.readers.annotation import Problem
from data.readers.cvat import is_cvat
from data.readers.files.paths import files_in, files_under, folders_in
from data.readers.splits import (
    folder_notes,
    is_split_name,
    split_in_name,
    splits_of,
    unknown_lists,
)
from data.readers.voc.lists import keys_in, list_files, subfolders
from data.readers.voc.source import VocSource

LAYOUTS = (  # folder of images, folders of annotations, compared in lower case
    ("jpegimages", ("annotations",)),  # VOC devkit
    ("images", ("annotations", "annots")),  # raccoon, kangaroo and many others
)
IN_WORDS = "Pascal VOC: JPEGImages/ + Annotations/, or XML beside the images"


def find(path: Path) -> list[VocSource]:
    """The VOC data sets under a folder; none where there is no XML file."""
    if not path.is_dir():
        return []
    devkits = [path, *subfolders(path, "vocdevkit")]
    years = [year for kit in devkits for year in subfolders(kit, "voc2", prefix=True)]
    places = (*devkits, *years)
    found = [_read_folders(p, *folders) for p in places if (folders := _folders(p))]
    found = [s for s in found or [_beside(path)] if s and s.annotations]
    return [s for s in found if not all(map(is_cvat, s.annotations.values()))]


def _folders(root: Path) -> tuple[Path, Path] | None:
    """The folders of images and of annotations in one of LAYOUTS."""
    for images_name, annotations_names in LAYOUTS:
        images = subfolders(root, images_name)
        annotations = [f for name in annotations_names for f in subfolders(root, name)]
        if images and annotations:
            xmls = subfolders(annotations[0], "xmls")  # Oxford-IIIT Pet
            return images[0], (xmls or annotations)[0]
    return None


def _read_folders(root: Path, image_folder: Path, xml_folder: Path) -> VocSource:
    images, annotations = _images_in(image_folder), _annotations_in(xml_folder)
    keys = images.keys() | annotations.keys()
    lists, others, notes = _read_lists(root, keys, annotations)
    if not lists:  # JPEGImages/train/a.jpg, Annotations/train/a.xml
        lists, notes = _lists_of_folders(root, keys)
    return VocSource(root, images, annotations, lists, others, notes)


def _lists_of_folders(
    root: Path, keys: Iterable[str]
) -> tuple[dict[str, list[str]], list[Problem]]:
    """Splits that the folders of keys tell, and where such a name is longer."""
    keys = sorted(keys)
    folders = {key: tuple(key.split("/")[:-1]) for key in keys}
    splits = _splits_of_folders(set(folders.values()))
    lists: dict[str, list[str]] = {}
    unused: dict[str, None] = {}
    for key, parts in folders.items():
        above = (parts[:end] for end in range(1, len(parts) + 1))
        if split := next((splits[place] for place in above if place in splits), None):
            lists.setdefault(split, []).append(key)
        else:
            unused["/".join(parts) or "."] = None
    notes = folder_notes(root, {place[-1]: s for place, s in splits.items()})
    return lists, notes + _unused_folders(root, sorted(unused), lists)


def _splits_of_folders(folders: set[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """The uppermost folders side by side that tell splits: train/, 2020/train/."""
    firsts = {parts[0] for parts in folders if parts}
    if splits := splits_of(firsts):
        return {(name,): split for name, split in splits.items()}
    return {
        (first, *place): split
        for first in firsts
        for place, split in _splits_of_folders(
            {parts[1:] for parts in folders if parts[:1] == (first,)}
        ).items()
    }


def _unused_folders(
    root: Path, names: Sequence[str], lists: dict[str, list[str]]
) -> list[Problem]:
    """The warning about folders whose images are in no split."""
    return unknown_lists(root, "folders", names if lists else [], "not read")


def _key(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _images_in(folder: Path) -> dict[str, list[Path]]:
    images = (path for path in files_under(folder) if is_image_name(path.name))
    return grouped((_key(path, folder), path) for path in images)


def _annotations_in(folder: Path) -> dict[str, Path]:
    return {
        _key(path, folder): path
        for path in files_under(folder)
        if path.suffix.lower() == ".xml" and not path.name.startswith(".")
    }


def _beside(root: Path) -> VocSource | None:
    """A folder for each split, or one whose XML files lie beside the images."""
    folders = folders_in(root)
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
        others += ["."] * bool(files_in(root, ".xml"))
        notes = [*notes, *_unused_folders(root, others, lists)]
        return VocSource(root, images, annotations, lists, notes=notes)
    return _read_folders(root, root, root) if files_in(root, ".xml") else None


def _read_lists(
    root: Path, keys: Collection[str], annotated: Iterable[str]
) -> tuple[dict[str, list[str]], dict[str, Path], list[Problem]]:
    """Lists of the splits by their words, and the files of all others."""
    lists: dict[str, list[str]] = {}
    others: dict[str, Path] = {}
    places: dict[Path, None] = {}
    for path in list_files(root, keys, annotated):
        if is_split_name(path.stem):
            split = split_in_name(path.stem)
            found = [*lists.get(split, ()), *keys_in(path, keys, annotated)]
            lists[split] = list(dict.fromkeys(found))
            places[path.parent] = None
        else:
            others.setdefault(path.stem, path)
    notes = _hold_back_test(root, lists, list(places)) if len(places) > 1 else []
    return lists, others, notes


def _hold_back_test(
    root: Path, lists: dict[str, list[str]], places: Sequence[Path]
) -> list[Problem]:
    """Takes the images of test out of the other lists, which are another folder's."""
    test = set(lists["test"])
    num_both = len(test & {k for name in lists.keys() - {"test"} for k in lists[name]})
    for name in lists.keys() - {"test"}:
        lists[name] = [key for key in lists[name] if key not in test]
    names = " and ".join(p.relative_to(root).as_posix() for p in places)
    text = f"{root}: lists are read from {names}"
    if not num_both:
        return [Problem(f"{text}.", "list-places", "note")]
    text = f"{text}; {num_both} images of test are in others too, and only in test now."
    return [Problem(text, "list-places", "warning")]
