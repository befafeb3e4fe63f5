"""Batches as a pure function of (seed, epoch, step), prepared ahead by threads.

Three integers say which images a batch holds and how each was augmented, so a
training that stopped goes on with exactly the batches it would have had.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from base.errors import UserError
from data.augment import augment, resize
from data.dataset import Dataset
from data.images import Unreachable

ROWS_STEP = 8  # ours: truth has a multiple of 8 rows, so that few shapes are compiled
AHEAD = 2  # ours: batches that wait ready beside those in the workers' hands
KEPT_BYTES = 512 * 2**20  # ours: decoding is most of the work on a small data set
# ours: training decodes large JPEGs to 2 * size, in a fraction of the time; crops stay
# sharp. measured: docs/performance.md
DETAIL = 2


def use_one_thread_an_image() -> None:
    """For the whole process, where a script starts: images are prepared in parallel."""
    cv2.setNumThreads(1)


def pad_truth(truths: Sequence[np.ndarray], rows: int) -> np.ndarray:
    """(B, rows, 5) float32: each (M_i, 5) followed by rows of zeros."""
    padded = np.zeros((len(truths), rows, 5), np.float32)  # (B, M, 5)
    for i, truth in enumerate(truths):
        if len(truth) > rows:
            raise UserError(f"Image {i} has {len(truth)} boxes, expected <= {rows}.")
        padded[i, : len(truth)] = truth
    return padded


class Batches:
    """Batches of a data set: images uint8 (B, size, size, 3), truth (B, M, 5).

    augmented: True is training: a new order each epoch, SSD's augmentation, only
        full batches (a set smaller than a batch is gone through again). False is
        evaluation: all images in order, the last batch filled up with black.
    workers: threads; None: one per core.
    share: (k, n) prepares of each batch the k-th of n equal parts, what one of n
        machines trains on.

    M, `rows`, is the same for the whole data set. Images that turn out to be
    undecodable are collected in `broken`. In training the next one takes their
    place; in evaluation they are black and without truth. Files that can't be read
    any more raise UserError.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        seed: int = 0,
        augmented: bool = True,
        size: int = 300,
        workers: int | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        if not len(dataset):
            raise UserError(f"{dataset.name} {dataset.split}: no images to batch.")
        if batch_size < 1:
            raise UserError(f"Batch size: expected at least 1, received {batch_size}.")
        if batch_size % share[1]:
            raise UserError(
                f"Batch size {batch_size}: can't be shared by {share[1]} machines."
            )
        part = batch_size // share[1]
        self._rows = slice(share[0] * part, (share[0] + 1) * part)
        self.dataset, self.batch_size, self.seed = dataset, batch_size, seed
        self.augmented, self.size = augmented, size
        self.workers = workers or os.cpu_count() or 1
        most = max(len(sample.truth) for sample in dataset.samples)
        self.rows = max(-(-most // ROWS_STEP), 1) * ROWS_STEP  # M
        self.broken: set[Path] = set()
        pixels = sum(w * h for w, h in (p.size_wh for p in dataset.samples))
        fits = augmented and pixels * 3 <= KEPT_BYTES
        self._kept: dict[int, np.ndarray] | None = {} if fits else None

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches of one epoch."""
        if self.augmented:
            return max(len(self.dataset) // self.batch_size, 1)
        return -(-len(self.dataset) // self.batch_size)

    def count(self, step: int) -> int:
        """How many images of a batch are real, not filling."""
        if self.augmented:
            return self.batch_size
        return min(len(self.dataset) - step * self.batch_size, self.batch_size)

    def indices(self, epoch: int, step: int) -> list[int]:
        """Positions in dataset.images of the count(step) images of a batch."""
        if not 0 <= step < self.steps_per_epoch:
            raise UserError(f"Step {step}: expected 0..{self.steps_per_epoch - 1}.")
        first, num_images = step * self.batch_size, len(self.dataset)
        if not self.augmented:
            return list(range(first, first + self.count(step)))
        order = np.random.default_rng((self.seed, epoch)).permutation(num_images)
        return [int(order[at % num_images]) for at in self._positions(step)]

    def batch(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """One batch, or this share of it; the same bytes whenever it is asked for."""
        pairs = zip(self._positions(step), self.indices(epoch, step), strict=False)
        size = self._rows.stop - self._rows.start
        images = np.zeros((size, self.size, self.size, 3), np.uint8)
        truths = [np.zeros((0, 5), np.float32)] * size
        for row, (at, index) in enumerate(list(pairs)[self._rows]):
            turn = at // len(self.dataset) if self.augmented else 0
            images[row], truths[row] = self._prepare(epoch, index, turn)
        return images, pad_truth(truths, self.rows)

    def epoch(
        self, epoch: int, start_step: int = 0
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of an epoch in order, from start_step on, prepared ahead.

        At most workers + AHEAD batches exist at a time. Closing the generator ends
        its threads.
        """
        steps = iter(range(start_step, self.steps_per_epoch))
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="batches")
        waiting = deque()
        try:
            for step in steps:
                waiting.append(pool.submit(self.batch, epoch, step))
                if len(waiting) >= self.workers + AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _positions(self, step: int) -> range:
        return range(step * self.batch_size, (step + 1) * self.batch_size)

    def _prepare(
        self, epoch: int, index: int, turn: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Image `index` (or the next sound one) as the network gets it.

        turn: how often this epoch has been through a set smaller than a batch.
        """
        found = self._first_sound(index)
        if found is None:
            black = np.zeros((self.size, self.size, 3), np.uint8)
            return black, np.zeros((0, 5), np.float32)
        index, image = found
        sample = self.dataset.samples[index]
        # difficult objects are learned, as in Caffe's training; crowds are not
        truth = sample.truth if sample.crowd is None else sample.truth[~sample.crowd]
        try:
            if not self.augmented:
                return resize(image, truth, self.size)
            rng = np.random.default_rng((self.seed, epoch, index, turn))
            return augment(image, truth, rng, self.size)
        except Exception as error:  # threads lose the place: name the image
            raise RuntimeError(f"{sample.path}: can't be prepared: {error}") from error

    def _first_sound(self, index: int) -> tuple[int, np.ndarray] | None:
        """The first image from index on that can be decoded, and its pixels.

        None: evaluation keeps each image's place, so a broken one stays empty.
        """
        samples = self.dataset.samples
        for offset in range(len(samples) if self.augmented else 1):
            at = (index + offset) % len(samples)
            path = samples[at].path
            if path in self.broken:
                continue
            try:
                return at, self._pixels(at)
            except Unreachable:  # a data set on its way out, not a broken image
                raise
            except UserError:
                self.broken.add(path)
        if all(sample.path in self.broken for sample in samples):
            raise UserError(
                f"{self.dataset.name} {self.dataset.split}: none of the "
                f"{len(samples)} images can be decoded, such as {samples[0].path}."
            )
        return None

    def _pixels(self, index: int) -> np.ndarray:
        """uint8 (H, W, 3); kept in memory when the data set is small enough."""
        if self._kept is not None and index in self._kept:
            return self._kept[index]
        # what is scored is decoded whole, as what is detected on
        min_side = DETAIL * self.size if self.augmented else 0
        image = self.dataset.samples[index].read_image(min_side)
        if self._kept is not None:
            self._kept[index] = image
        return image


def report_unreadable(paths: set[Path]) -> None:
    """A line about the images that turned out to be no images."""
    if paths:
        some = ", ".join(str(path) for path in sorted(paths)[:3])
        print(f"{len(paths)} images could not be read and were left out: {some}")
