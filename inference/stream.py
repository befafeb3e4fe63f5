"""Frames through a detector, while others are read, cut and resized in a thread."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from base.background import prefetch
from inference.detector import Detector, Prepared
from inference.sources import Frame

GROUP_BYTES = 128 * 2**20  # ours: pixels of one group; three groups are in memory
NOTHING = np.zeros((0, 6), np.float32)


class _Seen(NamedTuple):
    """A frame; prepared is None where it shows the boxes of the frame before it."""

    frame: Frame
    prepared: Prepared | None


def detect_frames(
    detector: Detector, frames: Iterable[Frame], every: int = 1
) -> Iterator[tuple[Frame, np.ndarray]]:
    """Each frame with its detections (K, 6): class, score, corners in 0..1.

    every: of a video, the network sees every Nth frame; those between keep its boxes.
    Reading and resizing go on in a thread while the network works, a group ahead.
    """
    shown = NOTHING
    for group in prefetch(_groups(detector, frames, every), 1):
        prepared = [seen.prepared for seen in group if seen.prepared is not None]
        found = iter(detector.detect(prepared))
        for frame, is_detected in ((s.frame, s.prepared is not None) for s in group):
            if is_detected:
                shown = next(found)
            yield frame, shown


def _groups(
    detector: Detector, frames: Iterable[Frame], every: int
) -> Iterator[list[_Seen]]:
    """Frames of which the network gets one batch, or as many as GROUP_BYTES hold.

    What comes live is not kept waiting for others; tiles fill a batch by themselves.
    """
    group: list[_Seen] = []
    num_prepared = num_bytes = 0
    last = None
    for frame in frames:
        if _is_due(frame, last, every):
            last = frame
            group.append(_Seen(frame, detector.prepare(frame.image)))
            num_prepared += len(group[-1].prepared.tiles)
        else:
            group.append(_Seen(frame, None))
        num_bytes += frame.image.nbytes
        is_full = num_prepared >= detector.batch_size or num_bytes >= GROUP_BYTES
        if is_full or frame.live:
            yield group
            group, num_prepared, num_bytes = [], 0, 0
    if group:
        yield group


def _is_due(frame: Frame, last: Frame | None, every: int) -> bool:
    """Whether the network is to see a frame, `last` being the one it saw before."""
    if last is None or frame.source is not last.source or not frame.fps:
        return True
    return frame.index - last.index >= every
