"""Lists of a YOLO data set: its files', else what the names of its folders tell."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from data.images import is_image_name
from data.readers.annotation import Problem
from data.readers.files.paths import child, files_under, folders_in, subfolders
from data.readers.splits import SPLITS, folder_notes, splits_of, unknown_lists
from data.readers.yolo.layout import Lists, images_in, text_lists, yaml_lists
from data.readers.yolo.project import darknet_file, yaml_file

DEPTH = 3  # ours: folders in folders that may be data sets


def set_lists(
    root: Path,
    yaml: tuple[Path, dict[str, Any]] | None,
    darknet: Path | None,
    depth: int = DEPTH,
) -> tuple[Lists, list[Problem]]:
    """The lists of data.yaml, else train.txt and its like, else of the folders."""
    lists, problems = yaml_lists(*yaml) if yaml else ({}, [])
    if any(lists.values()):
        return lists, problems
    lists, more = text_lists(root, darknet)
    problems = [*problems, *more]
    if not set(lists) & set(SPLITS):
        found, more = folder_lists(root, depth)
        lists, problems = found | lists, [*problems, *more]
    return lists, problems


def folder_lists(root: Path, depth: int = DEPTH) -> tuple[Lists, list[Problem]]:
    """images/train, train/images, train/ with everything in it, or no splits.

    Where these folders tell none: what those in them tell, to a depth.
    """
    for base in (child(root, "images"), root):
        folders = folders_in(base)
        splits = splits_of(folders)
        lists: Lists = {}
        for name, split in splits.items():
            if images := _images_below(folders[name]):
                lists.setdefault(split, []).extend(images)
        if lists:
            others = _other_folders(folders, splits)
            unknown = unknown_lists(root, "folders", list(others))
            return lists | others, [*folder_notes(root, splits), *unknown]
    for base in (child(root, "images"), root):
        nested, problems = _nested_lists(base, depth - 1) if depth else ({}, [])
        if nested:
            return nested, problems
    return {None: images_in(child(root, "images")) or images_in(root)}, []


def _nested_lists(root: Path, depth: int) -> tuple[Lists, list[Problem]]:
    """The lists of the sets in the folders of a folder, if one of them has splits."""
    lists: Lists = {}
    others: Lists = {}
    problems: list[Problem] = []
    for folder in subfolders(root):
        if not any(is_image_name(file.name) for file in files_under(folder)):
            continue
        yaml, darknet = yaml_file(folder), darknet_file(folder)
        found, more = set_lists(folder, yaml, darknet, depth)
        problems += more
        images = found.pop(None, [])
        if any(is_image_name(image.name) for image in images):
            others[folder.name] = images
        for name, paths in found.items():
            lists.setdefault(name, []).extend(paths)
    if not set(lists) & set(SPLITS):
        return {}, []
    return others | lists, [*problems, *unknown_lists(root, "folders", list(others))]


def _images_below(folder: Path) -> list[Path]:
    inside = child(folder, "images")
    return images_in(inside if inside.is_dir() else folder)


def _other_folders(folders: dict[str, Path], splits: Iterable[str]) -> Lists:
    others = (n for n in folders if n not in splits and n.lower() != "labels")
    found = {name: _images_below(folders[name]) for name in others if name[0] != "."}
    return {n: p for n, p in found.items() if any(is_image_name(i.name) for i in p)}
