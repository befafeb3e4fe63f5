"""A progress bar for what takes longer than some seconds, on a terminal; threads."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
R = TypeVar("R")
SECONDS = 3.0  # ours: shorter work shows nothing
READ_THREADS = 8  # ours: they wait for the disk; 0.7 ms a file once it is in memory


def progress(items: Iterable[T], total: int, words: str) -> Iterator[T]:
    """The items; a bar with their number on standard error, where that is a terminal.

    >>> list(progress(iter("ab"), 2, "letters read"))
    ['a', 'b']
    """
    yield from tqdm(
        items, words, total, delay=SECONDS, leave=False, disable=not sys.stderr.isatty()
    )


def map_in_threads(
    function: Callable[[T], R],
    items: Sequence[T],
    words: str = "",
    threads: int = READ_THREADS,
) -> Iterator[R]:
    """What `function` gives for each item, in order; with words, a `progress` bar."""
    with ThreadPoolExecutor(threads) as pool:
        found = pool.map(function, items)
        yield from progress(found, len(items), words) if words else found
