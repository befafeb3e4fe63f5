"""HDF5 files from strangers: looked at before a number of them is read.

HDF5 can lead elsewhere (soft and external links, external and virtual data sets:
CVE-2026-1669, -12480) and can claim arrays far larger than the file (CVE-2026-0897).
Weights files need none of that.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from base.errors import UserError
from models.weights.hdf5_attributes import check_attributes

NUMBERS = "fiub"  # kinds of dtype that weights have
MAX_OBJECTS = 100_000  # ours: the largest models have some thousand
# a global heap's signature and version (libhdf5 looks at no more); sizes of its and its
# objects' headers. HDF5 File Format Specification, III.E
HEAP, HEAP_HEADER = b"GCOL\x01", 16
# version of the superblock, which stands at byte 8 -> where it has addresses, and the
# usual: base; free space, driver; extension. HDF5 File Format Specification, II.A
VERSION, ZERO, NOWHERE = 8, bytes(8), b"\xff" * 8
ADDRESSES = {
    0: ((24, ZERO), (32, NOWHERE), (48, NOWHERE)),
    1: ((28, ZERO), (36, NOWHERE), (52, NOWHERE)),
    2: ((12, ZERO), (20, NOWHERE)),
    3: ((12, ZERO), (20, NOWHERE)),
}
MAX_DEPTH = 32  # ours: Keras nests ten groups


class Contents(NamedTuple):
    """attributes: by group, then name, "" is the root. arrays: by their whole path."""

    attributes: dict[str, dict[str, Any]]
    arrays: dict[str, np.ndarray]


def read(path: Path | str) -> Contents:
    """All of a file that holds plain arrays in plain groups.

    UserError, naming the path, where it is none, holds anything else or can't be read.
    """
    try:
        with _checked(Path(path)) as file:
            contents = Contents({"": dict(file.attrs)}, {})

            def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
                if isinstance(item, h5py.Dataset):
                    contents.arrays[name] = item[()]
                else:
                    contents.attributes[name] = dict(item.attrs)

            file.visititems(keep)
            return contents
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file.") from error
    except UserError as error:
        raise UserError(f"{path}: refused: {error}") from error
    # h5py raises almost anything on broken bytes, in words that are of no use
    except Exception as error:
        raise UserError(f"{path}: not a weights file, or cut short.") from error


@contextmanager
def _checked(path: Path) -> Iterator[h5py.File]:
    with (
        path.open("rb") as mapped,
        mmap.mmap(mapped.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        _check_superblock(data)
        _check_heaps(data)
        with h5py.File(path, "r") as file:
            check_attributes(file, data)
            _check_group(file, data, set(), 0)
            yield file


def _check_group(
    group: h5py.Group, data: mmap.mmap, seen: set[Any], depth: int
) -> None:
    """UserError for anything that is no plain array or group of such."""
    if depth > MAX_DEPTH:
        raise UserError(f"groups are nested {MAX_DEPTH} deep")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise UserError(f"{name[:80]!r} is a link to somewhere else")
        item = group[name]
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            raise UserError(f"{name[:80]!r} is there twice")
        seen.add(address)
        if len(seen) > MAX_OBJECTS:
            raise UserError(f"more than {MAX_OBJECTS} arrays and groups")
        if isinstance(item, h5py.Group | h5py.Dataset):
            check_attributes(item, data)
        if isinstance(item, h5py.Group):
            _check_group(item, data, seen, depth + 1)
        elif isinstance(item, h5py.Dataset):
            _check_array(item)
        else:
            raise UserError(f"{name[:80]!r} is neither array nor group")


def _check_superblock(data: mmap.mmap) -> None:
    """UserError where the file's first bytes lead to more than its root group.

    Found by benchmarks.fuzz: of a driver's block libhdf5 takes the memory that it
    claims. HDF5 File Format Specification, II.A.
    """
    version = data[VERSION] if len(data) > VERSION else None
    for at, expected in ADDRESSES.get(version, ()):
        if data[at : at + 8] != expected:
            raise UserError(f"the address at byte {at} is none that Keras writes")


def _check_heaps(data: mmap.mmap) -> None:
    """UserError for a heap of texts that libhdf5 would walk for ever.

    Found by benchmarks.fuzz: an object of free space that takes no bytes. HDF5 File
    Format Specification, III.E "Global Heap".
    """
    at = data.find(HEAP)
    while at >= 0:
        _check_heap(data, at)
        at = data.find(HEAP, at + 1)


def _check_heap(data: mmap.mmap, start: int) -> None:
    end = start + int.from_bytes(data[start + 8 : start + 16], "little")
    at = start + HEAP_HEADER
    while at + HEAP_HEADER <= min(end, len(data)):
        index = int.from_bytes(data[at : at + 2], "little")
        size = int.from_bytes(data[at + 8 : at + 16], "little")
        if index == 0 and size < HEAP_HEADER:  # free space counts its own header
            raise UserError(f"the heap at byte {start} does not end")
        at += size if index == 0 else HEAP_HEADER + -(-size // 8) * 8


def _check_array(array: h5py.Dataset) -> None:
    if array.dtype.kind not in NUMBERS or array.dtype.subdtype:
        raise UserError(f"{array.name[:80]} holds {array.dtype}, expected numbers")
    if array.is_virtual or array.external:
        raise UserError(f"{array.name[:80]} has its numbers in another file")
    # compressed or never written, a small file becomes any amount of memory
    stored, claimed = array.id.get_storage_size(), array.size * array.dtype.itemsize
    if stored != claimed:
        raise UserError(
            f"{array.name[:80]} of shape {array.shape} takes {claimed} bytes, the file "
            f"holds {stored} of them"
        )
