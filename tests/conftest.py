"""What all tests share: quiet backends, a clean dtype policy, the shared folder."""

import os
import threading
from pathlib import Path

import pytest

from tests.helpers.file_server import make_server

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported
MOST_PROCESSES = 4  # each holds a TensorFlow of its own: some 2 GiB


def pytest_xdist_auto_num_workers(config):
    """For `-n auto`; 0, which is this one, for a single file and where -s shows all."""
    paths = {name.partition("::")[0] for name in config.args}
    if config.option.capture == "no" or (len(paths) == 1 and Path(*paths).is_file()):
        return 0
    return min(os.cpu_count() or 1, MOST_PROCESSES)


class Shared:
    """The folder of material beside the checkout; a test skips where it lacks a file.

    `shared / "weights/x.h5"` is that file's path.
    """

    root = Path(__file__).resolve().parents[2] / "shared"

    def __truediv__(self, name):
        path = self.root / name
        if not path.exists():
            pytest.skip(f"../shared/{name} is not there")
        return path


@pytest.fixture(scope="session")
def shared():
    return Shared()


@pytest.fixture(autouse=True)
def clean_policy():
    """Each test starts in float32, whatever the one before has set."""
    yield
    import sys

    if "keras" in sys.modules:
        sys.modules["keras"].config.set_dtype_policy("float32")


@pytest.fixture
def server():
    """Files on 127.0.0.1; see file_server."""
    server = make_server()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def shapes(tmp_path_factory):
    """A small drawn data set: 21 images to train, 4 of val, 5 of test."""
    from benchmarks.shapes.dataset import draw_shapes

    return draw_shapes(tmp_path_factory.mktemp("data") / "shapes", num_images=30)


@pytest.fixture
def slim_squeezenet():
    """squeezenet is some layers long, see tests.helpers.slim."""
    from tests.helpers.slim import slim

    with slim():
        yield


@pytest.fixture(scope="session")
def untrained(shapes, tmp_path_factory):
    """The weights file of tests.helpers.scripts.write_untrained, for
    slim_squeezenet."""
    from tests.helpers.scripts import write_untrained

    path = tmp_path_factory.mktemp("weights") / "untrained.weights.h5"
    return write_untrained(shapes, path)


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """ExportedModel files of a tiny detector, see
    tests.helpers.exportables.written_once."""
    from tests.helpers.exportables import written_once

    return written_once(tmp_path_factory.mktemp("exports"))
