"""Images per second of anything that detects."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from base.constants import IMAGE_SIZE
from base.errors import UserError

DetectionLayer = Callable[[np.ndarray], Any]
WARM_UP = 3  # ours: calls that compile and fill caches, not timed
ROUNDS = 30  # ours: timed calls; a median needs no more
FEWEST, PATIENCE = 5, 30.0  # ours: rounds at least; seconds for each that is timed
NORMAL_95 = 1.96  # quantile of the normal distribution


def measure_fps(
    detect: DetectionLayer,
    batch_size: int,
    rounds: int = ROUNDS,
    images: np.ndarray | None = None,
) -> dict[str, float]:
    """`fps` (images/s at the median call), `latency_ms_p50`, `latency_ms_p99`.

    `fps_low` and `fps_high` are the ends of the 95% interval of that median.

    `detect` takes uint8 (batch_size, 300, 300, 3) RGB and must return finished numbers
    (numpy, or waited for), else only the start of the work is timed. Latency is that of
    one call, thus of a whole batch. Without `images` (uint8 (N, 300, 300, 3), N >= 1,
    repeated to fill the batch) grey noise is shown: a detector that finds something on
    each image may spend longer in non-maximum suppression.

    >>> sorted(measure_fps(lambda images: images.sum(), batch_size=2, rounds=3))
    ['fps', 'fps_high', 'fps_low', 'latency_ms_p50', 'latency_ms_p99']
    """
    return race([detect], batch_size, rounds, images)[0]


def race(
    detects: Sequence[DetectionLayer],
    batch_size: int,
    rounds: int = ROUNDS,
    images: np.ndarray | None = None,
) -> list[dict[str, float]]:
    """The figures of `measure_fps` for each of several, side by side.

    A round calls each of them once, in an order of its own: whatever else the machine
    does, and however warm it is, meets all alike. After FEWEST rounds heavy networks
    end before `rounds`, when PATIENCE is over.

    >>> len(race([np.sum, np.max], batch_size=2, rounds=3))
    2
    """
    if batch_size < 1 or rounds < 1:
        raise UserError(
            "Expected batch_size and rounds of at least 1. Received: "
            f"batch_size={batch_size}, rounds={rounds}"
        )
    if images is None:
        shape = (batch_size, IMAGE_SIZE, IMAGE_SIZE, 3)
        images = np.random.default_rng(0).integers(96, 160, shape, dtype=np.uint8)
    batch = images[np.arange(batch_size) % len(images)]
    for detect in detects:
        for _ in range(WARM_UP):
            detect(batch)
    seconds = np.zeros((rounds, len(detects)))
    rng = np.random.default_rng(0)
    for done, times in enumerate(seconds):
        if done >= FEWEST and seconds[:done].sum() > PATIENCE * len(detects):
            seconds = seconds[:done]
            break
        for i in rng.permutation(len(detects)):
            start = time.perf_counter()
            detects[i](batch)
            times[i] = time.perf_counter() - start
    return [_figures(column, batch_size) for column in seconds.T]


def _figures(seconds: np.ndarray, batch_size: int) -> dict[str, float]:
    # the calls between which a median lies: Conover, "Practical Nonparametric
    # Statistics", 3rd ed., sec. 3.2, by the normal approximation
    reach = 100 * NORMAL_95 * 0.5 / np.sqrt(len(seconds))
    ends = np.clip([50 - reach, 50 + reach], 0, 100)
    shares = [ends[0], 50, ends[1], 99]
    quick, median, slow, slowest = np.percentile(seconds, shares).tolist()
    return {
        "fps": batch_size / max(median, 1e-9),
        "fps_low": batch_size / max(slow, 1e-9),
        "fps_high": batch_size / max(quick, 1e-9),
        "latency_ms_p50": median * 1e3,
        "latency_ms_p99": slowest * 1e3,
    }
