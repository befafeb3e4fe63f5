"""No telemetry: training, scoring, detection and export ask no host for anything."""

import socket
from urllib.request import urlopen

import pytest

import detect
import evaluate
import export
import train
from data import __main__ as doctor
from tests.helpers.scripts import QUICK

pytestmark = pytest.mark.usefixtures("slim_squeezenet")
CALLS = ("connect", "connect_ex", "sendto")


@pytest.fixture
def hosts(monkeypatch):
    """Every address that is asked for; none is reached."""
    asked = []

    def refuse(*arguments, **_):
        asked.append(arguments)
        raise OSError("there is no network in this test")

    for name in CALLS:
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return asked


def test_from_training_to_detection(hosts, shapes, untrained, tmp_path):
    run = tmp_path / "run"
    data = ["--data", str(shapes)]
    options = [*data, "--output", str(run), *QUICK, "--weights", "none"]
    assert train.main(options) == 0
    assert doctor.main([str(shapes)]) in (0, 1)
    image = next((shapes / "JPEGImages").iterdir())
    scored = ["--weights", str(run / "best.weights.h5"), *data]
    assert evaluate.main([*scored, "--plot", str(tmp_path / "curves.png")]) == 0
    found = ["--weights", str(untrained), "--output", str(tmp_path / "found")]
    assert detect.main([str(image), *found]) == 0
    assert hosts == []


def test_export(hosts, shapes, untrained, tmp_path):
    """To OpenVINO, which brings a package that reports its use."""
    where = ["--output", str(tmp_path / "a.xml"), "--data", str(shapes)]
    options = ["--weights", str(untrained), "--format", "openvino", *where]
    assert export.main(options) == 0
    assert hosts == []


def test_a_host_would_be_noticed(hosts):
    with pytest.raises(OSError, match="no network"):
        urlopen("http://127.0.0.1:9")
    assert hosts
