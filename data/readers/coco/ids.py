"""Ids of COCO JSON: numbers or texts, each of one image or one category."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from base.errors import UserError
from base.ids import Id, id_text
from data.readers.annotation import Problem
from data.readers.files.text import check_names


def checked_categories(path: Path, categories: Sequence[Any]) -> list[Any]:
    """Categories with clean names; UserError where one id has two."""
    for category in categories:
        (category.name,) = check_names([category.name or ""], path)
    pairs = [(category.id, category.name) for category in categories]
    _check_ids(f"{path}: categories", pairs, "which of them an object is")
    return list(categories)


def names_by_id(path: Path, images: Sequence[Any]) -> dict[Id, str]:
    """File names by id; UserError where one id has two."""
    pairs = [(image.id, image.file_name) for image in images]
    _check_ids(f"{path}: images", pairs, "whose an annotation is")
    return dict(pairs)


def _check_ids(what: str, pairs: Iterable[tuple[Id, str]], unknown: str) -> None:
    names: dict[str, str] = {}
    for number, name in pairs:
        other = names.setdefault(id_text(number), name)
        if other != name:
            raise UserError(
                f"{what} {other!r} and {name!r} have one id, {number!r}; {unknown} "
                "can't be known."
            )


def id_order(number: Id) -> tuple[bool, float, str]:
    """Numbers first, texts of digits among them."""
    text = id_text(number)
    is_number = not isinstance(number, str) or text.isdecimal()
    return not is_number, float(text) if is_number else 0.0, text


def twice_lines(path: Path, images: Sequence[Any]) -> list[Problem]:
    counts = Counter(image.file_name for image in images)
    twice = [name for name, count in counts.items() if count > 1]
    if not twice:
        return []
    text = (
        f"{path}: {len(twice)} images stand in it under several ids, the first is "
        f"{twice[0]!r}; their boxes are put together."
    )
    return [Problem(text, "image-twice", "warning")]
