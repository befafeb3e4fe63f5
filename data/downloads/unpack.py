"""Unpacks archives from strangers: nothing leaves the folder."""

import shutil
import tarfile
import zipfile
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
    is_zip = zipfile.is_zipfile(archive)
    with zipfile.ZipFile(archive) if is_zip else tarfile.open(archive) as bundle:
        members = bundle.infolist() if is_zip else bundle.getmembers()
        if sum(m.file_size if is_zip else m.size for m in members) > MAX_UNPACKED:
            raise UserError(f"{archive}: more than {MAX_UNPACKED} bytes; refused.")
        options = {} if is_zip else {"filter": "data"}
        for member in tqdm(members, desc=f"unpacking {archive.name}", disable=None):
            bundle.extract(member, folder, **options)


def _merge(source: Path, target: Path) -> None:
    """Move all files; what is there already stays."""
    for path in sorted(source.iterdir()):
        there = target / path.name
        if path.is_dir() and there.is_dir():
            _merge(path, there)
        elif not there.exists():
            path.rename(there)
