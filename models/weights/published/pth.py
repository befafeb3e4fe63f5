"""PyTorch's state files without PyTorch, and without running anything in them.

A file is a pickle that names tensors, and their numbers beside it: in a zip (since
PyTorch 1.6) or one after the other (before). The unpickler here knows ordered
dictionaries, tensors and storages and refuses every other name; it makes descriptions,
and numbers are read only after a description was checked against the file's size.
"""

import pickle
import textwrap
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from base.errors import UserError

# torch/serialization.py: MAGIC_NUMBER, PROTOCOL_VERSION of the older format
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
ZIP_START = b"PK\x03\x04"  # .ZIP File Format Specification, sec. 4.3.7
MAX_PICKLE = 16 * 2**20  # ours: a detector's names take some 20 kB
MAX_NUMBERS = 2**26  # ours: twice an SSD300 of 91 classes
DTYPES = {  # torch/storage.py
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}
REBUILT = ("_rebuild_tensor", "_rebuild_tensor_v2")  # torch/_utils.py
INNER = ("state_dict", "model")  # ours: where trainings keep the weights among others


@dataclass(frozen=True)
class _Storage:
    """Numbers somewhere in the file."""

    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage, not read yet."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.storage, _Storage):
            raise UserError("a tensor without a storage")
        numbers = (self.offset, *self.shape, *self.strides)
        if not all(isinstance(n, int) and n >= 0 for n in numbers):
            raise UserError(f"a tensor with offset, shape and strides {numbers}")
        if len(self.shape) != len(self.strides):
            raise UserError(f"a tensor of shape {self.shape}, strides {self.strides}")
        if np.prod(self.shape, dtype=float) > MAX_NUMBERS:
            raise UserError(f"a tensor of shape {self.shape}")
        steps = zip(self.shape, self.strides, strict=True)
        last = self.offset + sum((size - 1) * stride for size, stride in steps)
        if 0 not in self.shape and last >= self.storage.count:
            raise UserError(
                f"a tensor that reaches to number {last} of {self.storage.count}"
            )

    def array_from(self, numbers: np.ndarray) -> np.ndarray:
        """The tensor as an array of its own."""
        steps = tuple(stride * numbers.itemsize for stride in self.strides)
        view = np.lib.stride_tricks.as_strided(
            numbers[self.offset :], self.shape, steps, writeable=False
        )
        return np.array(view)


def _tensor(
    storage: _Storage, offset: int, shape: tuple, strides: tuple, *_: Any
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


# the Python unpickler: the C one lets a file ask for gigabytes of memo
class _Unpickler(pickle._Unpickler):
    """Descriptions of tensors in dictionaries; nothing is imported or called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name in REBUILT:
            return _tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in DTYPES:
            return np.dtype(DTYPES[name])
        raise UserError(
            f"it holds a {module}.{name}; expected a state dict, as "
            "torch.save(model.state_dict(), FILE) writes it"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count, *_ = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise UserError(f"a {kind} of {dtype}")
        if not isinstance(count, int) or not 0 <= count <= MAX_NUMBERS:
            raise UserError(f"a storage of {count} numbers")
        return _Storage(str(key), dtype, count)


def is_pth(path: Path | str) -> bool:
    """Whether a file begins as PyTorch's do."""
    with Path(path).open("rb") as file:
        start = file.read(16)
    return start.startswith(ZIP_START) or pickle.LONG1 + b"\x0a" in start[:4]


def read_pth(path: Path | str) -> dict[str, np.ndarray]:
    """Arrays by name of a state file; UserError where it is none, or cut short."""
    with Path(path).open("rb") as file:
        try:
            if file.read(len(ZIP_START)) == ZIP_START:
                return _read_zip(file)
            file.seek(0)
            return _read_older(file)
        # a mutilated file may raise anything, a seek to nowhere among it
        except Exception as error:
            raise UserError(
                f"{path}: not a PyTorch state file that can be read: "
                f"{textwrap.shorten(str(error), 200)}"
            ) from error


def _read_zip(file: IO[bytes]) -> dict[str, np.ndarray]:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:  # the list of members stands at the end
        raise UserError("it is cut short") from error
    with archive:
        members = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in members if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise UserError("a zip of something else, it has no data.pkl")
        (pickled,) = pickles
        folder = pickled.removesuffix("data.pkl")
        for name, info in members.items():
            if info.compress_type != zipfile.ZIP_STORED:
                raise UserError(f"{name} is compressed, PyTorch never does that")
        if members[pickled].file_size > MAX_PICKLE:
            raise UserError(f"its list of tensors has {members[pickled].file_size} B")
        order = f"{folder}byteorder"
        if order in members and archive.read(order) != b"little":
            raise UserError("its numbers are big-endian")

        def numbers_of(storage: _Storage) -> np.ndarray:
            name, size = f"{folder}data/{storage.key}", storage.count
            expected = size * storage.dtype.itemsize
            if name not in members or members[name].file_size != expected:
                raise UserError(f"{name}: {expected} B expected")
            return np.frombuffer(archive.read(name), storage.dtype)

        with archive.open(pickled) as stream:
            return _arrays(_Unpickler(stream).load(), numbers_of)


def _read_older(file: IO[bytes]) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != MAGIC or _Unpickler(file).load() != PROTOCOL:
        raise UserError("its beginning is not PyTorch's")
    if not _Unpickler(file).load()["little_endian"]:
        raise UserError("its numbers are big-endian")
    state = _Unpickler(file).load()
    dtypes = {t.storage.key: t.storage for t in _tensors(state).values()}
    storages = {}
    for key in _Unpickler(file).load():
        count = int(np.frombuffer(file.read(8), "<i8")[0])
        if key not in dtypes or count != dtypes[key].count:
            raise UserError(f"storage {key} has {count} numbers")
        data = file.read(count * dtypes[key].dtype.itemsize)
        storages[key] = np.frombuffer(data, dtypes[key].dtype)
        if len(storages[key]) != count:
            raise UserError("it is cut short")
    return _arrays(state, lambda storage: storages[storage.key])


def _tensors(state: Any) -> dict[str, _Tensor]:
    for name in INNER:
        if isinstance(state, dict) and isinstance(state.get(name), dict):
            state = state[name]
    if not isinstance(state, dict):
        raise UserError(f"it holds a {type(state).__name__}, not a state dict")
    return {k: v for k, v in state.items() if isinstance(v, _Tensor)}


def _arrays(
    state: Any, numbers_of: Callable[[_Storage], np.ndarray]
) -> dict[str, np.ndarray]:
    tensors = _tensors(state)
    total = sum(np.prod(tensor.shape, dtype=float) for tensor in tensors.values())
    if total > MAX_NUMBERS:
        raise UserError(f"it holds {total:.0f} numbers")
    return {name: t.array_from(numbers_of(t.storage)) for name, t in tensors.items()}
