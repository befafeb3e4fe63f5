"""Images from files: size from the header, pixels upright as uint8 RGB.

OpenCV decodes; Pillow reads headers, and decodes TIFF. Nothing is decoded before its
size is known, and only JPEG, PNG, BMP, WebP and TIFF, told by their first bytes, are
opened.
"""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from base.errors import UserError
from base.files import reading

MAX_PIXELS = 100_000_000  # ours: 300 MB decoded; the largest cameras stay below
MAX_BYTES = 100_000_000  # ours: a JPEG of MAX_PIXELS is smaller
# ours: the formats with sound decoders, and their file names
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".jfif", ".jpe", ".tif", ".tiff")
# ours: image files that people have and that are not read
UNREAD_SUFFIXES = (
    *(".heic", ".heif", ".avif", ".gif", ".jp2", ".jxl", ".psd", ".svg", ".tga"),
    *(".ppm", ".pgm", ".dng", ".cr2", ".nef", ".arw", ".raw", ".exr", ".ico"),
)
EXIF_ORIENTATION = 0x0112  # EXIF 2.32, sec. 4.6.4
SIDEWAYS = (5, 6, 7, 8)  # EXIF 2.32: orientations that swap width and height

# OpenCV decodes JPEG at 1/2, 1/4, 1/8 of its size in a fraction of the time.
REDUCED = {n: getattr(cv2, f"IMREAD_REDUCED_COLOR_{n}") for n in (8, 4, 2)}
# OpenCV from 4.11 on decodes JPEG to RGB itself; the same bytes as by converting after
DECODES_RGB = hasattr(cv2, "IMREAD_COLOR_RGB")


class Unreachable(UserError):
    """The file itself can't be had: removed, no permission, a disk that fails."""


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for an image (hidden files are not)."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def without_suffix(name: str, *others: str) -> str:
    """A name without the suffix of an image, or one of `others`.

    >>> without_suffix("a/b.JPG"), without_suffix("v1.2"), without_suffix("b.x", ".x")
    ('a/b', 'v1.2', 'b')
    """
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in (*SUFFIXES, *others) else name


def image_size(path: Path | str) -> tuple[int, int]:
    """Width and height in pixels, upright, from the header alone.

    UserError in one line that names the file for anything that isn't an image
    of a known format within MAX_PIXELS and MAX_BYTES.
    """
    with reading(path, MAX_BYTES), Path(path).open("rb") as file:
        size_wh, _, _ = _header(str(path), file)
    return size_wh


def read_image(path: Path | str, min_side: int = 0) -> np.ndarray:
    """Pixels as uint8 (H, W, 3) RGB, upright.

    min_side: in pixels; a large JPEG may come at 1/2, 1/4 or 1/8 of its size as
        long as both sides stay at least this long. 0: always the full size.

    Grey, palette, 16-bit and CMYK files become 8-bit RGB. Transparency is
    dropped: the stored colours stay, as Pillow's `convert("RGB")` has it.
    UserError in one line that names the file for what can't be decoded whole.
    """
    with reading(path, MAX_BYTES, Unreachable):
        raw = Path(path).read_bytes()  # cv2.imread fails on Unicode on Windows
    return decode_image(raw, str(path), min_side)


def decode_image(raw: bytes, name: str, min_side: int = 0) -> np.ndarray:
    """`read_image` of a file's bytes; `name` stands in the message of a UserError."""
    size_wh, kind, orientation = _header(name, io.BytesIO(raw))
    if not _is_whole(raw, kind):
        raise UserError(f"{name}: the {kind} file is cut off before its end.")
    if kind == "TIFF":
        return _decode_tiff(name, raw)
    factors = [f for f in REDUCED if min(size_wh) // f >= min_side > 0]
    is_reduced = kind == "JPEG" and factors
    flags = REDUCED[factors[0]] if is_reduced else cv2.IMREAD_COLOR
    flags |= cv2.IMREAD_IGNORE_ORIENTATION
    is_rgb = DECODES_RGB and kind == "JPEG"
    if is_rgb:
        flags = flags & ~cv2.IMREAD_COLOR | cv2.IMREAD_COLOR_RGB
    try:
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), flags)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:  # the image may be sound
            raise MemoryError(f"{name}: {error.err}") from error
        raise UserError(f"{name}: can't be decoded ({error.err}).") from error
    if image is None:
        raise UserError(f"{name}: can't be decoded, the {kind} data is broken.")
    if not is_rgb:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _upright(image, orientation)  # (H, W, 3)


def _decode_tiff(name: str, raw: bytes) -> np.ndarray:
    """Pixels (H, W, 3) of the first page.

    By Pillow, which turns them itself and refuses broken data; OpenCV makes it noise.
    """
    try:
        with Image.open(io.BytesIO(raw), formats=("TIFF",)) as image:
            if image.mode.startswith("I;16"):  # convert() would clip at 255
                grey = (np.asarray(image) >> 8).astype(np.uint8)
                return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
            if image.mode in ("I", "F"):
                raise UserError(f"{name}: its numbers have not 8 or 16 bits.")
            return np.array(image.convert("RGB"))
    except (MemoryError, UserError):
        raise
    except Exception as error:  # Pillow raises almost anything on broken data
        raise UserError(f"{name}: can't be decoded ({error}).") from error


def _header(name: str, file: io.BufferedIOBase) -> tuple[tuple[int, int], str, int]:
    """Upright (width, height), format and EXIF orientation of an open file."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            orientation = _orientation(image)
    except Image.UnidentifiedImageError as error:
        raise UserError(
            f"{name}: not an image of a known format ({', '.join(FORMATS)})."
        ) from error
    except Exception as error:  # Pillow raises almost anything on a broken header
        raise UserError(f"{name}: broken header ({error}).") from error
    if width * height > MAX_PIXELS:
        raise UserError(
            f"{name}: {width}x{height} pixels, at most {MAX_PIXELS} are decoded."
        )
    sideways = orientation in SIDEWAYS
    return ((height, width) if sideways else (width, height)), kind, orientation


def _orientation(image: Image.Image) -> int:
    if image.format == "TIFF":  # Pillow turns it itself, and its size
        return 1
    # A PNG's getexif() would decode the pixels to look behind them for the tag.
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    try:
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # a broken EXIF block is no reason to lose the image
        return 1
    return orientation if orientation in range(1, 9) else 1


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """(H, W, 3) turned as the EXIF orientation 1..8 asks for."""
    if orientation in SIDEWAYS:
        image = cv2.transpose(image)  # (W, H, 3)
    if orientation in (2, 3, 6, 7):
        image = cv2.flip(image, 1)
    if orientation in (3, 4, 7, 8):
        image = cv2.flip(image, 0)
    return image


def _is_whole(raw: bytes, kind: str) -> bool:
    """Whether the file reaches its end mark: decoders fill what is missing by grey."""
    if kind == "JPEG":  # end-of-image after start-of-scan; a thumbnail has its own
        return raw.rfind(b"\xff\xd9") > _scan_start(raw)
    if kind == "PNG":
        return raw.rfind(b"IEND") > 0
    if kind == "WEBP":  # RIFF's length counts what follows the first 8 bytes
        return len(raw) >= int.from_bytes(raw[4:8], "little") + 8
    return True  # OpenCV refuses short BMP files itself


def _scan_start(raw: bytes) -> int:
    """Offset of a JPEG's start-of-scan mark; the file's length when it has none."""
    at = 2
    while at + 4 <= len(raw) and raw[at] == 0xFF:
        mark = raw[at + 1]
        if mark == 0xDA:
            return at
        if mark == 0xFF:  # fill byte
            at += 1
        else:
            at += 2 + int.from_bytes(raw[at + 2 : at + 4], "big")
    return len(raw)
