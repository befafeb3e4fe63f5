"""Files that appear whole or not at all, whatever happens while they are written.

The order is that of every careful writer: another name in the same folder, write,
flush to the disk, rename, flush the folder (Pillai et al., "All file systems are not
created equal", OSDI 2014, sec. 4.4).
"""

import csv
import io
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from base.errors import UserError


@contextmanager
def reading(
    path: Path | str, max_bytes: int | None = None, kind: type[UserError] = UserError
) -> Iterator[None]:
    """UserError, or a `kind` of it, where a file can't be read.

    UserError where it has more than `max_bytes`.
    """
    try:
        if max_bytes is not None and (size := Path(path).stat().st_size) > max_bytes:
            raise UserError(
                f"{path}: {size} bytes; at most {max_bytes} bytes are read."
            )
        yield
    except OSError as error:
        raise kind(f"{path}: can't be read ({error.strerror}).") from error


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """A name to write to; the file takes the place of `path` when all is well.

    Its ending is that of `path`. OSError, with the path, where the disk is full or
    the file can't be written: `path` is as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        move_into_place(temporary, path)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"{path}: can't be written: {reason}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def move_into_place(temporary: Path, path: Path) -> None:
    """Rename a written file: a power cut leaves it or what was there before."""
    _sync(temporary)
    os.replace(temporary, path)  # noqa: PTH105, tests record the system's calls
    if os.name == "posix":  # elsewhere folders can't be opened
        _sync(path.parent)


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write a file whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path | str, text: str) -> None:
    """Write a text in UTF-8, whole or not at all."""
    # names of files that are not UTF-8 are escaped
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Dictionaries as lines under their keys; what a row lacks stays empty."""
    text = io.StringIO(newline="")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def numbered_names(name: str) -> Iterator[str]:
    """The name, then the same with a number behind it, without end.

    >>> [name for name, _ in zip(numbered_names("run"), range(3))]
    ['run', 'run-2', 'run-3']
    """
    yield name
    yield from (f"{name}-{number}" for number in itertools.count(2))


def remove_unfinished(folder: Path) -> None:
    """Delete what a process that was killed left half written."""
    for path in folder.glob(".*"):
        if path.name.split(".")[1].isdigit() and path.is_file():
            path.unlink()


@contextmanager
def temporary_folder(output: Path) -> Iterator[Path]:
    """A new folder beside `output`, gone afterwards with all that is left in it."""
    folder = output.with_name(f".{os.getpid()}.{output.name}")
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def move_out(folder: Path, mark: str) -> None:
    """Move all files of a temporary folder beside it, `mark` behind each name."""
    for path in sorted(folder.iterdir()):
        os.replace(path, folder.with_name(path.name + mark))  # noqa: PTH105


def new_file(flag: str, path: Path | str, suffix: str) -> Path:
    """The path of a file that a flag asks for, checked before the work begins.

    UserError where something has that name already, where it does not end in `suffix`,
    or its folder can't be made: many minutes must not end without a file.
    """
    path = Path(path)
    if path.exists():
        raise UserError(f"{flag} {path} exists already; name a new file.")
    if not path.name.lower().endswith(suffix):
        raise UserError(f"{flag} {path}: expected a file name ending in {suffix}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{flag} {path}: its folder can't be made: {error}") from error
    return path


def _sync(path: Path) -> None:
    flags = os.O_RDONLY if path.is_dir() or os.name == "posix" else os.O_RDWR
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
