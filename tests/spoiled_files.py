"""Files that don't serve, written in place of one that does."""

import h5py
import numpy as np


def cut_short(path, source):
    data = source.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def no_hdf5(path, source):
    path.write_text("<html>404: not found</html>")


def empty(path, source):
    path.write_bytes(b"")


def no_detector(path, source):
    with h5py.File(path, "w") as file:
        file["kernel"] = np.zeros(3)


def missing(path, source):
    pass


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text
