"""Fetches files: resumed where it broke off, checked by their hash."""

import hashlib
import os
import shutil
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from tqdm import tqdm

from base.errors import UserError
from base.files import move_into_place

TIMEOUT = 60  # ours: seconds without a byte
CHUNK = 1 << 20  # ours: bytes read at a time
HASHES = {32: "md5", 64: "sha256"}  # by the length in hexadecimal digits


def cache_folder() -> Path:
    """Where downloads stay that any working folder may use: $SSD300_CACHE."""
    given = os.environ.get("SSD300_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "ssd300"


def fetch(url: str, hash_hex: str | None, folder: Path | str) -> Path:
    """The file of an address in `folder`, downloaded unless it is there already.

    hash_hex: MD5 or SHA-256, told by its length; None: the source publishes none, and
        the length that the server tells is all that is checked.

    A download that broke off goes on where it was (NAME.part). UserError in one line
    when the address can't be reached or the content is another; a file that was there
    before is left alone then.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PurePosixPath(unquote(urlsplit(url).path)).name
    if path.is_file():
        if hash_hex and (found := _hash(path, hash_hex)) != hash_hex.lower():
            raise UserError(
                f"{path}: expected the hash {hash_hex}, received {found}; it is not "
                f"the file of {url}. Move it away and run again."
            )
        return path
    part = path.with_name(path.name + ".part")
    try:
        _download(url, part)
    except HTTPError as error:
        raise UserError(f"{url}: the server answered {error.code}.") from error
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(
            f"{url}: can't be reached ({reason}). Without a network, put the file into "
            f"{folder} yourself; a download that broke off goes on when run again."
        ) from error
    if hash_hex and (found := _hash(part, hash_hex)) != hash_hex.lower():
        part.unlink()
        raise UserError(
            f"{url}: expected the hash {hash_hex}, received {found}; the file was "
            "removed. Run again, or look whether its source has changed."
        )
    move_into_place(part, path)
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
            options = {"total": total, "initial": at, "unit": "B", "unit_scale": True}
            with tqdm.wrapattr(file, "write", desc=part.stem, **options) as target:
                shutil.copyfileobj(response, target, CHUNK)
    if total is not None and part.stat().st_size != total:
        raise OSError(f"broke off after {part.stat().st_size} of {total} bytes")


def _hash(path: Path, wanted: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, HASHES[len(wanted)]).hexdigest()
