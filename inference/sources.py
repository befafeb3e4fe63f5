"""Whatever shows images, as one stream of frames: files, folders, videos, cameras.

    sources = find_sources(["photos", "clip.mp4", "0", "rtsp://camera/1"])
    for frame in read_frames(sources, print): ...

OpenCV decodes videos with the FFmpeg inside it. Nothing is kept: a frame is read when
it is asked for.
"""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np

from base import grouped
from base.background import prefetch
from base.errors import UserError
from data.images import SUFFIXES, is_image_name, read_image
from data.readers.files.text import read_lines

# ours: containers that FFmpeg reads and that cameras and editors write
VIDEO_SUFFIXES = (
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"),
    *(".wmv", ".ts", ".m2ts", ".mts"),
)
SHOWN_SUFFIXES = SUFFIXES + VIDEO_SUFFIXES
# ours: protocols that the FFmpeg inside OpenCV opens
SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp")
DEFAULT_FPS = 25.0  # ours: where a stream does not tell, or tells nonsense
MAX_FPS = 240.0  # ours: above it a stream tells its clock (1000, 90000), not its rate
OPEN_MS = READ_MS = 10_000  # ours: a camera that is silent for so long is gone
SHORT = 0.9  # ours: containers estimate; below this share a video was cut off

WHAT_IS_TAKEN = (
    "an image, a folder, a pattern such as 'a/*.jpg', a text file of paths, a video, "
    "the number of a camera, or an rtsp:// or http:// address"
)


@dataclass(frozen=True)
class MediaSource:
    """One thing that gives frames: `kind` is image, video, camera or stream.

    `address` is a path, a camera's number or a URL. `longer_name`: with folders in
    front, where another source has the same name.
    """

    kind: str
    address: str
    longer_name: str = ""

    @property
    def name(self) -> str:
        """What its files are called after: a file's name, `camera0`, `stream`."""
        if self.kind == "camera":
            return f"camera{self.address}"
        if self.kind == "stream":
            return Path(urlsplit(self.address).path).name or "stream"
        return Path(self.address).name

    def __str__(self) -> str:
        """For messages: without the password that an address may hold."""
        if self.kind != "stream" or "@" not in self.address:
            return self.address
        parts = urlsplit(self.address)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


@dataclass(frozen=True)
class Frame:
    """An image, or one frame of something that moves.

    image: uint8 (H, W, 3) RGB, upright.
    index: 0 for an image; counts a video's frames from 0, those too that a camera's
        reader dropped.
    fps: frames per second of a video, camera or stream; 0 for an image.
    live: it comes when it comes; frames that nobody is ready for are dropped.
    """

    image: np.ndarray
    source: MediaSource
    index: int = 0
    fps: float = 0.0
    live: bool = False

    @property
    def image_id(self) -> str:
        """An image's name, x/a.jpg beside y/a.jpg; NAME#INDEX for a video's frame."""
        name = self.source.longer_name or self.source.name
        return f"{name}#{self.index}" if self.fps else name


def find_sources(given: Sequence[str]) -> list[MediaSource]:
    """What the command line names, in its order, once; each WHAT_IS_TAKEN.

    UserError where something named is not there or holds no images. Whether files
    can be read shows when they are.
    """
    places: dict[str, MediaSource] = {}
    for source in (source for text in given for source in _find(text)):
        places.setdefault(_place(source), source)
    return _told_apart(places)


def _place(source: MediaSource) -> str:
    """Where a source is, however that was written."""
    if source.kind in ("camera", "stream"):
        return str(source)
    # Path's own take a second for 100,000 files
    return os.path.abspath(source.address).replace(os.sep, "/")  # noqa: PTH100


def _told_apart(places: dict[str, MediaSource]) -> list[MediaSource]:
    """The sources; those of one name with as many folders in front as differ."""
    same = grouped((source.name, place) for place, source in places.items())
    for group in (group for group in same.values() if len(group) > 1):
        names = _different_ends([place.split("/") for place in group])
        for place, longer_name in zip(group, names, strict=True):
            places[place] = replace(places[place], longer_name=longer_name)
    return list(places.values())


def _different_ends(paths: Sequence[Sequence[str]]) -> list[str]:
    """The last parts of paths, as few as tell all of them apart.

    >>> _different_ends([["x", "1", "a"], ["x", "2", "a"]])
    ['1/a', '2/a']
    """
    lengths = range(1, max(map(len, paths)) + 1)
    ends = (["/".join(path[-length:]) for path in paths] for length in lengths)
    return next(names for names in ends if len(set(names)) == len(paths))


def _find(text: str) -> list[MediaSource]:
    path = Path(text)
    if "://" in text:
        return [_stream(text)]
    if path.is_dir():
        problem = f"{path}: no images or videos in this folder; expected files ending"
        return _shown(path.iterdir(), f"{problem} in {', '.join(SHOWN_SUFFIXES)}.")
    if path.is_file():
        return _listed(path) if path.suffix.lower() == ".txt" else [_file(text)]
    if text.isdecimal():
        return [MediaSource("camera", text)]
    if glob.has_magic(text):
        names = glob.glob(text, recursive=True)  # noqa: PTH207, Path's refuses "/a/*"
        problem = f"{text}: no image or video matches this pattern."
        return _shown(map(Path, names), problem)
    raise UserError(f"{text}: there is no such file. Expected {WHAT_IS_TAKEN}.")


def _stream(text: str) -> MediaSource:
    scheme = urlsplit(text).scheme.lower()
    if scheme not in SCHEMES:
        raise UserError(
            f"{scheme}://: expected an address that begins with "
            f"{'://, '.join(SCHEMES)}://."
        )
    return MediaSource("stream", text)


def _file(text: str) -> MediaSource:
    return MediaSource("video" if _is_video(text) else "image", text)


def _is_video(name: str) -> bool:
    return name.lower().endswith(VIDEO_SUFFIXES)


def _shown(paths: Iterable[Path], problem: str) -> list[MediaSource]:
    files = (path for path in sorted(paths) if path.is_file())
    found = [_file(str(p)) for p in files if is_image_name(p.name) or _is_video(p.name)]
    if not found:
        raise UserError(problem)
    return found


def _listed(path: Path) -> list[MediaSource]:
    """Paths or addresses, one a line; `#` begins a comment line.

    Paths are relative to the list's folder.
    """
    lines = read_lines(path)
    if any("\0" in line or "\ufffd" in line for line in lines):
        raise UserError(f"{path}: not a text file of paths.")
    names = [line.strip() for line in lines]
    names = [name for name in names if name and not name.startswith("#")]
    if not names:
        raise UserError(f"{path}: expected a path on each line, found none.")
    where = path.parent
    return [_stream(n) if "://" in n else _file(str(where / n)) for n in names]


def read_frames(
    sources: Sequence[MediaSource], report_unreadable: Callable[[str], None]
) -> Iterator[Frame]:
    """The frames of all sources, one after the other.

    What can't be read, or ends too early, is told in one line each and left behind.
    """
    for source in sources:
        try:
            if source.kind == "image":
                yield Frame(read_image(source.address), source)
            else:
                yield from _read_video(source)
        except UserError as error:
            report_unreadable(str(error))


def _read_video(source: MediaSource) -> Iterator[Frame]:
    capture = _open(source)
    num_frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    fps = capture.get(cv2.CAP_PROP_FPS)
    fps = fps if 0 < fps <= MAX_FPS else DEFAULT_FPS
    live = source.kind == "camera" or (source.kind == "stream" and num_frames <= 0)
    frames = _decode(capture, source, fps, live)
    last = -1
    for frame in prefetch(frames, 1, newest=True) if live else frames:
        last = frame.index
        yield frame
    if last < 0:
        raise UserError(f"{source}: no frame could be decoded.")
    if last + 1 < SHORT * num_frames:
        raise UserError(f"{source}: ended after frame {last + 1} of {num_frames}.")


def _open(source: MediaSource) -> cv2.VideoCapture:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if source.kind == "camera":
        capture = cv2.VideoCapture(int(source.address))
    else:
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS]
        limits += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
        capture = cv2.VideoCapture(source.address, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        what = {"camera": "no such camera", "stream": "no stream answers there"}
        raise UserError(f"{source}: {what.get(source.kind, 'not a video')}.")
    return capture


def _decode(
    capture: cv2.VideoCapture, source: MediaSource, fps: float, live: bool
) -> Iterator[Frame]:
    index = 0
    try:
        while True:
            is_there, bgr = capture.read()
            if not is_there:
                return
            image = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
            yield Frame(image, source, index, fps, live)
            index += 1
    finally:
        capture.release()


def count_frames(sources: Sequence[MediaSource]) -> int | None:
    """How many frames there will be, by the containers' word; None with anything live.

    Opens each video once.
    """
    kinds = Counter(source.kind for source in sources)
    if kinds["camera"] or kinds["stream"]:
        return None
    total = kinds["image"]
    for source in (source for source in sources if source.kind == "video"):
        with suppress(UserError):  # told when it is its turn
            capture = _open(source)
            total += max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
            capture.release()
    return total
