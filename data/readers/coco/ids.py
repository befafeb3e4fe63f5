"""Ids of COCO JSON: numbers or texts, each of one image or one category."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from base.errors import UserError
from data.readers.annotation import Problem
from data.readers.files.text import check_names

Id = int | float | str


def checked_categories(path: Path, categories: Sequence[Any]) -> list[Any]:
    """Categories with clean names; UserError where one id has two."""
    names: dict[str, str] = {}
    for category in categories:
        (category.name,) = check_names([category.name or ""], path)
        other = names.setdefault(_text(category.id), category.name)
        if other != category.name:
            raise UserError(
                f"{path}: categories {other!r} and {category.name!r} have one id, "
                f"{category.id!r}; which of them an object is can't be known."
            )
    return list(categories)


def names_by_id(path: Path, images: Sequence[Any]) -> dict[Id, str]:
    """File names by id; UserError where one id has two."""
    names: dict[str, str] = {}
    for image in images:
        other = names.setdefault(_text(image.id), image.file_name)
        if other != image.file_name:
            raise UserError(
                f"{path}: images {other!r} and {image.file_name!r} have one id, "
                f"{image.id!r}; whose an annotation is can't be known."
            )
    return {image.id: image.file_name for image in images}


def _text(number: Id) -> str:
    """An id however it is written: 1, 1.0 and "1" are the same."""
    is_whole = isinstance(number, float) and number.is_integer()
    return str(int(number) if is_whole else number).strip()


def in_both_forms(by_id: dict[Id, str]) -> dict[Id, str]:
    """The same names by numbers and by texts: files mix them."""
    texts = {_text(number): name for number, name in by_id.items()}
    numbers = {int(t): name for t, name in texts.items() if t.isdecimal()}
    return {**numbers, **texts, **by_id}


def id_order(number: Id) -> tuple[bool, float, str]:
    """Numbers first, texts of digits among them."""
    text = _text(number)
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
