"""What detect.py leaves in its folder; nothing that is there is overwritten.

NAME.jpg, NAME.mp4          the image or video with its boxes
labels/NAME.txt             YOLO: class from 0, centre, width, height in 0..1
labels/NAME_000012.txt      the same for frame 12 of a video
labels/classes.txt          the class names in their order
crops/CLASS/NAME.jpg        what each box shows
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from base.boxes import to_whole_pixels
from base.errors import UserError
from base.files import numbered_names
from evaluation import ResultsFile
from inference.sources import Frame, MediaSource
from reports import VideoFile, draw_detections, write_image
from reports.image_encoding import MAX_SIDES


class Outputs:
    """Writes each frame's detections in every form that was asked for.

    json: a file for COCO results, or - for standard output. tell: hears a line for each
    image that no file can hold. UserError where the
    folder can't be made or has labels of other classes.

    A context: leaving it, for whatever reason, finishes video and results.
    """

    def __init__(
        self,
        folder: Path,
        class_names: Sequence[str],
        json: str | None = None,
        labels: bool = False,
        crops: bool = False,
        tell: Callable[[str], None] = print,
    ) -> None:
        self.folder, self.class_names = folder, class_names
        self._labels, self._crops, self._tell = labels, crops, tell
        self._source: MediaSource | None = None
        self._video: VideoFile | None = None
        self._stem = self._suffix = ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if labels:
                self._write_class_names(folder / "labels" / "classes.txt")
        except OSError as error:
            raise UserError(f"--output {folder}: {error}") from error
        self._results = json and ResultsFile(None if json == "-" else Path(json))

    def __enter__(self) -> "Outputs":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._end_video()
        finally:
            if self._results:
                self._results.close()

    def write(self, frame: Frame, detections: np.ndarray) -> np.ndarray:
        """Write a frame with its detections (K, 6); returns it with boxes drawn."""
        if frame.source is not self._source:
            self._begin(frame)
        if self._results:  # first: whatever can't be drawn is in it
            size_wh = (frame.image.shape[1], frame.image.shape[0])
            self._results.add(detections, size_wh, frame.image_id)
        drawn = draw_detections(frame.image, detections, self.class_names)
        if self._video:
            self._video.write(drawn, frame.index)
        else:
            self._write_image(drawn)
        stem = f"{self._stem}_{frame.index:06d}" if frame.fps else self._stem
        if self._labels:
            text = yolo_text(detections)
            (self.folder / "labels" / f"{stem}.txt").write_text(text, "utf-8")
        if self._crops:
            self._write_crops(frame.image, detections, stem)
        return drawn

    def _write_image(self, drawn: np.ndarray) -> None:
        try:
            write_image(self.folder / f"{self._stem}{self._suffix}", drawn)
        except UserError as error:
            self._tell(str(error))

    def _begin(self, frame: Frame) -> None:
        self._end_video()
        self._source = frame.source
        # a PNG where it is longer than a JPEG may be
        is_long = max(frame.image.shape) > MAX_SIDES[".jpg"]
        self._suffix = suffix = ".mp4" if frame.fps else ".png" if is_long else ".jpg"
        self._stem = self._free_stem(Path(frame.source.name).stem, suffix)
        if frame.fps:
            self._video = VideoFile(self.folder / f"{self._stem}{suffix}", frame.fps)

    def _end_video(self) -> None:
        if self._video:
            video, self._video = self._video, None
            video.close()

    def _free_stem(self, stem: str, suffix: str) -> str:
        """The name, with a number where files of earlier runs have it."""
        for free in numbered_names(stem):
            names = [f"{free}{suffix}"]
            if self._labels:
                names += [f"labels/{free}.txt", f"labels/{free}_000000.txt"]
            if not any((self.folder / name).exists() for name in names):
                return free

    def _write_class_names(self, path: Path) -> None:
        text = "".join(f"{name}\n" for name in self.class_names)
        if path.exists() and path.read_text("utf-8") != text:
            raise UserError(
                f"--save-txt: {path} is there and holds other classes; give another "
                "--output."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def _write_crops(
        self, image: np.ndarray, detections: np.ndarray, stem: str
    ) -> None:
        edges = to_whole_pixels(detections[:, 2:], (image.shape[1], image.shape[0]))
        for (left, top, right, bottom), row in zip(edges, detections, strict=True):
            name = re.sub(r"[^\w .-]", "_", self.class_names[int(row[0]) - 1])
            folder = self.folder / "crops" / (name.strip(". ") or "_")
            folder.mkdir(parents=True, exist_ok=True)
            paths = (folder / f"{name}.jpg" for name in numbered_names(stem))
            path = next(path for path in paths if not path.exists())
            part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
            if part.size:
                write_image(path, part)


def yolo_text(detections: np.ndarray) -> str:
    """A line per detection: class from 0, centre x and y, width, height in 0..1."""
    low, high = detections[:, 2:4], detections[:, 4:]
    rows = np.hstack([detections[:, :1] - 1, (low + high) / 2, high - low])
    return "".join("{:.0f} {:.6f} {:.6f} {:.6f} {:.6f}\n".format(*row) for row in rows)
