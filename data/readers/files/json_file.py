"""JSON files of annotation tools: found in a folder, told apart, decoded."""

import json
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from base.errors import UserError
from base.files import reading
from data.readers.files.paths import files_under
from data.readers.files.text import encoding_of, without_mark

MAX_BYTES = 1_000_000_000  # ours: COCO 2017's largest file is 470 MB
# labelme's key before imageData: megabytes of base64 that need not be searched
LABELME = b'"imagePath"'
DEPTH = 3  # ours: SPLIT/annotations/a.json of a folder, no deeper


def files_of(path: Path, suffix: str) -> list[Path]:
    """The file itself, or the files of a suffix in a folder and its subfolders."""
    if path.is_file():
        return [path] if path.suffix.lower() == suffix else []
    return [
        file
        for file in files_under(path, DEPTH)
        if file.name.lower().endswith(suffix)
        and not file.name.startswith(".")
        and file.is_file()
    ]


def holds(path: Path, *alternatives: Sequence[bytes]) -> bool:
    """Whether a file has all texts of one of the alternatives, wherever they stand."""
    try:
        with _content(path) as data:
            return _all_in(data, alternatives)
    except (OSError, ValueError):
        return False  # whoever reads it tells why


@contextmanager
def _content(path: Path) -> Iterator[bytes | mmap.mmap]:
    """A file's text in UTF-8: pages of it, given back when memory is short."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:  # an empty file can't be mapped
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data if encoding_of(data[:4]) == "utf-8" else without_mark(data[:])


def _all_in(data: bytes | mmap.mmap, alternatives: Sequence[Sequence[bytes]]) -> bool:
    wanted = any(LABELME in texts for texts in alternatives)
    if not wanted and data.find(LABELME) >= 0:
        return False
    return any(all(data.find(t) >= 0 for t in texts) for texts in alternatives)


def decode(path: Path, kind: Any, format_name: str, is_limited: bool = True) -> Any:
    """The content as a msgspec type; UserError names the file and the place in it.

    is_limited: whether at most MAX_BYTES are read.
    """
    with reading(path, MAX_BYTES if is_limited else None), _content(path) as data:
        try:
            with memoryview(data) as text:
                return _parse(text, kind)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path}: not {format_name}: {reason}.") from error


def _parse(data: memoryview, kind: Any) -> Any:
    """JSON in UTF-8 as a msgspec type; NaN, as pandas and Python write it, is null."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:
        if isinstance(error, msgspec.ValidationError) or b"NaN" not in bytes(data):
            raise
        content = json.loads(bytes(data), parse_constant=lambda _: None)
        return msgspec.convert(content, kind)
