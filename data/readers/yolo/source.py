"""YOLO: a text file of boxes for each image, class names in one file.

https://docs.ultralytics.com/datasets/detect. An image without a label file shows
nothing that is looked for.
"""

import os
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from base.errors import UserError
from data.images import SUFFIXES, UNREAD_SUFFIXES, image_size, is_image_name
from data.readers.annotation import Annotated, EdgesPx, Missing, Object, Problem
from data.readers.files.paths import files_under, folded
from data.readers.files.text import read_lines, read_text
from data.readers.yolo.folders import set_lists
from data.readers.yolo.layout import (
    LabelFiles,
    Lists,
    holds_rows,
    is_list,
    stray_labels,
)
from data.readers.yolo.names import FolderNames, names_in, up_to, yaml_names
from data.readers.yolo.project import darknet_file, darknet_names, load_yaml, yaml_file
from data.readers.yolo.rows import ROW, check_not_pose, key_point_numbers, parse_row

IN_WORDS = "YOLO: data.yaml, images/ + labels/, or labels beside the images"
KEY_POINTS = re.compile(r"^[^#\n]*\bkpt_shape[\"']?\s*:", re.MULTILINE)  # in YAML
SAMPLE = 200  # ours: label files that tell polygons from key points


def find(path: Path) -> list["YoloSource"]:
    if path.is_file():
        if path.suffix.lower() in (".yaml", ".yml"):
            return [_from_yaml(path, load_yaml(path))]
        if path.suffix.lower() != ".data":
            return []
        inside = path.parent.name.lower() in ("data", "cfg")  # of the project's root
        source = _from_folder(path.parent.parent if inside else path.parent, path)
        return [source] if source else []
    if found := yaml_file(path):
        return [_from_yaml(*found)]
    source = _from_folder(path, darknet_file(path))
    return [source] if source else []


def _from_yaml(path: Path, content: dict[str, Any]) -> "YoloSource":
    names = yaml_names(path, content)
    lists, problems = set_lists(path.parent, (path, content), None)
    if "kpt_shape" not in content and KEY_POINTS.search(read_text(path)):
        raise UserError(f"{path}: kpt_shape stands below another key: move it out.")
    num_points = key_point_numbers(content.get("kpt_shape", ""), path)
    source = YoloSource(path.parent, lists, problems, num_points or 0)
    source.name_classes(names, path)
    if num_points is None:
        source.check_not_pose(path)
    return source


def _from_folder(root: Path, darknet: Path | None) -> "YoloSource | None":
    """Without data.yaml: lists (Darknet, CVAT), folders of the splits or neither."""
    source = YoloSource(root, *set_lists(root, None, darknet))
    if not source.labelled:
        return None
    file = darknet_names(root, darknet)
    source.name_classes(names_in(file) if file else None, file or None)
    source.check_not_pose(root)
    return source


class YoloSource:
    """Images with their label files; keys are the images' paths.

    num_points: numbers of key points that follow a box.
    """

    format_name = "YOLO"
    names_have_order = True

    def __init__(
        self,
        root: Path,
        lists: Lists,
        problems: Sequence[Problem] = (),
        num_points: int = 0,
    ) -> None:
        self.root = root
        self._num_points = num_points
        self._problems = list(problems)
        self._labels = LabelFiles()
        if lists.get("val") == lists.get("train"):  # nothing validates on its own
            lists = {split: paths for split, paths in lists.items() if split != "val"}
        self._lists = {split: paths for split, paths in lists.items() if paths}
        self.lists = [split for split in self._lists if split]

    @cached_property
    def _images(self) -> list[Path]:
        """Those of all lists, each once."""
        paths = dict.fromkeys(path for paths in self._lists.values() for path in paths)
        return [path for path in paths if is_image_name(path.name)]

    @cached_property
    def labelled(self) -> list[tuple[Path, Path]]:
        """Images with their label files."""
        pairs = ((image, self._labels.find(image)) for image in self._images)
        return [(image, label) for image, label in pairs if label]

    @cached_property
    def unlabelled(self) -> list[Path]:
        """Images without a label file, which are taken for empty."""
        return [image for image in self._images if not self._labels.find(image)]

    def name_classes(self, names: Sequence[str] | None, file: Path | None) -> None:
        """Take the names of data.yaml, else those beside the labels, else numbers."""
        folders = {place.parent for pair in self.labelled for place in pair}
        self._names = FolderNames(self.root, folders, names, file)
        if not self._names:
            numbers = _numbers_in([label for _, label in self.labelled])
            self._names = FolderNames(self.root, (), numbers)

    def check_not_pose(self, where: Path) -> None:
        labels = (label for _, label in self.labelled[:SAMPLE])
        check_not_pose((line for label in labels for line in _lines(label)), where)

    def keys(self, split: str | None) -> list[str]:
        lists = self._lists.values() if split is None else [self._lists[split]]
        return list(dict.fromkeys(path.as_posix() for paths in lists for path in paths))

    def class_names(self) -> list[str]:
        """The names in the order of their numbers."""
        return self._names.all()

    def problems(self, split: str | None) -> list[Problem]:
        found = [*self._problems, *self._names.problems()]
        if stray := self._stray:
            text = (
                f"{self.root}: {len(stray)} label files belong to no image, "
                f"the first is {stray[0]}; left out."
            )
            found.append(Problem(text, "label-stray", "warning"))
        if shared := self._shared:
            text = f"{self.root}: {len(shared)} label files belong to several images"
            text = f"{text}, the first is {shared[0].name!r}: each has its boxes."
            found.append(Problem(text, "label-shared", "warning"))
        return found

    def problems_of(self, keys: Sequence[str]) -> list[Problem]:
        """Images without labels."""
        images = [path for key in keys if os.path.isfile(path := Path(key))]  # noqa: PTH113
        labels = [self._labels.find(image) for image in images]
        bare = [image for image, label in zip(images, labels, strict=True) if not label]
        found = []
        if bare:
            severity = "warning" if 2 * len(bare) > len(images) else "note"
            text = (
                f"{self.root}: {len(bare)} of {len(images)} images have no label file, "
                f"the first is {bare[0].name!r}; taken for images without objects."
            )
            found.append(Problem(text, "label-missing", severity))
        return found

    @cached_property
    def _shared(self) -> list[Path]:
        """Label files of several images, which may be in different splits."""
        pairs = self.labelled
        counts = Counter(label for path, label in pairs if os.path.isfile(path))  # noqa: PTH113
        return [label for label, count in counts.items() if count > 1]

    @cached_property
    def _stray(self) -> list[Path]:
        """Label files in labels/ of no image; elsewhere, of images without labels."""
        listed = [path for paths in self._lists.values() for path in paths]
        used = {label for _, label in self.labelled}
        bare = {folded(image.stem) for image in self.unlabelled}
        texts = filter(is_list, files_under(self.root) if bare else ())
        others = (file for file in texts if folded(file.stem) in bare)
        elsewhere = [f for f in others if f not in used and holds_rows(f)]
        return list(dict.fromkeys([*stray_labels(self.root, listed), *elsewhere]))

    def read(self, key: str) -> Annotated:
        path = Path(key)
        if not os.path.isfile(path):  # noqa: PTH113
            raise Missing(_lacking_words(path), key)
        size_wh = image_size(path)
        label = self._labels.find(path)
        if label is None:
            return Annotated(path, size_wh, [])
        names = self._names.names_for(label, path)
        lines = enumerate(read_lines(label), start=1)
        objects = [
            self._object(line, names, size_wh, f"{label}: line {number}")
            for number, line in lines
            if line.strip()
        ]
        return Annotated(path, size_wh, objects)

    def _object(
        self, line: str, names: Sequence[str], size_wh: tuple[int, int], where: str
    ) -> Object:
        words = line.split()
        if self._num_points and len(words) != 5:
            fits = len(words) == 5 + self._num_points
            row = parse_row(words[:5]) if fits else None
            wanted = f"{ROW.partition(',')[0]} and {self._num_points} of key points"
        else:
            row, wanted = parse_row(words), ROW
        if row is None:
            reason = f"expected {wanted}, received {line!r:.60}; left out."
            return Object("", None, where, rejected=reason)
        number, corners = row
        name = names[number] if number < len(names) else f"number {number}"
        return Object(name, _to_px(corners, size_wh), where)


def _lacking_words(path: Path) -> str:
    """Of a path that is no file: listed but not there, or expected by labels."""
    if is_image_name(path.name):
        return "images are not there"
    # strings and os.path: a line of a list may be "/", or too long for any file
    there = (s for s in UNREAD_SUFFIXES if os.path.exists(f"{path}{s}"))  # noqa: PTH110
    if suffix := next(there, None):
        return f"labels have images of {suffix}, which is not read"
    return f"labels have no image of {', '.join(SUFFIXES)}"


def _lines(label: Path) -> list[str]:
    """The lines of a label file; none where it can't be read: reading it tells so."""
    try:
        return read_lines(label)
    except UserError:
        return []


def _numbers_in(labels: Sequence[Path]) -> list[str]:
    """Without a file of names the classes are called by their numbers, from 0."""
    largest = -1
    for path in labels:
        rows = (parse_row(line.split()) for line in _lines(path))
        numbers = (row[0] for row in rows if row)
        largest = max((largest, *up_to(max(numbers, default=-1), path)[-1:]))
    return [str(number) for number in range(largest + 1)]


def _to_px(corners: EdgesPx, size_wh: tuple[int, int]) -> EdgesPx:
    left, top, right, bottom = corners
    width, height = size_wh
    return left * width, top * height, right * width, bottom * height
