"""Published detectors by name, from a server on 127.0.0.1."""

import hashlib

import cv2
import keras
import numpy as np
import pytest

import detect
from models import Architecture, build, weights
from models.weights import hub
from models.weights.__main__ import main
from models.weights.arrays import folded_arrays
from models.weights.published.class_names import COCO, COCO_BY_ID, VOC, list_of
from tests.helpers.torch_files import state_of, write_zip
from tests.models.weights.test_published import torchvision_state


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """torchvision's file of 90 classes, with random weights."""
    keras.utils.set_random_seed(0)
    model = build(Architecture("ssd300", 91, norm="none", layout="coco"))
    path = tmp_path_factory.mktemp("published") / "x.pth"
    write_zip(path, state_of(torchvision_state(91, folded_arrays(model))))
    return path


@pytest.fixture
def coco(published, server, tmp_path, monkeypatch):
    """`coco` leads to the server, and to an empty weights folder, which it returns."""
    content = published.read_bytes()
    server.files["/ssd300_x.pth"] = content
    download = hub.NAMED["coco"]._replace(
        url=f"{server.url}/ssd300_x.pth", sha256=hashlib.sha256(content).hexdigest()
    )
    monkeypatch.setitem(hub.NAMED, "coco", download)
    monkeypatch.setattr(hub, "FOLDER", tmp_path / "weights")
    return tmp_path / "weights"


def test_detect_with_coco(coco, published, server, tmp_path, capsys):
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype="uint8")
    cv2.imwrite(str(tmp_path / "a.png"), image)
    options = [str(tmp_path / "a.png"), "--weights", "coco", "--threshold", "0.01"]
    options += ["--top-k", "3", "--output", str(tmp_path / "out")]
    for _ in range(2):  # the second time nothing is fetched
        assert detect.main(options) == 0
    assert len(server.ranges) == 1
    text = capsys.readouterr()
    assert "80 classes, from http://127.0.0.1" in text.err
    found = [line.split(": ", 1)[1] for line in text.out.splitlines()]
    assert found and all(line.startswith(tuple(COCO.split(", "))) for line in found)
    kept, description = weights.load(coco / "ssd300_coco.weights.h5")
    assert description.class_names == COCO.split(", ")
    assert description.licence == "torchvision's weights: see there."
    # the logits are those of the ids that COCO uses
    whole, _ = weights.load(published)
    x = image[None, :100, :100].repeat(3, axis=1).repeat(3, axis=2)
    columns = [0, 1, 2, 3, 4]  # offsets, background
    ids = enumerate(COCO_BY_ID.split(", "), start=5)
    columns += [column for column, name in ids if name != "-"]
    expected = keras.ops.convert_to_numpy(whole(x))[..., columns]
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(kept(x)), expected, atol=1e-4 * abs(expected).max()
    )


def test_another_file_under_the_address(coco, server, capsys):
    server.files["/ssd300_x.pth"] = b"something else"
    assert main(["coco"]) == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert "expected the hash" in line
    assert not list(coco.iterdir())


@pytest.mark.usefixtures("coco")
def test_offline(monkeypatch, capsys):
    gone = hub.NAMED["coco"]._replace(url="http://127.0.0.1:9/ssd300_x.pth")
    monkeypatch.setitem(hub.NAMED, "coco", gone)
    assert main(["coco"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "can't be reached" in line and "put the file into" in line


def test_the_table():
    counts = {n: len(list_of(row.class_names)) for n, row in hub.NAMED.items()}
    assert counts == {"voc": 20, "coco": 90}
    for row in hub.NAMED.values():
        assert row.url.startswith("https://") and row.url.endswith(".pth")
        assert len(bytes.fromhex(row.sha256)) == 32
    coco = hub.NAMED["coco"]
    assert coco.sha256[:8] in coco.url  # torch.hub's rule
    assert hub.NAMED["voc"].class_names == VOC


def test_other_names_are_paths():
    assert hub.resolve_weights("imagenet") == "imagenet"
    assert hub.resolve_weights("./coco") == "./coco"
