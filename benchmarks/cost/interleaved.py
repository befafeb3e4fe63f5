"""Contestants that take turns, so that a slow minute of the machine is slow for all."""

import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np


def race(
    contestants: Mapping[str, Callable[[int], object]], rounds: int
) -> dict[str, float]:
    """Median seconds of each one's calls; a round calls each once, in drawn order.

    They get the number of the round. One call before the rounds does not count: graphs
    are traced in it, and files come into the disk's cache.
    """
    for call in contestants.values():
        call(0)
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    rng = np.random.default_rng(0)
    for at in range(rounds):
        for name in rng.permutation(list(contestants)):
            started = time.perf_counter()
            contestants[name](at)
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}
