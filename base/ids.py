"""Ids that are numbers in one file and texts in another."""

from collections.abc import Mapping
from typing import TypeVar

Id = int | float | str
Value = TypeVar("Value")


def id_text(number: Id) -> str:
    """An id however it is written: 1, 1.0 and "1" are the same."""
    is_whole = isinstance(number, float) and number.is_integer()
    return str(int(number) if is_whole else number).strip()


def in_both_forms(by_id: Mapping[Id, Value]) -> dict[Id, Value]:
    """The same values by numbers and by texts: files mix them.

    A number is first the text that is written so, 1 that of "1"; else the only one that
    means it, "01" but not "01" or "001".
    """
    texts = {id_text(number): value for number, value in by_id.items()}
    exact = {
        number: alike & {str(number)} or alike
        for number, alike in texts_by_number(by_id).items()
    }
    numbers = {n: texts[min(same)] for n, same in exact.items() if len(same) == 1}
    return {**numbers, **texts, **by_id}


def texts_by_number(by_id: Mapping[Id, object]) -> dict[int, set[str]]:
    """Of each number the ids that mean it, as texts: 1 of "1", "01" and 1.0."""
    found: dict[int, set[str]] = {}
    for text in map(id_text, by_id):
        if text.isdecimal():
            found.setdefault(int(text), set()).add(text)
    return found
