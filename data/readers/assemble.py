"""From sources to one Dataset: numbers the classes, mends or drops bad boxes."""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from base import grouped
from base.errors import UserError
from data.dataset import Dataset, Sample, truth_array
from data.progress import map_in_threads
from data.readers.annotation import (
    Annotated,
    AnnotationSource,
    Missing,
    Object,
    Problem,
)
from data.readers.files.edges import valid_edges
from data.readers.files.paths import unread_kinds
from data.readers.files.text import MISSING, check_names, clean_name
from data.readers.splits import SplitAssignment, choose


class _Read(NamedTuple):
    """What one key came to; kept is None where the image was left out."""

    kept: Any
    problems: Sequence[str] = ()
    unknown_names: Sequence[str] = ()
    num_left_out: int = 0
    missing: Missing | None = None
    path: Path | None = None


def read_split(
    sources: Sequence[AnnotationSource],
    split: str,
    class_names: Sequence[str] | None = None,
) -> Dataset:
    """One split of several sources, as one Dataset; see `formats.read_dataset`."""
    with _collector_paused():
        given = class_names is not None
        names = check_names(class_names, "--classes") if given else names_of(sources)
        dataset = read_chosen(choose(sources, split), split, names, image_of)
    _check_usable(dataset, sources)
    return dataset


@contextmanager
def _collector_paused() -> Iterator[None]:
    # millions of small objects and no cycles: Python would look through all of them
    # again and again, a tenth of the time of benchmarks/cost/coco_json.py
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_chosen(
    chosen: SplitAssignment,
    split: str,
    class_names: Sequence[str],
    keep: Callable[[Annotated, dict[str, int]], Any],
) -> Dataset:
    """The chosen images as a Dataset.

    keep: makes the entries of `Dataset.samples` from sound annotations (edges within
        the image, classes known) and the numbers of the classes.
    """
    indices = {name: index for index, name in enumerate(class_names, start=1)}
    parts = [
        (source, _each_image_once(_read_all(source, keys, indices, keep)))
        for source, keys in chosen.keys
    ]
    reads = [read for _, part in parts for read in part]
    lines, num_missing = _missing_lines(parts)
    whole = list(
        dict.fromkeys(
            line
            for source, keys in chosen.keys
            for line in _problems_of(source, split, keys)
        )
    )
    only = parts[0][0] if len(parts) == 1 else None  # of several, ids would differ
    num_refused = sum(read.kept is None and read.missing is None for read in reads)
    return Dataset(
        name="+".join(dict.fromkeys(s.root.resolve().name for s, _ in parts)),
        split=split,
        class_names=list(class_names),
        samples=[read.kept for read in reads if read.kept is not None],
        problems=[line for read in reads for line in read.problems]
        + _unknown_lines(reads, class_names)
        + lines
        + [line for line in whole if line.severity != "note"],
        notes=chosen.notes + [line for line in whole if line.severity == "note"],
        num_images_left_out=num_refused + num_missing,
        num_objects_left_out=sum(read.num_left_out for read in reads)
        + sum(line.num_objects for line in whole),
        format_name=" + ".join(dict.fromkeys(s.format_name for s, _ in parts)),
        split_was_made=chosen.made,
        category_ids=getattr(only, "category_ids", dict)(),
    )


def _each_image_once(reads: list[_Read]) -> list[_Read]:
    """Two annotations of one image: which of them is right can't be known."""
    counts = Counter(read.path for read in reads if read.path)
    if all(count == 1 for count in counts.values()):
        return reads
    seen: set[Path] = set()
    return [_claimed(r, seen) if counts[r.path] > 1 and r.path else r for r in reads]


def _claimed(read: _Read, seen: set[Path]) -> _Read:
    text = (
        f"{read.path}: two annotations name this image, which of them is right can't "
        "be known. Left out."
    )
    problems = [] if read.path in seen else [Problem(text, "image-twice")]
    seen.add(read.path)
    return _Read(None, problems)


def image_of(annotated: Annotated, indices: dict[str, int]) -> Sample:
    """The Image of sound annotations: edges within it, classes known."""
    width, height = annotated.size_wh
    objects = annotated.objects
    rows = [
        (x0 / width, y0 / height, x1 / width, y1 / height, indices[item.name])
        for item in objects
        for x0, y0, x1, y1 in (item.edges_px,)
    ]
    areas_px = None
    if any(item.area_px is not None for item in objects):
        areas_px = np.array([_area_px(item) for item in objects])
    return Sample(
        annotated.path,
        annotated.size_wh,
        truth_array(rows),
        np.array([item.difficult or item.crowd for item in objects], bool),
        crowd=np.array([item.crowd for item in objects], bool),
        areas_px=areas_px,
        image_id=annotated.image_id,
    )


def _area_px(item: Object) -> float:
    if item.area_px is not None:
        return item.area_px
    left, top, right, bottom = item.edges_px
    return (right - left) * (bottom - top)


def names_of(sources: Sequence[AnnotationSource]) -> list[str]:
    """Class names of all sources: in their own order where one has it, else sorted."""
    names = dict.fromkeys(name for source in sources for name in _names_of(source))
    ordered = any(source.names_have_order for source in sources)
    return list(names) if ordered else sorted(names)


def _names_of(source: AnnotationSource) -> list[str]:
    """Without those that are missing; a list of classes means what stands in it."""
    missing = ("",) if source.names_have_order else MISSING
    names = check_names(source.class_names(), source.root)
    return [name for name in names if name not in missing]


def _read_all(
    source: AnnotationSource,
    keys: Sequence[str],
    indices: dict[str, int],
    keep: Callable,
) -> list[_Read]:
    def read(key: str) -> _Read:
        return _read(source, key, indices, keep)

    return list(map_in_threads(read, keys, f"{source.root.name}: annotations read"))


def _read(
    source: AnnotationSource, key: str, indices: dict[str, int], keep: Callable
) -> _Read:
    try:
        annotated = source.read(key)
    except Missing as missing:
        return _Read(None, missing=missing)
    except UserError as error:
        return _Read(None, [Problem(f"{error} Left out.")])
    problems = list(annotated.problems)
    unknown, sound = [], []
    num_nameless = 0
    for item in annotated.objects:
        if item.name not in indices or item.rejected:
            item, line = _named(item, indices)
            problems += [line] * bool(line)
            if item is None:
                num_nameless += line.id == "name-missing"
                continue
            if item.name not in indices:
                unknown.append(item.name)
                continue
        edges_px, problem = valid_edges(item, annotated.size_wh)
        if problem:
            severity = "error" if edges_px is None else "warning"
            line = f"{item.where} ({item.name}): {problem}"
            problems.append(Problem(line, severity=severity))
        if edges_px:
            is_same = edges_px is item.edges_px
            sound.append(item if is_same else item._replace(edges_px=edges_px))
    num_left_out = len(annotated.objects) - len(sound)
    path = annotated.path
    if num_nameless and not sound:
        text = f"{path}: left out; its objects have no class name, so it is not empty."
        problems.append(Problem(text, "name-missing"))
        return _Read(None, problems, unknown, num_left_out)
    kept = keep(annotated._replace(objects=sound), indices)
    return _Read(kept, problems, unknown, num_left_out, path=path)


def _named(
    item: Object, indices: dict[str, int]
) -> tuple[Object | None, Problem | None]:
    """The object under its cleaned name, or None and why it is left out."""
    if item.rejected:
        return None, Problem(f"{item.where}: {item.rejected}")
    name = clean_name(item.name)
    if name in MISSING and name not in indices:
        return None, Problem(f"{item.where}: no class name; left out.", "name-missing")
    return item._replace(name=name), None


def _unknown_lines(reads: Iterable[_Read], class_names: Sequence[str]) -> list[str]:
    """One line for each class name that isn't in the list."""
    counts = Counter(name for read in reads for name in read.unknown_names)
    lines = []
    for name, count in sorted(counts.items()):
        close = get_close_matches(name, class_names, n=1)
        hint = f" (closest: {close[0]!r})" if close else ""
        text = f"which is not among the class names{hint}; left out."
        lines.append(Problem(f"{count} objects of class {name!r}, {text}"))
    return lines


def _problems_of(
    source: AnnotationSource, split: str, keys: Sequence[str]
) -> list[Problem]:
    """What the source tells, if it tells anything."""
    found = source.problems(split) if hasattr(source, "problems") else []
    return found + (source.problems_of(keys) if hasattr(source, "problems_of") else [])


def _missing_lines(
    parts: Iterable[tuple[AnnotationSource, Sequence[_Read]]],
) -> tuple[list[str], int]:
    """A line for each source and kind of thing that isn't there; how many in all."""
    lines, num_missing = [], 0
    for source, reads in parts:
        used = {read.path for read in reads if read.path}
        lacking = (read.missing for read in reads if read.missing)
        kinds = grouped((m.what, m.name) for m in lacking if m.path not in used)
        for what, names in kinds.items():
            text = f"{len(names)} {what}, the first is {names[0]!r}; left out."
            lines.append(Problem(f"{source.root}: {text}"))
            num_missing += len(names)
    return lines, num_missing


def _check_usable(dataset: Dataset, sources: Sequence[AnnotationSource]) -> None:
    if dataset.samples and dataset.class_names:
        return
    seen = "; ".join(f"{source.root}: {source.format_name}" for source in sources)
    lacking = "images" if not dataset.samples else "class names"
    first = f" First problem: {dataset.problems[0]}" if dataset.problems else ""
    kinds = "".join(unread_kinds(Path(source.root)) for source in sources)
    raise UserError(
        f"Nothing usable in split {dataset.split!r}: no {lacking}. Read {seen}.{first}"
        f"{kinds}"
    )
