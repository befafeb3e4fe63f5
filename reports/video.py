"""Videos with boxes: MPEG-4 files at the source's frame rate."""

import os
from pathlib import Path

import cv2
import numpy as np

# what opencv-python's own FFmpeg can write into .mp4; it has no H.264 encoder
CODEC = "mp4v"


class VideoFile:
    """A video that is written frame by frame and appears, playable, when it is closed.

    `path`: where; until then it is PATH's folder/.NAME.tmp.mp4. All frames get the size
    of the first. OSError where it can't be written.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self.path, self.fps = path, fps
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
        self._writer: cv2.VideoWriter | None = None
        self._size_wh = (0, 0)
        self._last: np.ndarray | None = None
        self._next = 0  # index of the frame that is written next

    def write(self, image: np.ndarray, index: int) -> None:
        """Add uint8 (H, W, 3) RGB as frame `index` of the source.

        Where frames since the last call were passed over, that one is shown so long:
        the video keeps the time of its source.
        """
        if self._writer is None:
            self._open(image)
            self._next = index
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if (bgr.shape[1], bgr.shape[0]) != self._size_wh:
            bgr = cv2.resize(bgr, self._size_wh)
        while self._next < index:
            self._write(self._last)
        self._write(bgr)
        self._last = bgr

    def close(self) -> None:
        """Finish the file; without a frame there is none."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None
            self._temporary.replace(self.path)

    def _open(self, image: np.ndarray) -> None:
        self._size_wh = (image.shape[1], image.shape[0])
        code = cv2.VideoWriter_fourcc(*CODEC)
        writer = cv2.VideoWriter(str(self._temporary), code, self.fps, self._size_wh)
        if not writer.isOpened():
            raise OSError(f"{self.path}: a video can't be written there.")
        self._writer = writer

    def _write(self, bgr: np.ndarray) -> None:
        self._writer.write(bgr)
        self._next += 1
