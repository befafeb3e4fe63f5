"""A progress bar for what takes longer than some seconds, on a terminal."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS = 3.0  # ours: shorter work shows nothing


def progress(items: Iterable[T], total: int, words: str) -> Iterator[T]:
    """The items; a bar with their number on standard error, where that is a terminal.

    >>> list(progress(iter("ab"), 2, "letters read"))
    ['a', 'b']
    """
    yield from tqdm(
        items,
        words,
        total,
        delay=SECONDS,
        leave=False,
        disable=not sys.stderr.isatty(),
    )
