"""Fetches files: resumed where it broke off, checked by their hash; unpacks safely."""

import hashlib
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from tqdm import tqdm

TIMEOUT = 60  # ours: seconds without a byte
CHUNK = 1 << 20  # ours: bytes read at a time
MAX_UNPACKED = 60 * 2**30  # ours: COCO's train2017 unpacks to 19 GB
HASHES = {32: "md5", 64: "sha256"}  # by the length in hexadecimal digits


def fetch(url: str, hash_hex: str | None, folder: Path | str) -> Path:
    """The file of an address in `folder`, downloaded unless it is there already.

    hash_hex: MD5 or SHA-256, told by its length; None: the source publishes none, and
        the length that the server tells is all that is checked.

    A download that broke off goes on where it was (NAME.part). ValueError in one line
    when the address can't be reached or the content is another.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PurePosixPath(unquote(urlsplit(url).path)).name
    if path.is_file():
        return path
    part = path.with_name(path.name + ".part")
    try:
        _download(url, part)
    except HTTPError as error:
        raise ValueError(f"{url}: the server answered {error.code}.") from error
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise ValueError(
            f"{url}: can't be reached ({reason}). Without a network, put the file into "
            f"{folder} yourself; a download that broke off goes on when run again."
        ) from error
    if hash_hex and (found := _hash(part, hash_hex)) != hash_hex.lower():
        part.unlink()
        raise ValueError(
            f"{url}: expected the hash {hash_hex}, received {found}; the file was "
            "removed. Run again, or look whether its source has changed."
        )
    part.replace(path)
    return path


def _download(url: str, part: Path) -> None:
    """Append what is missing of a file."""
    at = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={at}-"} if at else {})
    try:
        response = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and at:  # the part is whole already
            return
        raise
    with response:
        at = at if response.status == 206 else 0  # 200: the server starts again
        length = response.headers.get("Content-Length")
        total = at + int(length) if length else None
        with part.open("r+b" if at else "wb") as file:
            file.seek(at)
            _copy(response, file, tqdm(initial=at, total=total, **_progress(part)))
            file.flush()
            os.fsync(file.fileno())
    if total is not None and part.stat().st_size != total:
        raise OSError(f"broke off after {part.stat().st_size} of {total} bytes")


def _progress(part: Path) -> dict:
    return {"unit": "B", "unit_scale": True, "desc": part.stem}


def _copy(source: IO[bytes], target: IO[bytes], progress: tqdm) -> None:
    with progress:
        while chunk := source.read(CHUNK):
            target.write(chunk)
            progress.update(len(chunk))


def _hash(path: Path, wanted: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, HASHES[len(wanted)]).hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip archive into `folder`, whole or not at all.

    Its top folders must not be in `folder` yet, but may be there from another archive
    (VOCdevkit): files are merged. ValueError for members that lead out of the folder,
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
        raise ValueError(f"{archive}: a broken archive ({error}).") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unpack_tar(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        members = [m for m in tar.getmembers() if not m.isdir()]
        for member in members:
            if not member.isfile():
                raise ValueError(f"{archive}: {member.name}: neither file nor folder.")
        _check(archive, ((member.name, member.size) for member in members))
        for member in tqdm(members, desc=f"unpacking {archive.name}"):
            _write(tar.extractfile(member), folder / member.name)


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as bundle:
        members = [m for m in bundle.infolist() if not m.is_dir()]
        _check(archive, ((member.filename, member.file_size) for member in members))
        for member in tqdm(members, desc=f"unpacking {archive.name}"):
            with bundle.open(member) as source:  # a link would become a small file
                _write(source, folder / member.filename)


def _check(archive: Path, members: Iterable[tuple[str, int]]) -> None:
    total = 0
    for name, size in members:
        path = PurePosixPath(name.replace("\\", "/"))
        leads_out = path.is_absolute() or ".." in path.parts
        if leads_out or not path.parts or ":" in path.parts[0]:
            raise ValueError(f"{archive}: {name}: leads out of the folder; refused.")
        total += size
        if total > MAX_UNPACKED:
            raise ValueError(f"{archive}: more than {MAX_UNPACKED} bytes; refused.")


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
