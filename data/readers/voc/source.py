"""PASCAL VOC: images, one XML file for each, lists of the splits.

VOC devkit, http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf.
"""

from collections.abc import Collection
from pathlib import Path

from base.errors import UserError
from data.images import image_size
from data.progress import map_in_threads
from data.readers.annotation import (
    Annotated,
    EdgesPx,
    Missing,
    Object,
    Problem,
    size_problems,
)
from data.readers.cvat import is_cvat
from data.readers.files.text import check_names
from data.readers.voc.layout import IN_WORDS, Tree, find_trees
from data.readers.voc.xml_file import VocObject

__all__ = ["IN_WORDS", "find"]


def find(path: Path) -> list["VocSource"]:
    """The VOC data sets under a folder; none where there is no XML file."""
    found = (VocSource(tree) for tree in find_trees(path) if tree.annotations)
    return [s for s in found if not all(map(is_cvat, s.tree.annotations.values()))]


class VocSource:
    """One folder of images with its annotations; keys are stems."""

    format_name = "Pascal VOC"
    names_have_order = False

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.root = tree.root

    @property
    def lists(self) -> Collection[str]:
        """The splits that the files tell apart, and other lists."""
        return [*self.tree.lists, *self.tree.other_lists]

    def keys(self, split: str | None) -> list[str]:
        """Stems of a list, or of all images and annotations."""
        return self.tree.keys(split)

    def problems(self, split: str | None) -> list[Problem]:
        """What is wrong with lists and names."""
        return self.tree.problems()

    def class_names(self) -> list[str]:
        """All names in all annotations."""

        def names(path: Path) -> set[str]:
            try:
                return {o.name for o in self.tree.annotation(path).objects if o.name}
            except UserError:  # reported with the split that holds the file
                return set()

        paths = list(self.tree.annotations.values())
        found = zip(paths, map_in_threads(names, paths), strict=True)
        return sorted({n for path, of in found for n in check_names(of, path)})

    def read(self, key: str) -> Annotated:
        """One annotation file with its image."""
        tree = self.tree
        if key not in tree.annotations:
            what = "images have no annotation file"
            raise Missing(what, key, next(iter(tree.images.get(key, ())), None))
        xml_path = tree.annotations[key]
        try:
            annotation = tree.annotation(xml_path)
        except UserError as error:
            raise UserError(f"{xml_path}: {error}.") from error
        path = tree.image_of(key, annotation.filename)
        if path is None:
            raise UserError(
                f"{xml_path}: no image named {key!r} or {annotation.filename!r}."
            )
        if tree.claims[path] > 1:
            raise Missing("annotations name an image that others name as well", key)
        size_wh = image_size(path)
        written_wh = annotation.size_wh or (None, None)
        problems = size_problems(f"{xml_path}: <size>", written_wh, size_wh)
        objects = [
            _object(item, f"{xml_path}: object {number}", size_wh)
            for number, item in enumerate(annotation.objects, start=1)
        ]
        return Annotated(path, size_wh, objects, problems)


def _object(item: VocObject, where: str, size_wh: tuple[int, int]) -> Object:
    edges_px = None if None in item.box_px else _edges(item.box_px)
    return Object(item.name, edges_px, where, item.box_px, item.difficult)


def _edges(box_px: tuple[float, ...]) -> EdgesPx:
    # VOC devkit: pixels count from 1 and xmax, ymax are inside the box, so its
    # edges lie at xmin - 1 and xmax. LabelImg counts from 0: clipped in silence.
    xmin, ymin, xmax, ymax = box_px
    if xmax <= xmin or ymax <= ymin:
        return xmin, ymin, xmax, ymax
    left, top = (max(x - 1, 0) if x >= 0 else x for x in (xmin, ymin))
    return left, top, xmax, ymax
