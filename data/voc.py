"""Data sets in the layout of PASCAL VOC: pictures, one XML file for each, lists.

>>> dataset = read_voc(["VOCdevkit"], "trainval")  # doctest: +SKIP
>>> print(dataset.describe())  # doctest: +SKIP
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.dataset import Dataset, Picture, truth_array
from data.pictures import picture_size
from data.voc_layout import LAYOUTS_IN_WORDS, Tree, find_trees, split_stems
from data.voc_xml import VocAnnotation, VocObject, read_annotation

READ_THREADS = 8  # ours: they wait for the disk; 0.7 ms a file once it is in memory


class _Read(NamedTuple):
    """What one annotation file came to; picture is None where it was left out."""

    picture: Picture | None
    problems: list[str]
    unknown_names: list[str]
    num_objects_left_out: int


def read_voc(
    roots: Sequence[Path | str] | Path | str,
    split: str,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """One split of the VOC data sets under the given folders, as one Dataset.

    roots: several folders are joined, as VOC07+12; those without the split are
        passed over as long as one has it.
    split: train, val, trainval or test. Without lists, names are split by their
        hash, 80/20; where nothing is called test, val stands in for it.
    class_names: without the background. Left out, they are all names in all
        annotations of the roots, sorted, so that every split numbers them alike.

    Files and objects that can't be used are left out and named in
    `Dataset.problems`; ValueError where nothing usable is left.
    """
    if isinstance(roots, str | Path):
        roots = [roots]
    trees = [tree for root in roots for tree in find_trees(root)]
    found, notes = split_stems(trees, split)
    with ThreadPoolExecutor(READ_THREADS) as pool:
        if class_names is None:
            class_names = _names_in(pool, trees)
        indices = {name: index for index, name in enumerate(class_names, start=1)}
        pairs = [(t, stem) for t, stems in found for stem in stems]
        listed = [(t, stem) for t, stem in pairs if stem in t.annotations]
        reads = list(pool.map(lambda pair: _read(*pair, indices), listed))
    unannotated = _unannotated(found, reads)
    pictures = [read.picture for read in reads if read.picture]
    dataset = Dataset(
        name="+".join(dict.fromkeys(tree.root.resolve().name for tree, _ in found)),
        split=split,
        class_names=list(class_names),
        pictures=pictures,
        problems=[line for read in reads for line in read.problems]
        + _unknown_lines(reads, class_names)
        + [line for line, _ in unannotated],
        notes=notes,
        num_pictures_left_out=len(reads)
        - len(pictures)
        + sum(count for _, count in unannotated),
        num_objects_left_out=sum(read.num_objects_left_out for read in reads),
    )
    _check_usable(dataset, trees)
    return dataset


def _names_in(pool: ThreadPoolExecutor, trees: Sequence[Tree]) -> list[str]:
    def names(path: Path) -> set[str]:
        try:
            return {o.name for o in read_annotation(path).objects if o.name}
        except ValueError:  # reported with the split that holds the file
            return set()

    paths = [path for tree in trees for path in tree.annotations.values()]
    return sorted(set().union(*pool.map(names, paths)))


def _read(tree: Tree, stem: str, indices: dict[str, int]) -> _Read:
    """One annotation file with its picture."""
    xml_path = tree.annotations[stem]
    try:
        annotation = read_annotation(xml_path)
    except ValueError as error:
        return _Read(None, [f"{xml_path}: {error}; left out."], [], 0)
    path = _picture_path(tree, stem, annotation)
    if path is None:
        line = (
            f"{xml_path}: no picture named {stem!r} or {annotation.filename!r}; "
            "left out."
        )
        return _Read(None, [line], [], 0)
    try:
        size_wh = picture_size(path)
    except ValueError as error:
        return _Read(None, [f"{error} Left out."], [], 0)
    return _read_objects(xml_path, path, size_wh, annotation, indices)


def _picture_path(tree: Tree, stem: str, annotation: VocAnnotation) -> Path | None:
    """The picture that belongs to an annotation: always one listed in the tree."""
    name = annotation.filename
    if name in tree.pictures and Path(name).stem == stem:
        return tree.pictures[name]
    return (
        tree.pictures_by_stem.get(stem)
        or tree.pictures.get(name)
        or tree.pictures_by_stem.get(Path(name).stem)
    )


def _read_objects(
    xml_path: Path,
    path: Path,
    size_wh: tuple[int, int],
    annotation: VocAnnotation,
    indices: dict[str, int],
) -> _Read:
    problems, unknown, rows, difficult = [], [], [], []
    if annotation.size_wh not in (None, size_wh):
        problems.append(_size_line(xml_path, annotation.size_wh, size_wh))
    for number, item in enumerate(annotation.objects, start=1):
        if item.name not in indices:
            unknown.append(item.name)
            continue
        box, complaint = _box(item, size_wh)
        if complaint:
            problems.append(f"{xml_path}: object {number} ({item.name}): {complaint}")
        if box:
            rows.append((*box, indices[item.name]))
            difficult.append(item.difficult)
    picture = Picture(path, size_wh, truth_array(rows), np.array(difficult, bool))
    return _Read(picture, problems, unknown, len(annotation.objects) - len(rows))


def _box(
    item: VocObject, size_wh: tuple[int, int]
) -> tuple[tuple[float, ...] | None, str]:
    """Corners in 0..1 (None: left out) and what is wrong with the box, or ''."""
    if None in item.box_px:
        return None, "a corner is missing or not a finite number; left out."
    xmin, ymin, xmax, ymax = item.box_px
    shown = f"box {xmin:g} {ymin:g} {xmax:g} {ymax:g}"
    if xmax <= xmin or ymax <= ymin:
        return None, f"{shown} has swapped corners or no area; left out."
    width, height = size_wh
    # VOC devkit: pixels count from 1 and xmax, ymax are inside the box, so its
    # edges lie at xmin - 1 and xmax. LabelImg counts from 0: clipped in silence.
    edges = (max(xmin, 1) - 1, max(ymin, 1) - 1, min(xmax, width), min(ymax, height))
    where = f"of the picture of {width}x{height}"
    if edges[0] >= edges[2] or edges[1] >= edges[3]:
        return None, f"{shown} lies outside {where}; left out."
    corners = (edges[0] / width, edges[1] / height, edges[2] / width, edges[3] / height)
    if xmin < 0 or ymin < 0 or xmax > width or ymax > height:
        return corners, f"{shown} reaches out {where}; clipped."
    return corners, ""


def _size_line(
    xml_path: Path, written_wh: tuple[int, int], size_wh: tuple[int, int]
) -> str:
    turned = written_wh == size_wh[::-1]
    return (
        f"{xml_path}: <size> says {written_wh[0]}x{written_wh[1]}, the picture is "
        f"{size_wh[0]}x{size_wh[1]}; the picture was believed"
        + (" (turned by its EXIF mark? Look at its boxes)." if turned else ".")
    )


def _unknown_lines(reads: Iterable[_Read], class_names: Sequence[str]) -> list[str]:
    """One line for each class name that isn't in the list."""
    counts = Counter(name for read in reads for name in read.unknown_names)
    lines = []
    for name, count in sorted(counts.items()):
        close = get_close_matches(name, class_names, n=1)
        hint = f" (closest: {close[0]!r})" if close else ""
        lines.append(
            f"{count} objects of class {name!r}, which is not among the class "
            f"names{hint}; left out."
        )
    return lines


def _unannotated(
    found: Iterable[tuple[Tree, list[str]]], reads: Iterable[_Read]
) -> list[tuple[str, int]]:
    """A line and a count for each tree with pictures that have no annotation."""
    used = {read.picture.path for read in reads if read.picture}
    lines = []
    for tree, stems in found:
        lacking = [
            stem
            for stem in stems
            if stem not in tree.annotations
            and tree.pictures_by_stem.get(stem) not in used
        ]
        if lacking:
            line = (
                f"{tree.root}: {len(lacking)} pictures have no annotation file, the "
                f"first is {lacking[0]!r}; left out."
            )
            lines.append((line, len(lacking)))
    return lines


def _check_usable(dataset: Dataset, trees: Sequence[Tree]) -> None:
    if dataset.pictures and dataset.class_names:
        return
    seen = "; ".join(
        f"{tree.root}: {len(tree.pictures)} pictures, {len(tree.annotations)} "
        f"annotation files, lists: {', '.join(tree.lists) or 'none'}"
        for tree in trees
    )
    first = f" First problem: {dataset.problems[0]}" if dataset.problems else ""
    raise ValueError(
        f"Nothing usable in split {dataset.split!r}. Found {seen}. Expected "
        f"{LAYOUTS_IN_WORDS}.{first}"
    )
