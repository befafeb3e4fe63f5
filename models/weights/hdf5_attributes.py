"""How long the texts in HDF5 attributes claim to be, before libhdf5 believes it.

libhdf5 sets aside what an attribute's text claims, up to 4 GB, before it looks whether
the file holds that (found by benchmarks.fuzz), and has no function that tells the
claim. So the headers of objects are read here, by the HDF5 File Format Specification,
IV.A "Data Object Headers"; all numbers are little endian.
"""

import struct
from collections.abc import Iterator
from mmap import mmap

import h5py

from base.errors import UserError

# types of header messages, IV.A.2
ATTRIBUTE, CONTINUATION = 0x0C, 0x10
IS_SHARED = 2  # flag of a message that stands elsewhere
# classes of datatypes, IV.A.2.d: integers, floats, texts of fixed length, enumerations
PLAIN, VARIABLE = (0, 1, 3, 8), 9
REFERENCE = struct.Struct("<IQI")  # length, heap, object: an element of free length
MAX_BLOCKS = 1000  # ours: a header lies in one or a few pieces


def check_attributes(item: h5py.Group | h5py.Dataset, data: mmap) -> None:
    """UserError where texts of an object's attributes claim more than the file holds.

    Also for attributes of other kinds, and where they don't stand in the header.
    """
    expected = len(item.attrs)
    if not expected:
        return
    address = h5py.h5o.get_info(item.id).addr
    found = 0
    for kind, flags, content in _messages(data, address):
        if kind != ATTRIBUTE:
            continue
        found += 1
        if flags & IS_SHARED or _claimed(content) > len(data):
            raise UserError(f"an attribute of {item.name[:80]!r} is no plain text")
    if found != expected:
        raise UserError(f"{item.name[:80]!r} keeps its attributes elsewhere")


def _messages(data: mmap, address: int) -> Iterator[tuple[int, int, bytes]]:
    """Type, flags and content of each message of a header, version 1 or 2."""
    if data[address : address + 4] == b"OHDR":
        flags = data[address + 5]
        at = address + 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
        width = 1 << (flags & 3)
        block = at + width, int.from_bytes(data[at : at + width], "little")
        form, head = "<BHB", 4 + 2 * bool(flags & 4)
        signature, checksum = 4, 4  # of a continuation
    elif data[address] == 1:
        block = address + 16, struct.unpack_from("<I", data, address + 8)[0]
        form, head = "<HHB", 8
        signature, checksum = 0, 0
    else:
        raise UserError(f"an object's header at byte {address} is not understood")
    blocks = [block]
    for at, length in blocks:
        end = at + length
        while at + head <= end:
            kind, size, flags = struct.unpack_from(form, data, at)
            content = data[at + head : at + head + size]
            if kind == CONTINUATION:
                start, length = struct.unpack_from("<QQ", content)
                blocks.append((start + signature, length - signature - checksum))
            yield kind, flags, content
            at += head + size
        if len(blocks) > MAX_BLOCKS:
            raise UserError(f"an object's header at byte {address} does not end")


def _claimed(content: bytes) -> int:
    """Bytes that the elements of an attribute claim together; IV.A.2.m.

    UserError for datatypes that weights files have no use for.
    """
    version, _, *sizes = struct.unpack_from("<BBHHH", content)
    if version == 1:  # its parts are padded
        sizes = [-(-size // 8) * 8 for size in sizes]
    name, datatype, dataspace = sizes
    at = 8 + (version == 3) + name
    kind, base = content[at] & 15, content[at + 8] & 15
    if kind in PLAIN:
        return 0
    if kind != VARIABLE or base not in PLAIN:
        raise UserError("an attribute is neither text nor number")
    (base_size,) = struct.unpack_from("<I", content, at + 12)
    elements = content[at + datatype + dataspace :]
    whole = len(elements) // REFERENCE.size * REFERENCE.size
    lengths = [length for length, _, _ in REFERENCE.iter_unpack(elements[:whole])]
    return max(base_size, 1) * sum(lengths)
