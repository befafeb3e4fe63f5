"""The file that a training goes on from: a dictionary and arrays in one .npz.

An .npz is a zip of .npy files, each with a checksum, which numpy reads without running
anything. The dictionary is its first member, JSON as bytes. Arrays come in groups
("model", "optimiser", ...) and are known by their place in the group.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from base.errors import UserError
from base.files import atomic_write

NAME = "checkpoint.npz"  # ours: in the run's folder
FORMAT = 1  # ours: counts changes that old files don't fit
STATE = "state"  # the member with the dictionary
MAX_STATE_BYTES = 50_000_000  # ours: a history of 100,000 epochs is smaller

Groups = Mapping[str, Sequence[Any]]


def save(path: Path, state: dict, groups: Groups) -> None:
    """Write a checkpoint, whole or not at all.

    state: for JSON; groups: arrays or Keras variables by group. OSError where it can't
    be written, FloatingPointError where an array holds a number that is not finite: the
    file is as it was.
    """
    text = json.dumps({"format": FORMAT, **state}, default=str)
    arrays = {STATE: np.frombuffer(text.encode("utf-8"), np.uint8)}
    for group, values in groups.items():
        for number, value in enumerate(values):
            array = np.asarray(value)
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise FloatingPointError(f"{path}: {group} has become not finite")
            arrays[f"{group}/{number}"] = array
    with atomic_write(path) as temporary:
        np.savez(temporary, **arrays)


def read_state(path: Path) -> dict:
    """The dictionary of a checkpoint; UserError where the file is none."""
    with _open_checked(path) as members:
        raw = _read(members, STATE, None, np.dtype(np.uint8))
        state = json.loads(raw.tobytes())
        received = state.get("format") if isinstance(state, dict) else None
        if received != FORMAT:
            raise UserError(f"expected format {FORMAT}, received {received}")
        return state


def read_arrays(
    path: Path, expected: Mapping[str, Sequence[tuple[tuple[int, ...], str]]]
) -> dict[str, list[np.ndarray]]:
    """The arrays of a checkpoint by group.

    expected: shape and dtype of each array of each group, compared before anything is
    read. UserError where the file holds others.
    """
    with _open_checked(path) as members:
        count = 1 + sum(len(rows) for rows in expected.values())
        received = len(members.namelist())
        if received != count:
            raise UserError(f"expected {count} members, received {received}")
        return {
            group: [
                _read(members, f"{group}/{number}", tuple(shape), np.dtype(dtype))
                for number, (shape, dtype) in enumerate(rows)
            ]
            for group, rows in expected.items()
        }


@contextmanager
def _open_checked(path: Path) -> Iterator[zipfile.ZipFile]:
    """A checkpoint's zip; whatever is wrong inside becomes one UserError."""
    try:
        members = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file.") from error
    except Exception as error:  # zipfile raises almost anything on broken bytes
        raise UserError(f"{path}: no checkpoint, or cut short.") from error
    try:
        with members:
            yield members
    except Exception as error:  # numpy and zipfile do here as well
        raise UserError(f"{path}: not a sound checkpoint: {error}") from error


def _read(
    members: zipfile.ZipFile, name: str, shape: tuple | None, dtype: np.dtype
) -> np.ndarray:
    """One .npy member of the shape (None: any length) and dtype that are expected."""
    info = members.getinfo(f"{name}.npy")
    if info.compress_type != zipfile.ZIP_STORED:
        raise UserError(f"{name} is compressed")
    with members.open(info) as file:
        np.lib.format.read_magic(file)
        received, fortran, found = np.lib.format.read_array_header_1_0(file)
        if shape is None:
            shape = received[:1]
        num_bytes = dtype.itemsize * int(np.prod(shape, dtype=object))
        if (received, found, fortran) != (shape, dtype, False):
            raise UserError(
                f"{name}: expected {dtype} {shape}, received {found} {received}"
            )
        if name == STATE and num_bytes > MAX_STATE_BYTES:
            raise UserError(f"{name}: {num_bytes} bytes")
        data = file.read(num_bytes + 1)  # to the end: the checksum is compared there
    if len(data) != num_bytes:
        raise UserError(f"{name}: expected {num_bytes} bytes, received {len(data)}")
    return np.frombuffer(data, dtype).reshape(shape)
