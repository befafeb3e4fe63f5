"""Unpacks archives from strangers: nothing leaves the folder."""

import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm import tqdm

from base.errors import UserError

CHUNK = 1 << 20  # ours: bytes copied at a time
MAX_UNPACKED = 60 * 2**30  # ours: COCO's train2017 unpacks to 19 GB


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip archive into `folder`, whole or not at all.

    Its top folders must not be in `folder` yet, but may be there from another archive
    (VOCdevkit): files are merged. UserError for members that lead out of the folder,
    links, devices, more than MAX_UNPACKED bytes, and broken archives.
    """
    temporary = folder / f".{archive.name}.unpacking"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, temporary)
        else:
            _unpack_tar(archive, temporary)
        _merge(temporary, folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{archive}: a broken archive ({error}).") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        members = [m for m in tar.getmembers() if not m.isdir()]
        for member in members:
            if not member.isfile():
                raise UserError(f"{archive}: {member.name}: neither file nor folder.")
        _check(archive, ((member.name, member.size) for member in members))
        for member in tqdm(members, desc=f"unpacking {archive.name}", disable=None):
            _write(tar.extractfile(member), folder / member.name)


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as bundle:
        members = [m for m in bundle.infolist() if not m.is_dir()]
        _check(archive, ((member.filename, member.file_size) for member in members))
        for member in tqdm(members, desc=f"unpacking {archive.name}", disable=None):
            with bundle.open(member) as source:  # a link would become a small file
                _write(source, folder / member.filename)


def _check(archive: Path, members: Iterable[tuple[str, int]]) -> None:
    total = 0
    for name, size in members:
        path = PurePosixPath(name.replace("\\", "/"))
        leads_out = path.is_absolute() or ".." in path.parts
        if leads_out or not path.parts or ":" in path.parts[0]:
            raise UserError(f"{archive}: {name}: leads out of the folder; refused.")
        total += size
        if total > MAX_UNPACKED:
            raise UserError(f"{archive}: more than {MAX_UNPACKED} bytes; refused.")


def _write(source: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, path.open("wb") as file:
        shutil.copyfileobj(source, file, CHUNK)


def _merge(source: Path, target: Path) -> None:
    """Move all files; what is there already stays."""
    for path in sorted(source.iterdir()):
        there = target / path.name
        if path.is_dir() and there.is_dir():
            _merge(path, there)
        elif not there.exists():
            path.rename(there)
