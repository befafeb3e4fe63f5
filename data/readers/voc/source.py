"""PASCAL VOC: images, one XML file for each, lists of the splits.

VOC devkit, http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
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
from data.readers.files.paths import folded
from data.readers.files.text import check_names
from data.readers.splits import unknown_lists
from data.readers.voc.lists import keys_in
from data.readers.voc.xml_file import VocAnnotation, VocObject, read_annotation

# VOC devkit, VOC2012/ImageSets/Main/aeroplane_train.txt: a list for each class
OF_A_CLASS = re.compile(r".+_(train|val|trainval|test)$")


@dataclass(frozen=True)
class VocSource:
    """Images with their annotations and the lists of their splits.

    Keys are stems, with the folders below those of images and annotations in front:
    `cam1/a`, `train/a`.
    """

    format_name = "Pascal VOC"
    names_have_order = False

    root: Path
    images: dict[str, list[Path]]  # by key; a.jpg and a.png have one
    annotations: dict[str, Path]  # XML files by key
    splits: dict[str, list[str]]  # keys of each; empty: split by hash
    other_lists: dict[str, Path] = field(default_factory=dict)  # read when asked for
    notes: Sequence[Problem] = ()
    annotation: Callable[[Path], VocAnnotation] = field(  # each is parsed once
        default_factory=lambda: cache(read_annotation)
    )

    @property
    def lists(self) -> list[str]:
        """The splits that the files tell apart, and other lists."""
        return [*self.splits, *self.other_lists]

    def keys(self, split: str | None) -> list[str]:
        """Keys of a list, or of all images and annotations."""
        if split in self.splits:
            return self.splits[split]
        keys = sorted(self.annotations.keys() | self.images.keys())
        if split is None:
            return keys
        return keys_in(self.other_lists[split], keys, self.annotations)

    def problems(self, split: str | None) -> list[Problem]:
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
        known = {key for keys in self.splits.values() for key in keys}
        return [
            name
            for name in self.other_lists
            if not known
            or not (OF_A_CLASS.match(name) or known.issuperset(self.keys(name)))
        ]

    def class_names(self) -> list[str]:
        def names(path: Path) -> set[str]:
            try:
                return {o.name for o in self.annotation(path).objects if o.name}
            except UserError:  # reported with the split that holds the file
                return set()

        paths = list(self.annotations.values())
        found = zip(paths, map_in_threads(names, paths), strict=True)
        return sorted({n for path, of in found for n in check_names(of, path)})

    def read(self, key: str) -> Annotated:
        if key not in self.annotations:
            what = "images have no annotation file"
            raise Missing(what, key, next(iter(self.images.get(key, ())), None))
        xml_path = self.annotations[key]
        annotation = self.annotation(xml_path)
        path = self.image_of(key, annotation.filename)
        if path is None:
            raise UserError(
                f"{xml_path}: no image named {key!r} or {annotation.filename!r}."
            )
        if self.claims[path] > 1:
            raise Missing("annotations name an image that others name as well", key)
        size_wh = image_size(path)
        written_wh = annotation.size_wh or (None, None)
        problems = size_problems(f"{xml_path}: <size>", written_wh, size_wh)
        objects = [
            _object(item, f"{xml_path}: object {number}")
            for number, item in enumerate(annotation.objects, start=1)
        ]
        return Annotated(path, size_wh, objects, problems)

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

    @property
    def unlabelled(self) -> list[Path]:
        """Images without an annotation, which are left out."""
        lacking = self.images.keys() - self.annotations.keys()
        paths = {path for key in lacking for path in self.images[key]}
        return sorted(paths - self.claims.keys())

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


def _object(item: VocObject, where: str) -> Object:
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
