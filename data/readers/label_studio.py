"""Label Studio: one JSON or JSON-MIN file of tasks, each an image with its regions.

https://labelstud.io/guide/task_format and .../guide/export (JSON, JSON-MIN);
https://labelstud.io/tags/rectanglelabels, .../ellipselabels, .../polygonlabels: numbers
are percent of the image's sides, a rectangle turns about its upper left corner,
clockwise, an ellipse about its center. Predictions of models are no annotations.
"""

import base64
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from base.errors import UserError
from data.images import image_size, is_image_name
from data.readers.annotation import (
    Annotated,
    EdgesPx,
    Missing,
    Object,
    Problem,
    size_problems,
)
from data.readers.files.image_splits import split_told
from data.readers.files.json_file import decode, files_of, holds
from data.readers.files.paths import Finder, image_folders
from data.readers.listed import ListedFile, ListedSource, listed_sources
from data.readers.outlines import (
    around_box,
    around_ellipse,
    around_points,
    as_number,
    as_numbers,
    as_points,
)

IN_WORDS = "Label Studio: JSON, JSON-MIN"
FORMAT = "Label Studio JSON"
KEYS = (
    (b'"data"', b'"annotations"', b'"result"'),
    (b'"data"', b'"completions"', b'"result"'),  # before version 1.0
    (b'"annotation_id"', b'"lead_time"'),  # JSON-MIN
    (b'"original_width"', b'labels"', b'"image_rotation"'),
)
# label_studio/data_import/uploader.py: 8 hexadecimal digits of a UUID come before
UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
SIZES = ("original_width", "original_height")
KEPT = (*SIZES, "image_rotation", "to_name")  # of a result, beside its value
GEOMETRY = {"x", "points", "vertices", "rle"}  # what tells a region from a choice


class _Task(NamedTuple):
    """An image; regions: None where nobody has annotated it, created: when.

    split: what the task's data tell.
    """

    regions: list[dict[str, Any]] | None
    where: str
    problems: list[Problem]
    created: str = ""
    split: str | None = None


def find(path: Path) -> list[ListedSource]:
    files = [file for file in files_of(path, ".json") if holds(file, *KEYS)]
    return listed_sources("Label Studio", path, files, _File)


class _File(ListedFile):
    """One exported file: the tasks by the addresses of their images."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self._tasks: dict[str, _Task] = {}
        tasks = [
            _read_task(task, f"{path}: task {task.get('id', number)}")
            for number, task in enumerate(decode(path, list[dict[str, Any]], FORMAT))
        ]
        targets = {
            str(r.get("to_name")) for _, task in tasks for r in task.regions or ()
        }
        for images, task in tasks:
            for name, part in _by_image(images, task, targets).items():
                self._add(name, part)
        self.images = {name: task.split for name, task in self._tasks.items()}
        regions = [r for task in self._tasks.values() for r in task.regions or ()]
        self.class_names = sorted({n for region in regions if (n := _name(region))})
        self.paths = _find_images(Finder(image_folders(path, root)), self._tasks)

    def _add(self, name: str, task: _Task) -> None:
        where, known = task.where, self._tasks.get(name)
        if known and known.where != where:
            raise UserError(
                f"{where}: {name} stands in {known.where.rpartition(': ')[2]} as well: "
                "which of them is right can't be known. Remove one."
            )
        if known:  # JSON-MIN has an item for each annotation of a task
            newest = max(known, task, key=lambda one: one.created)
            task = newest._replace(problems=[_several(where)])
        self._tasks[name] = task

    def annotated(self, name: str, path: Path) -> Annotated:
        task = self._tasks[name]
        if task.regions is None:
            raise Missing("tasks have no annotation", name, path)
        size_wh = image_size(path)
        objects = [
            Object(_name(region), _edges(region, size_wh), f"{task.where}, region {n}")
            for n, region in enumerate(task.regions)
        ]
        sizes = {tuple(as_number(r.get(key)) for key in SIZES) for r in task.regions}
        lines = [line for s in sizes for line in size_problems(task.where, s, size_wh)]
        return Annotated(path, size_wh, objects, [*task.problems, *sorted(lines)])


def _find_images(finder: Finder, names: Iterable[str]) -> dict[str, Path | None]:
    """The images of names; where there is none, without the digits of an upload."""
    found = finder.find_all(names)
    bare = {name: _without_digits(name) for name in found}
    # the same name uploaded twice: without its digits it tells no image
    counts = Counter(bare.values())
    lacking = {b: n for n, b in bare.items() if not found[n] and counts[b] == 1}
    taken = set(found.values())
    others = finder.find_all(lacking)
    return found | {lacking[b]: p for b, p in others.items() if p and p not in taken}


def _read_task(item: dict[str, Any], where: str) -> tuple[dict[str, str], _Task]:
    """The names of a task's images by their keys in its data, and the task."""
    is_min = not isinstance(item.get("data"), dict)
    data = item if is_min else item["data"]
    images = _image_names(data)
    if not images:
        raise UserError(f"{where}: names no image among its data.")
    task = _task_min(item, where) if is_min else _task(item, where)
    return images, task._replace(split=split_told(data))


def _by_image(images: dict[str, str], task: _Task, targets: set) -> dict[str, _Task]:
    """The task of each image; of several images, by the keys that regions name.

    targets: `to_name` of all regions of the file; other images (thumbnails, say) are
        not read.
    """
    if len(set(images.values())) == 1:
        return dict.fromkeys(images.values(), task)
    parts: dict[str, list] = {n: [] for k, n in images.items() if k in targets}
    for region in task.regions or ():
        if (key := str(region.get("to_name"))) not in images:
            raise UserError(
                f"{task.where}: has several images, {', '.join(images)}; whose a "
                f"region with to_name {key!r:.80} is can't be known. Export JSON, not "
                "JSON-MIN, and write the image's key as to_name, or leave one image."
            )
        parts[images[key]].append(region)
    is_open = task.regions is None
    return {
        name: task._replace(regions=None if is_open else parts.get(name, []))
        for name in parts or images.values()
    }


def _task(item: dict[str, Any], where: str) -> _Task:
    """The annotation of a task: not one that was skipped (was_cancelled)."""
    given = item.get("annotations", item.get("completions"))
    found = [a for a in given if isinstance(a, dict)] if isinstance(given, list) else []
    kept = [a for a in found if not (a.get("was_cancelled") or a.get("skipped"))]
    if not kept:
        return _Task(None, where, [])
    newest = max(
        kept, key=lambda a: (bool(a.get("ground_truth")), str(a.get("created_at")))
    )
    several = [_several(where)] * (len(kept) > 1)
    return _Task(list(_merged(newest.get("result"))), where, several)


def _several(where: str) -> Problem:
    text = "has several annotations; the newest was taken (ground truth before others)."
    return Problem(f"{where}: {text}", severity="warning")


def _merged(results: Any) -> Iterator[dict[str, Any]]:
    """Regions: results of one id (a rectangle and its labels, say) are one.

    Choices of the whole image, texts and relations have no numbers: no regions.
    """
    regions: dict[Any, dict[str, Any]] = {}
    for number, item in enumerate(results if isinstance(results, list) else []):
        value = item.get("value") if isinstance(item, dict) else None
        if isinstance(value, dict):
            about = {k: item[k] for k in KEPT if k in item}
            region = regions.setdefault(str(item.get("id", number)), {})
            region.update({**about, **value})
    yield from (region for region in regions.values() if GEOMETRY & set(region))


def _task_min(item: dict[str, Any], where: str) -> _Task:
    """JSON-MIN: lists of regions under the names of the controls."""
    lists = [v for v in item.values() if isinstance(v, list)]
    regions = [r for v in lists for r in v if isinstance(r, dict) and GEOMETRY & set(r)]
    if not regions and item.get("annotation_id", item.get("completion_id")) is None:
        return _Task(None, where, [])
    return _Task(regions, where, [], str(item.get("created_at")))


def _image_names(data: dict[str, Any]) -> dict[str, str]:
    """The paths in the addresses of all images, by key; one that ends another is it."""
    paths = {k: _path_of(value) for k, value in data.items() if isinstance(value, str)}
    names = {k: p for k, p in paths.items() if is_image_name(p.rpartition("/")[2])}

    def whole(name: str) -> str:
        longer = (n for n in names.values() if len(n) > len(name))
        same = (
            n for n in longer if n.endswith(f"/{name}") or _without_digits(n) == name
        )
        return next(same, name)

    return {key: whole(name) for key, name in names.items()}


def _path_of(address: str) -> str:
    r"""Of a URL, a path, /data/local-files/?d=path, or a proxied ?fileuri=base64.

    >>> _path_of("/data/local-files/?d=pets/my%20cat.jpg")
    'pets/my cat.jpg'
    >>> _path_of("/data/upload/3/0a1b2c3d-cat.jpg")
    'upload/3/0a1b2c3d-cat.jpg'
    >>> _path_of("s3://bucket/pets/cat.jpg"), _path_of("https://a.b/c.jpg?key=1")
    ('pets/cat.jpg', 'c.jpg')
    """
    try:
        parts = urlsplit(address.replace("\\", "/"))
        query = parse_qs(parts.query)
        if "fileuri" in query:  # label_studio/io_storages/proxy_api.py
            inner = base64.urlsafe_b64decode(query["fileuri"][0]).decode()
            return unquote(urlsplit(inner).path).lstrip("/")
    except ValueError:
        return address
    if "d" in query:
        return query["d"][0]
    path = unquote(parts.path)
    is_address = bool(parts.scheme) or path.startswith("/data/")
    return path.removeprefix("/data/").lstrip("/") if is_address else path


def _without_digits(name: str) -> str:
    return UPLOADED.sub("", name.rpartition("/")[2])


def _name(region: dict[str, Any]) -> str:
    """The label; '' where there is none or several."""
    for key, labels in region.items():
        if key.endswith("labels") and isinstance(labels, list) and len(labels) == 1:
            return labels[0] if isinstance(labels[0], str) else ""
    return ""


def _edges(region: dict[str, Any], size_wh: tuple[int, int]) -> EdgesPx | None:
    """Edges of a region; None where a number is missing, or of a brush or a rotated
    image, whose numbers mean something else.
    """
    if as_number(region.get("image_rotation") or 0) != 0:
        return None
    width, height = (side / 100 for side in size_wh)
    points = as_points(region.get("points"))
    if points is not None:
        return around_points([(x * width, y * height) for x, y in points])
    is_ellipse = "radiusX" in region
    sides = ("radiusX", "radiusY") if is_ellipse else ("width", "height")
    numbers = as_numbers([region.get(key) for key in ("x", "y", *sides)])
    degrees = as_number(region.get("rotation") or 0)
    if numbers is None or degrees is None:
        return None
    x, w = (number * width for number in numbers[::2])
    y, h = (number * height for number in numbers[1::2])
    if is_ellipse:
        return around_ellipse((x, y), (w, h), degrees)
    if not degrees:
        return x, y, x + w, y + h
    angle = math.radians(degrees)  # y points down: clockwise is positive
    center = (
        x + (w * math.cos(angle) - h * math.sin(angle)) / 2,
        y + (w * math.sin(angle) + h * math.cos(angle)) / 2,
    )
    return around_box(center, (w, h), degrees)
