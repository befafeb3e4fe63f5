"""The checkpoint file: there and back, crashes at any call, files from strangers."""

import errno
import io
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from tests.helpers.crash import Recorder
from training.recovery import checkpoint

SHAPES = {"model": [((2, 3), "float32"), ((), "int64")], "average": [((4,), "float32")]}


def arrays(seed):
    rng = np.random.default_rng(seed)
    return {
        "model": [rng.normal(size=(2, 3)).astype("float32"), np.array(seed, "int64")],
        "average": [rng.normal(size=4).astype("float32")],
    }


def save(path, seed):
    checkpoint.save(path, {"history": [{"loss": seed / 3}]}, arrays(seed))


def load(path):
    """The seed of a sound checkpoint."""
    state = checkpoint.read_state(path)
    received = checkpoint.read_arrays(path, SHAPES)
    seed = int(received["model"][1])
    assert state["history"] == [{"loss": seed / 3}]
    for group, values in arrays(seed).items():
        for value, other in zip(values, received[group], strict=True):
            np.testing.assert_array_equal(value, other)
    return seed


@pytest.fixture
def path(tmp_path):
    return tmp_path / checkpoint.NAME


def test_there_and_back(path):
    save(path, 1)
    assert load(path) == 1
    save(path, 2)
    assert load(path) == 2
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_not_kept(bad, path):
    save(path, 1)
    with pytest.raises(FloatingPointError, match="average"):
        checkpoint.save(path, {}, {**arrays(2), "average": [np.array([bad])]})
    assert load(path) == 1


# crashes


def survivors(path, monkeypatch):
    """What loading gives after a crash at each call and each loss; None: nothing."""
    save(path, 1)
    before = path.read_bytes()
    recorder = Recorder(path.parent)
    with recorder.recording(monkeypatch):
        save(path, 2)
    kinds = [event[0] for event in recorder.events]
    assert kinds[0] == "create" and kinds.count("write") > 3
    found = []
    for count, content in recorder.outcomes(path, before):
        path.write_bytes(content)
        try:
            found.append((count, load(path)))
        except ValueError:
            found.append((count, None))
    assert max(count for count, _ in found) == len(kinds)
    return found, kinds


def test_a_crash_at_any_call_leaves_the_old_or_the_new_state(path, monkeypatch):
    found, kinds = survivors(path, monkeypatch)
    assert {seed for _, seed in found} == {1, 2}
    assert {seed for count, seed in found if count == len(kinds)} == {2}
    assert kinds[-3:] == ["fsync", "rename", "fsync"]


def test_the_recorder_sees_that_a_sync_is_missing(path, monkeypatch):
    monkeypatch.setattr("base.files._sync", lambda _: None)
    found, _ = survivors(path, monkeypatch)
    assert {seed for _, seed in found} == {1, 2, None}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EACCES])
@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_errors_of_the_disk(number, call, path, monkeypatch):
    save(path, 1)

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        if call == "write":
            patch.setattr(zipfile.ZipFile, "writestr", fail)
            patch.setattr(zipfile.ZipFile, "open", fail)
        else:
            patch.setattr(os, call, fail)
        with pytest.raises(OSError, match=os.strerror(number)) as error:
            save(path, 2)
    assert str(path) in str(error.value)
    assert load(path) == 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a file system can't be mounted here")
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(small_disk):
    path = small_disk / checkpoint.NAME
    save(path, 1)
    large = {"model": [np.zeros(100_000, "float32")]}
    with pytest.raises(OSError, match=r"checkpoint\.npz.*No space left"):
        checkpoint.save(path, {}, large)
    assert load(path) == 1
    assert [file.name for file in small_disk.iterdir()] == [path.name]


# files from strangers


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def state_bytes(**changes):
    text = json.dumps({"format": checkpoint.FORMAT, **changes})
    return npy(np.frombuffer(text.encode(), np.uint8))


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


def header_of(shape, dtype="<f4"):
    """A .npy file that claims a shape and holds nothing."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


GOOD_MEMBERS = {
    "state.npy": state_bytes(history=[{"loss": 1 / 3}]),
    **{
        f"{group}/{number}.npy": npy(array)
        for group, values in arrays(1).items()
        for number, array in enumerate(values)
    },
}


@pytest.mark.parametrize(
    "changes",
    [
        {"state.npy": state_bytes(format=99)},
        {"state.npy": npy(np.frombuffer(b"[1, 2", np.uint8))},
        {"state.npy": npy(np.frombuffer(b"[" * 100_000, np.uint8))},
        {"state.npy": npy(np.frombuffer(b"\xff\xfe", np.uint8))},
        {"state.npy": npy(np.array([Bomb()], object))},
        {"state.npy": header_of((10**12,), "|u1")},
        {"model/0.npy": npy(np.array([Bomb()], object))},
        {"model/0.npy": npy(np.zeros((2, 4), "float32"))},
        {"model/0.npy": npy(np.zeros((2, 3), "float64"))},
        {"model/0.npy": npy(np.asfortranarray(np.ones((2, 3), "float32")))},
        {"model/0.npy": header_of((2, 3))},
        {"model/0.npy": header_of((10**9, 10**9))},
        {"model/0.npy": b"PK\x03\x04"},
        {"model/0.npy": b""},
        {"../../evil.npy": npy(np.zeros(1))},
        {"model/0.npy": None},
    ],
)
def test_members_that_are_not_those_of_a_checkpoint(changes, path, monkeypatch):
    monkeypatch.chdir(path.parent)
    members = {**GOOD_MEMBERS, **changes}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            if content is not None:
                file.writestr(name, content)
    with pytest.raises(ValueError, match=r"checkpoint\.npz: not a sound") as error:
        load(path)
    assert "\n" not in str(error.value)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_compressed_members_are_refused(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in GOOD_MEMBERS.items():
            file.writestr(name, content)
    with pytest.raises(ValueError, match="compressed"):
        load(path)


def test_every_cut_and_every_flipped_byte_is_noticed(path):
    save(path, 1)
    content = path.read_bytes()
    found = set()
    for at in range(0, len(content), 7):
        for damaged in (
            content[:at],
            content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :],
        ):
            path.write_bytes(damaged)
            try:
                found.add(load(path))  # the sound state, or an error
            except ValueError:
                found.add(None)
    assert found <= {1, None}


def test_no_file_and_no_zip(path):
    with pytest.raises(ValueError, match="no such file"):
        checkpoint.read_state(path)
    path.write_bytes(b"PK no zip")
    with pytest.raises(ValueError, match="no checkpoint, or cut short"):
        checkpoint.read_state(path)


def test_checkpoints_and_options_are_read_without_keras():
    code = (
        "import sys; from training import options; "
        "from training.recovery import checkpoint; "
        "assert 'keras' not in sys.modules and 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
