"""Large images as overlapping tiles, each as large as what a network was trained on.

A tile is a window of whole pixels: left, top, right, bottom. Neighbours overlap by a
quarter, so an object up to that size lies whole in one of them. The whole image is
the last window: for objects that no tile holds.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from base.boxes import area, intersection, iou
from data.augment import resize, truth_in_window
from data.dataset import Dataset, Sample

OVERLAP = 0.25  # ours: of a tile's side; docs/detection.md
EDGE = 0.01  # ours: of a tile's side; a box that near to an inner edge is cut by it
COVERED = 0.5  # ours: share of a cut box that a whole one covers: the same object
CANDIDATES = 2000  # ours: best boxes of an image that are merged
NO_TRUTH = np.zeros((0, 5), np.float32)


def tile_windows(size_wh: tuple[int, int], tile_px: int) -> np.ndarray:
    """Windows (N, 4) int, row by row, then the whole image; one if it fits a tile.

    >>> tile_windows((500, 300), 300).tolist()
    [[0, 0, 300, 300], [200, 0, 500, 300], [0, 0, 500, 300]]
    >>> tile_windows((200, 300), 300).tolist()
    [[0, 0, 200, 300]]
    """
    width, height = size_wh
    (lefts, wide), (tops, high) = _starts(width, tile_px), _starts(height, tile_px)
    windows = [(x, y, x + wide, y + high) for y in tops for x in lefts]
    if len(windows) > 1:
        windows.append((0, 0, width, height))
    return np.array(windows, int)  # (N, 4)


def _starts(length: int, tile_px: int) -> tuple[list[int], int]:
    """Where tiles begin along a side, evenly, and how long they are."""
    if length <= tile_px:
        return [0], length
    step = tile_px * (1 - OVERLAP)
    count = math.ceil((length - tile_px) / step) + 1
    return np.linspace(0, length - tile_px, count).round().astype(int).tolist(), tile_px


def crop_tiles(image: np.ndarray, windows: np.ndarray, size: int) -> np.ndarray:
    """What each window (N, 4) shows of uint8 (H, W, 3): uint8 (N, size, size, 3)."""
    tiles = np.empty((len(windows), size, size, 3), np.uint8)
    for row, (left, top, right, bottom) in enumerate(windows):
        tiles[row] = resize(image[top:bottom, left:right], NO_TRUTH, size)[0]
    return tiles


def merge_tile_detections(
    found: Sequence[np.ndarray], windows: np.ndarray, iou_threshold: float, top_k: int
) -> np.ndarray:
    """Detections (K, 6) of an image from those (K_i, 6) of its `tile_windows` (N, 4).

    Boxes in 0..1 of their window become boxes in 0..1 of the image. Of several boxes
    of one object one stays: boxes that a tile's inner edge has cut give way to a whole
    one that covers them, the others to the one of the highest score. The whole image
    counts only for objects larger than the overlap.
    """
    if len(windows) == 1:
        return found[0][found[0][:, 0] > 0][:top_k]
    rows, is_cut = _in_pixels(found, windows)  # (K, 6), (K,)
    order = np.argsort(-rows[:, 1], kind="stable")[:CANDIDATES]
    order = order[np.argsort(is_cut[order], kind="stable")]  # whole ones first
    rows, is_cut = rows[order], is_cut[order]
    rows = rows[_stay(rows, is_cut, iou_threshold)]
    rows = rows[np.argsort(-rows[:, 1], kind="stable")][:top_k]
    rows[:, 2:] /= np.tile(windows[-1, 2:], 2)
    return rows.astype(np.float32)


def _in_pixels(
    found: Sequence[np.ndarray], windows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All rows with boxes in pixels of the image, and which boxes were cut."""
    tile = windows[0, 2:] - windows[0, :2]  # width, height
    parts, cuts = [], []
    for detections, window in zip(found, windows, strict=True):
        rows = detections[detections[:, 0] > 0].astype(np.float64)
        side = np.tile(window[2:] - window[:2], 2)
        inner = window != windows[-1]  # (4,): edges that aren't the image's
        near = np.concatenate([rows[:, 2:4] < EDGE, rows[:, 4:] > 1 - EDGE], axis=1)
        rows[:, 2:] = rows[:, 2:] * side + np.tile(window[:2], 2)
        parts.append(rows)
        cuts.append((near & inner).any(axis=1))
    whole = parts[-1]
    is_large = ((whole[:, 4:] - whole[:, 2:4]) > OVERLAP * tile).any(axis=1)
    parts[-1], cuts[-1] = whole[is_large], cuts[-1][is_large]
    return np.concatenate(parts), np.concatenate(cuts)


def _stay(rows: np.ndarray, is_cut: np.ndarray, iou_threshold: float) -> np.ndarray:
    """Indices of the rows that no row before them, which stays, stands for."""
    boxes = rows[:, 2:]
    same = iou(boxes[:, None], boxes) > iou_threshold  # (K, K)
    covered = intersection(boxes[:, None], boxes) > COVERED * area(boxes)
    same |= covered & is_cut & ~is_cut[:, None]  # column is covered
    same &= rows[:, None, 0] == rows[None, :, 0]
    gone = np.zeros(len(rows), bool)
    for row in range(len(rows)):
        if not gone[row]:
            gone[row + 1 :] |= same[row, row + 1 :]
    return np.flatnonzero(~gone)


def median_image_side(dataset: Dataset) -> int:
    """The median side in pixels of a data set's images, as squares of their area."""
    sides = [math.sqrt(math.prod(sample.size_wh)) for sample in dataset.samples]
    return round(float(np.median(sides)))


def tile_dataset(dataset: Dataset, tile_px: int) -> Dataset:
    """The data set whose images are tiles of those given.

    A tile has the boxes whose centre it holds, cut at its edges, as SSD's own crops
    have. Of each image's tiles without objects as many stay as there are with
    objects, one at least, evenly spread: ground alone would drown the rest.
    """
    tiles = [tile for p in dataset.samples for tile in _tiles(p, tile_px)]
    note = f"{len(dataset)} images cut into {len(tiles)} tiles of {tile_px} pixels"
    return replace(dataset, samples=tiles, notes=[*dataset.notes, note])


def _tiles(sample: Sample, tile_px: int) -> list[Sample]:
    windows = tile_windows(sample.size_wh, tile_px)
    windows = windows[:-1] if len(windows) > 1 else windows
    tiles = [_tile(sample, window) for window in windows]
    empty = [number for number, tile in enumerate(tiles) if not len(tile.truth)]
    num_kept = min(max(len(tiles) - len(empty), 1), len(empty))
    spread = np.linspace(0, len(empty) - 1, num_kept).round()
    kept = {empty[int(at)] for at in spread}
    return [t for number, t in enumerate(tiles) if len(t.truth) or number in kept]


def _tile(sample: Sample, window: np.ndarray) -> Sample:
    share = window / np.tile(sample.size_wh, 2)
    crowd = sample.crowd if sample.crowd is not None else 0 * sample.difficult
    marked = np.column_stack([sample.truth, sample.difficult, crowd])  # (M, 7)
    marked = truth_in_window(marked, share)
    left, top, right, bottom = (int(edge) for edge in window)
    return Sample(
        path=sample.path,
        size_wh=(right - left, bottom - top),
        truth=marked[:, :5],
        difficult=marked[:, 5] > 0,
        crowd=marked[:, 6] > 0,
        window_px=(left, top, right, bottom),
    )
