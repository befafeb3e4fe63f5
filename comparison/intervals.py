"""How far chance reaches: mAP50 over images drawn again, the same for all models.

Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 13 (percentile
intervals); a difference is taken draw by draw, thus on the same images. It covers
which images happen to be in the split, not what another seed would have trained.
"""

from collections.abc import Sequence

import numpy as np

from evaluation import Matched

DRAWS = 2000  # Efron & Tibshirani, sec. 13.3: a thousand or more
SHARE = 95  # per cent of the draws inside an interval
BLOCK = 4_000_000  # ours: numbers at a time, some 30 MB


def draw_images(num_images: int, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Int (draws, I): how often each image is in a draw of as many as there are.

    >>> draw_images(3, draws=2).sum(axis=1).tolist()
    [3, 3]
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(num_images, np.full(num_images, 1 / num_images), draws)


def resampled_map(matched: Matched, counts: np.ndarray) -> np.ndarray:
    """mAP50 (draws,) of `counts` (draws, I): what evaluate_voc gives for those lists.

    An image that is drawn twice brings its detections twice, right and wrong as they
    are in one, so nothing is matched again. nan for a draw without any object.
    """
    class_ids = range(1, matched.num_truth.shape[1] + 1)
    values = [_average_precision(matched, counts, class_id) for class_id in class_ids]
    known = np.isfinite(values)  # (C - 1, draws)
    total = np.where(known, values, 0).sum(axis=0)
    empty = np.full(len(counts), np.nan)
    return np.divide(total, known.sum(axis=0), out=empty, where=known.any(axis=0))


def _average_precision(
    matched: Matched, counts: np.ndarray, class_id: int
) -> np.ndarray:
    rows = matched.counted(class_id)
    image, right = matched.image[rows], matched.right[rows]  # (N,) by falling score
    num_truth = counts @ matched.num_truth[:, class_id - 1]  # (draws,)
    hits = np.zeros(len(counts))
    size = max(BLOCK // max(len(image), 1), 1)
    for start in range(0, len(counts), size):
        times = counts[start : start + size, image]  # (draws, N)
        true = np.where(right, times, 0)
        # of a detection that is there several times the last one has its precision
        precision = np.cumsum(true, 1) / np.maximum(np.cumsum(times, 1), 1)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        hits[start : start + size] = (true * envelope).sum(axis=1)
    empty = np.full(len(counts), np.nan)
    return np.divide(hits, num_truth, out=empty, where=num_truth > 0)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The middle 95% of the draws that are numbers.

    >>> interval(np.arange(101.0))
    (2.5, 97.5)
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    tail = (100 - SHARE) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def is_told_apart(
    draws: Sequence[np.ndarray], points: Sequence[Sequence[float]]
) -> bool:
    """Whether two models differ by more than chance.

    `draws`: mAP50 of each over the same draws; `points`: of each one mAP50 per seed.
    The interval of their difference leaves 0 out, and where both have several seeds,
    no seed of the one reaches the other's.
    """
    low, high = interval(draws[0] - draws[1])
    if not (low > 0 or high < 0):
        return False
    one, other = points
    if min(len(one), len(other)) < 2:
        return True
    return min(one) > max(other) or min(other) > max(one)
