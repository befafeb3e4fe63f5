"""Writes state files as PyTorch does, without PyTorch: both its formats."""

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np

STORAGES = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage"}
STORAGES |= {"i8": "LongStorage"}


def named(name, module):
    """A class that pickles as PyTorch's of that name."""
    return type(name, (), {"__module__": module})


class Storage:
    """Numbers that several tensors may look at."""

    def __init__(self, numbers, key):
        self.numbers, self.key = np.ascontiguousarray(numbers).ravel(), key


class Tensor:
    """A view of a storage; strides count numbers."""

    def __init__(self, storage, offset, shape, strides):
        self.arguments = storage, offset, tuple(shape), tuple(strides)

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (*self.arguments, False, OrderedDict())


def state_of(arrays):
    """An ordered dictionary of tensors, a storage each."""
    state = OrderedDict()
    for key, (name, array) in enumerate(arrays.items()):
        array = np.ascontiguousarray(array)
        strides = [stride // array.itemsize for stride in array.strides]
        state[name] = Tensor(Storage(array, str(key)), 0, array.shape, strides)
    return state


@contextmanager
def torch_names():
    """Inside, pickle finds PyTorch's names."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, named(name, "torch"))

    def _rebuild_tensor_v2(*_):
        raise AssertionError("nothing is called")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules |= {"torch": torch, "torch._utils": utils}
    try:
        yield torch
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


def dump(value, stream, storages):
    """Pickle a value; its storages are collected."""
    with torch_names() as torch:

        class Pickler(pickle.Pickler):
            def persistent_id(self, obj):
                if not isinstance(obj, Storage):
                    return None
                storages[obj.key] = obj.numbers
                kind = getattr(torch, STORAGES[obj.numbers.dtype.str[1:]])
                return ("storage", kind, obj.key, "cpu", obj.numbers.size)

        Pickler(stream, 2).dump(value)


def write_zip(path, value, compression=zipfile.ZIP_STORED):
    """As torch.save since 1.6."""
    stream, storages = io.BytesIO(), {}
    dump(value, stream, storages)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("x/data.pkl", stream.getvalue())
        archive.writestr("x/byteorder", "little")
        for key, numbers in storages.items():
            archive.writestr(f"x/data/{key}", numbers.tobytes())
        archive.writestr("x/version", "3\n")


def write_older(path, value):
    """As torch.save before 1.6."""
    stream, storages = io.BytesIO(), {}
    dump(value, stream, storages)
    sizes = {"short": 2, "int": 4, "long": 4}
    with path.open("wb") as file:
        pickle.dump(0x1950A86A20F9469CFC6C, file, 2)
        pickle.dump(1001, file, 2)
        info = {"protocol_version": 1001, "little_endian": True, "type_sizes": sizes}
        pickle.dump(info, file, 2)
        file.write(stream.getvalue())
        pickle.dump(sorted(storages), file, 2)
        for key in sorted(storages):
            file.write(struct.pack("<q", storages[key].size))
            file.write(storages[key].tobytes())
