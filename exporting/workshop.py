"""A folder where an export's files are made and proven before anybody sees them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def workshop(output: Path) -> Iterator[Path]:
    """A new folder beside `output`, gone afterwards with all that is left in it."""
    folder = output.with_name(f".{os.getpid()}.{output.name}")
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def hand_out(folder: Path, mark: str) -> None:
    """Move all that lies in a workshop beside it, with `mark` behind each name."""
    for path in sorted(folder.iterdir()):
        os.replace(path, folder.with_name(path.name + mark))  # noqa: PTH105, as files.py
