"""export.py from the command line to the file, and what other scripts do with it."""

import io
import json
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import keras
import numpy as np
import pytest

import export
import exporting
from base.constants import IMAGE_SIZE
from base.errors import UserError
from data import read_dataset, resize
from exporting import proof
from inference import runtimes
from models.weights.hub import DEFAULT
from tests.helpers.detectors import write_photos
from tests.helpers.exportables import need

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports need TensorFlow"
)
MS = "latency_ms_p50"
ROOT = Path(export.__file__).parent


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("data") / "photos")


@pytest.fixture(scope="module")
def exported(photos, tmp_path_factory):
    """The default detector as an ONNX file, and what export.py printed."""
    need("onnx")
    folder = tmp_path_factory.mktemp("exported")
    weights = folder / "demo.weights.h5"
    shutil.copy(DEFAULT, weights)
    argv = ["--weights", str(weights), "--format", "onnx", "--data", str(photos)]
    printed = io.StringIO()
    with redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "measure_fps", lambda *_, **__: {MS: 1.0})
        assert export.main(argv) == 0
    (folder / "printed").write_text(printed.getvalue(), "utf-8")
    return folder / "demo.onnx"


def test_a_proven_file_with_its_labels(exported):
    names = sorted(path.name for path in exported.parent.iterdir())
    assert names == ["demo.onnx", "demo.weights.h5", "labels.txt", "printed"]
    card = runtimes.load(exported).metadata
    assert (exported.parent / "labels.txt").read_text("utf-8") == card.labels()
    assert card.class_names[:2] == ["aeroplane", "bicycle"]


def test_int8_is_calibrated_on_training_images(photos, tmp_path, monkeypatch):
    need("onnx")
    received = []

    def write(name, exportable, path):
        received.append(exportable.images)
        raise UserError("enough")

    monkeypatch.setattr(exporting, "write", write)
    argv = ["--weights", str(DEFAULT), "--format", "onnx", "--data", str(photos)]
    argv += ["--output", str(tmp_path / "new.onnx")]
    assert export.main(argv) == 2
    assert export.main([*argv, "--precision", "int8"]) == 2
    assert len(received[0]) == 0
    expected = [
        resize(sample.read_image(), np.zeros((0, 5)), IMAGE_SIZE)[0]
        for sample in read_dataset([photos], "train").samples
    ]
    np.testing.assert_array_equal(received[1], expected)


def test_scripts_take_it_without_keras(exported, photos, tmp_path):
    """In a process of their own; the figures are those of export.py's table."""
    figures, found = str(tmp_path / "figures.json"), str(tmp_path / "found.json")
    options = ["--data", str(photos), "--plot", str(tmp_path / "curves.png")]
    options += ["--batch-size", "1", "--json", figures]
    image = str(next((photos / "JPEGImages").iterdir()))
    code = f"""
import sys, detect, evaluate
weights = ["--weights", {str(exported)!r}]
assert evaluate.main([*weights, *{options}]) == 0
out = ["--output", {str(tmp_path / "out")!r}, "--json", {found!r}]
assert detect.main([{image!r}, *weights, *out]) == 0
assert not {{"keras", "tensorflow"}} & set(sys.modules), "Keras was loaded"
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    received = json.loads(Path(figures).read_text("utf-8"))
    table = (exported.parent / "printed").read_text("utf-8").splitlines()
    rows = [line.split() for line in table if line.startswith(str(exported.parent))]
    assert [row[1] for row in rows] == [f"{received['mAP50']:.3f}"] * 2
    assert received["mAP50"] > 0.5 and received["fps"] > 0
    assert json.loads(Path(found).read_text("utf-8"))


@pytest.fixture
def again(exported, photos, tmp_path, monkeypatch):
    """again(shift): export.main on a file whose boxes are shifted; (status, folder)."""

    def write(name, exportable, path):
        shutil.copy(exported, path)

    def run(shift, *options):
        load = runtimes.load

        def shifted(path, *args):
            network = load(path, *args)
            network.__class__ = type("Shifted", (type(network),), {"__call__": call})
            return network

        def call(network, images):
            rows = runtimes.ExportedModel.__call__(network, images)
            return rows + (rows[..., 1:2] > 0) * np.float32([0, 0, shift, 0, shift, 0])

        monkeypatch.setattr(exporting, "write", write)
        monkeypatch.setattr(proof, "measure_fps", lambda *_, **__: {MS: 1.0})
        monkeypatch.setattr(runtimes, "load", shifted)
        weights = exported.with_name("demo.weights.h5")
        argv = ["--weights", str(weights), "--format", "onnx", "--data", str(photos)]
        output = tmp_path / "mine.onnx"
        return export.main([*argv, "--output", str(output), *options])

    return run


@pytest.mark.parametrize(
    ("shift", "options", "words"),
    [
        (0.002, [], ["a box moved by 2.0e-03, more than 0.001"]),
        (0.5, ["--precision", "float16"], ["mAP50 fell by"]),
    ],
)
def test_a_file_that_differs_is_marked(again, tmp_path, capsys, shift, options, words):
    assert again(shift, *options) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mine.onnx.failed"]
    err = capsys.readouterr().err.splitlines()
    assert all(word in err[-1] for word in ["mine.onnx.failed", *words])


def test_tolerance_is_the_users(again, tmp_path):
    assert again(0.5, "--precision", "float16", "--tolerance", "100") == 0
    assert (tmp_path / "mine.onnx").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--weights", "no.h5"], "no.h5"),
        (
            ["--format", "saved_model", "--precision", "int8"],
            "--format saved_model has",
        ),
        (["--format", "onnx", "--output-format", "frigate"], "--format litert"),
        ([], "--data FOLDER is needed"),
        (["--output", "x.tflite"], "ending in .onnx"),
        (["--output", "taken.onnx"], "taken.onnx exists already"),
        (["--output", "other/x.onnx", "--data", "photos"], "holds other classes"),
    ],
)
def test_mistakes_are_one_line(
    options, words, photos, tmp_path, monkeypatch, capsys, exported
):
    monkeypatch.chdir(tmp_path)
    Path("photos").symlink_to(photos)
    Path("taken.onnx").touch()
    Path("other").mkdir()
    Path("other/labels.txt").write_text("cat\n", "utf-8")
    default = ["--weights", str(DEFAULT), "--format", "onnx"]
    if "--output" not in options:
        default += ["--output", "new.onnx"]
    before = sorted(Path().rglob("*"))
    assert export.main([*default, *options]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("export.py: ") and words in line
    assert sorted(Path().rglob("*")) == before


def test_a_package_that_is_not_there_is_named(monkeypatch, capsys):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    argv = ["--weights", str(DEFAULT), "--format", "litert"]
    assert export.main(argv) == 2
    assert "pip install ai-edge-litert" in capsys.readouterr().err
