"""Pictures per second of anything that detects."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

IMAGE_SIZE = 300  # pixels; SSD300's input
WARM_UP = 3  # ours: calls that compile and fill caches, not timed
ROUNDS = 30  # ours: timed calls; a median needs no more


def measure_fps(
    detect: Callable[[np.ndarray], Any],
    batch_size: int,
    rounds: int = ROUNDS,
    images: np.ndarray | None = None,
) -> dict[str, float]:
    """`fps` (pictures/s at the median call), `latency_ms_p50`, `latency_ms_p99`.

    `detect` takes uint8 (batch_size, 300, 300, 3) RGB and must return finished numbers
    (numpy, or waited for), else only the start of the work is timed. Latency is that of
    one call, thus of a whole batch. Without `images` (uint8 (N, 300, 300, 3), N >= 1,
    repeated to fill the batch) grey noise is shown: a detector that finds something on
    each picture may spend longer in non-maximum suppression.

    >>> sorted(measure_fps(lambda images: images.sum(), batch_size=2, rounds=3))
    ['fps', 'latency_ms_p50', 'latency_ms_p99']
    """
    if batch_size < 1 or rounds < 1:
        raise ValueError(
            "Expected batch_size and rounds of at least 1. Received: "
            f"batch_size={batch_size}, rounds={rounds}"
        )
    batch = _noise(batch_size) if images is None else _fill(images, batch_size)
    for _ in range(WARM_UP):
        detect(batch)
    seconds = np.zeros(rounds)
    for i in range(rounds):
        start = time.perf_counter()
        detect(batch)
        seconds[i] = time.perf_counter() - start
    median, slow = np.percentile(seconds, [50, 99])
    return {
        "fps": float(batch_size / max(median, 1e-9)),
        "latency_ms_p50": float(median * 1e3),
        "latency_ms_p99": float(slow * 1e3),
    }


def _noise(batch_size: int) -> np.ndarray:
    shape = (batch_size, IMAGE_SIZE, IMAGE_SIZE, 3)
    return np.random.default_rng(0).integers(96, 160, shape, dtype=np.uint8)


def _fill(images: np.ndarray, batch_size: int) -> np.ndarray:
    return images[np.arange(batch_size) % len(images)]
