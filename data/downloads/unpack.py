"""Unpacks archives from strangers: nothing leaves the folder."""

import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

from base.errors import UserError

MAX_UNPACKED = 60 * 2**30  # ours: COCO's train2017 unpacks to 19 GB


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip archive into `folder`, whole or not at all.

    Its top folders must not be in `folder` yet, but may be there from another archive
    (VOCdevkit): files are merged. Names stay below the folder (tarfile's `data` filter;
    zipfile drops what leads out). UserError for links that lead out, devices, more than
    MAX_UNPACKED bytes, and broken archives.
    """
    temporary = folder / f".{archive.name}.unpacking"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        _extract(archive, temporary)
        _merge(temporary, folder)
    except tarfile.FilterError as error:
        raise UserError(f"{archive}: refused: {error}.") from error
    except BROKEN as error:
        raise UserError(f"{archive}: a broken archive ({error}).") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


BROKEN = (
    *(tarfile.TarError, zipfile.BadZipFile, EOFError),
    *(IsADirectoryError, NotADirectoryError, FileExistsError),  # one name, two kinds
)


def _extract(archive: Path, folder: Path) -> None:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            members = bundle.infolist()
            _check_size(archive, (member.file_size for member in members))
            for member in _shown(members, archive):
                bundle.extract(member, folder)
        return
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        _check_size(archive, (member.size for member in members))
        for member in _shown(members, archive):
            tar.extract(member, folder, filter="data")


def _check_size(archive: Path, sizes: Iterable[int]) -> None:
    if sum(sizes) > MAX_UNPACKED:
        raise UserError(f"{archive}: more than {MAX_UNPACKED} bytes; refused.")


def _shown(members: list, archive: Path) -> tqdm:
    return tqdm(members, desc=f"unpacking {archive.name}", disable=None)


def _merge(source: Path, target: Path) -> None:
    """Move all files; what is there already stays."""
    for path in sorted(source.iterdir()):
        there = target / path.name
        if path.is_dir() and there.is_dir():
            _merge(path, there)
        elif not there.exists():
            path.rename(there)
