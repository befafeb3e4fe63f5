"""PyTorch's state files: read as they are, and nothing in them runs."""

import argparse
import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from models.weights.published.pth import is_pth, read_pth
from tests.helpers.torch_files import Storage, Tensor, state_of, write_older, write_zip

WRITERS = [write_zip, write_older]
ARRAYS = {
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 3), "float32"),
    "kernel": np.arange(24, dtype="float32").reshape(2, 3, 2, 2),
    "half": np.float16([0.5, -2]),
    "double": np.arange(3.0),
    "steps": np.arange(2, dtype="int64"),
}


@pytest.mark.parametrize("write", WRITERS)
def test_arrays(write, tmp_path):
    path = tmp_path / "x.pth"
    write(path, state_of(ARRAYS))
    assert is_pth(path)
    arrays = read_pth(path)
    assert list(arrays) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[name], expected)


@pytest.mark.parametrize("write", WRITERS)
def test_views_of_one_storage(write, tmp_path):
    storage = Storage(np.arange(12, dtype="float32"), "0")
    state = {
        "transposed": Tensor(storage, 0, (4, 3), (1, 4)),
        "part": Tensor(storage, 5, (2, 2), (4, 1)),
        "repeated": Tensor(storage, 7, (3,), (0,)),
    }
    write(tmp_path / "x.pth", state)
    arrays = read_pth(tmp_path / "x.pth")
    np.testing.assert_array_equal(arrays["transposed"], np.arange(12).reshape(3, 4).T)
    assert arrays["part"].tolist() == [[5, 6], [9, 10]]
    assert arrays["repeated"].tolist() == [7, 7, 7]


@pytest.mark.parametrize("name", ["state_dict", "model"])
def test_weights_among_other_things(name, tmp_path):
    write_zip(tmp_path / "x.pth", {name: state_of(ARRAYS), "epoch": 3})
    assert list(read_pth(tmp_path / "x.pth")) == list(ARRAYS)


def test_what_pytorch_itself_writes(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    state = {name: torch.from_numpy(np.array(a)) for name, a in ARRAYS.items()}
    for number, is_zip in enumerate((True, False)):
        path = tmp_path / f"{number}.pth"
        torch.save(state, path, _use_new_zipfile_serialization=is_zip)
        for name, array in read_pth(path).items():
            np.testing.assert_array_equal(array, ARRAYS[name])


# hostile and broken files


class Runs:
    """Pickles as a call that leaves a trace."""

    def __reduce__(self):
        return os.mkdir, ("it_ran",)


FLOATS = Storage(np.arange(6, dtype="float32"), "0")
REFUSED = [  # what a file holds, what the error says
    (Runs(), "posix.mkdir"),
    ({"a": Runs()}, "posix.mkdir"),
    ({"args": argparse.Namespace(lr=1)}, "argparse.Namespace"),
    ([1, 2], "a list, not a state dict"),
    ({"a": Tensor(FLOATS, 0, (7,), (1,))}, "reaches to number 6 of 6"),
    ({"a": Tensor(FLOATS, 3, (2, 2), (3, 1))}, "reaches to number 7 of 6"),
    ({"a": Tensor(FLOATS, -1, (2,), (1,))}, "offset, shape and strides"),
    ({"a": Tensor(FLOATS, 0, (2,), (-1,))}, "offset, shape and strides"),
    ({"a": Tensor(FLOATS, 0, (2, 2), (1,))}, "strides"),
    ({"a": Tensor(FLOATS, 0, (10**6, 10**6), (0, 0))}, "shape"),
    ({"a": Tensor(FLOATS, 0, ("two",), (1,))}, "offset, shape and strides"),
    ({"a": Tensor("no storage", 0, (2,), (1,))}, "without a storage"),
]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(("value", "message"), REFUSED)
def test_refused(write, value, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "x.pth", value)
    with pytest.raises(ValueError, match=message) as error:
        read_pth(tmp_path / "x.pth")
    assert "x.pth" in str(error.value)
    assert not (tmp_path / "it_ran").exists()


@pytest.mark.parametrize("write", WRITERS)
def test_cut_short(write, tmp_path):
    path = tmp_path / "x.pth"
    write(path, state_of(ARRAYS))
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="PyTorch state file"):
            read_pth(path)


def test_what_a_zip_lacks(tmp_path):
    path = tmp_path / "x.pth"
    write_zip(path, state_of(ARRAYS))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="it is cut short"):
        read_pth(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "no tensors")
    with pytest.raises(ValueError, match=r"has no data\.pkl"):
        read_pth(path)


def test_compressed_members(tmp_path):
    write_zip(tmp_path / "x.pth", state_of(ARRAYS), zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="is compressed"):
        read_pth(tmp_path / "x.pth")


def test_a_storage_of_another_size(tmp_path):
    write_zip(tmp_path / "x.pth", {"a": Tensor(FLOATS, 0, (6,), (1,))})
    with zipfile.ZipFile(tmp_path / "x.pth") as archive:
        pickled = archive.read("x/data.pkl")
    with zipfile.ZipFile(tmp_path / "y.pth", "w") as archive:
        archive.writestr("x/data.pkl", pickled)
        archive.writestr("x/data/0", bytes(20))
    with pytest.raises(ValueError, match="x/data/0: 24 B expected"):
        read_pth(tmp_path / "y.pth")


def test_memory_is_not_taken_on_a_files_word(tmp_path):
    # "put this at place 2**31 of the memo": 16 GiB in the C unpickler
    number = pickle.LONG1 + b"\x01\x01"
    evil = pickle.PROTO + b"\x02" + number + pickle.LONG_BINPUT
    evil += struct.pack("<I", 2**31) + pickle.STOP
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("x/data.pkl", evil)
    tracemalloc.start()
    with pytest.raises(ValueError, match="not a state dict"):
        read_pth(tmp_path / "x.pth")
    assert tracemalloc.get_traced_memory()[1] < 10 * 2**20
    tracemalloc.stop()


def test_another_file(tmp_path):
    path = tmp_path / "x.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert not is_pth(path)
    with pytest.raises(ValueError, match="PyTorch state file"):
        read_pth(path)
