"""Files that don't serve, in place of one that does, and what is said of them."""

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
    """The text of what pytest.raises caught, which has no second line."""
    text = str(error.value)
    assert "\n" not in text
    return text
