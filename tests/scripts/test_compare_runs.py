"""compare.py on runs and exported files that are there: what it says of them."""

import csv
import json
import shutil
import sys
from dataclasses import replace

import keras
import pytest
from markupsafe import escape

import compare
import evaluate
from base.constants import MIN_SCORE
from comparison.scores import Detected, score
from data import Batches
from inference import runtimes
from inference.dataset import evaluate_detector
from inference.runtimes import size_of
from models import weights
from tests.helpers import comparisons, exportables, tiny
from training.monitoring.validation import Evaluator


@pytest.fixture
def two_runs(tmp_path, monkeypatch):
    """Runs of two networks whose detections take milliseconds, and their dataset."""
    dataset = tiny.dataset(tmp_path / "data", 4, "val")
    folders = []
    for name, lr in (("one", 0.1), ("other", 0.2)):
        folder = comparisons.write_run(tmp_path / name, "squeezenet", lr=lr)
        summary = json.loads((folder / "summary.json").read_text())
        summary["class_names"] = tiny.NAMES
        (folder / "summary.json").write_text(json.dumps(summary))
        description = weights.ModelMetadata(tiny.ARCHITECTURE, tiny.NAMES, 0.2)
        weights.save(tiny.detector(len(name)), folder / "last.weights.h5", description)
        folders.append(folder)

    def load(path):
        model = tiny.detector(0)
        weights.read_detector(path).fill(model)
        return model, weights.read_detector(path).metadata

    monkeypatch.setattr("models.weights.load", load)
    monkeypatch.setattr("models.weights.fold_batchnorm", lambda model, _: model)
    monkeypatch.setattr("data.read_dataset", lambda *_: dataset)
    return folders, dataset


def read_table(folder):
    with (folder / "table.csv").open(newline="") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


def test_runs_that_are_there(two_runs, tmp_path, capsys, monkeypatch):
    folders, dataset = two_runs
    output = tmp_path / "out"
    options = ["--runs", *map(str, folders), "--output", str(output)]
    assert compare.main([*options, "--rounds", "1"]) == 0
    assert "None of them detects anything yet." in capsys.readouterr().out
    table = read_table(output)
    assert set(table) == {"squeezenet light (one)", "squeezenet light (other)"}
    for name in ("report.html", "table.md", "map_vs_fps.png", "curves.png"):
        assert (output / name).stat().st_size > 300
    for folder in folders:
        row = table[f"squeezenet light ({folder.name})"]
        model = tiny.detector(len(folder.name))
        figures, _, _ = Evaluator(model, tiny.ARCHITECTURE, dataset, 2)()
        assert float(row["mAP50"]) == pytest.approx(figures["mAP50"])
        assert float(row["val_acc"]) == pytest.approx(figures["val_acc"])
        assert float(row["parameters_m"]) * 1e6 == model.count_params()
        assert float(row["fps"]) > 0
    # what is scored is not scored again
    monkeypatch.setattr("training.monitoring.validation.Evaluator.__call__", None)
    assert compare.main([*options, "--rounds", "0"]) == 0
    again = read_table(output)
    for name, row in table.items():
        assert again[name]["mAP50"] == row["mAP50"]
        assert again[name]["fps"] == "nan"


def test_other_weights_are_scored_again(two_runs, tmp_path):
    folders, _ = two_runs
    output = tmp_path / "out"
    options = ["--runs", str(folders[0]), "--output", str(output), "--rounds", "0"]
    assert compare.main(options) == 0
    (before,) = read_table(output).values()
    shutil.copy(folders[1] / "last.weights.h5", folders[0])
    assert compare.main(options) == 0
    (after,) = read_table(output).values()
    assert after["val_acc"] != before["val_acc"]


def test_classes_of_another_data_set_are_named(two_runs, tmp_path, capsys):
    folders, _ = two_runs
    path = folders[1] / "last.weights.h5"
    description = weights.ModelMetadata(tiny.ARCHITECTURE, ["x", "z"], 0.2)
    weights.save(tiny.detector(0), path, description)
    options = ["--runs", *map(str, folders), "--output", str(tmp_path / "out")]
    assert compare.main(options) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"compare.py: {path}: expected the classes x, y")


@pytest.fixture
def exports(written, tmp_path, monkeypatch):
    """Paths of exported files of one detector, and dataset with what it knows."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exports need TensorFlow")
    classes = exportables.NAMES
    dataset = replace(tiny.dataset(tmp_path / "data", 4, "test"), class_names=classes)
    monkeypatch.setattr("data.read_dataset", lambda *_: dataset)
    kinds = [("onnx", "float32"), ("onnx", "int8"), ("openvino", "float32")]
    kinds += [("litert", "float32"), ("saved_model", "float32")]
    files = []
    for kind in kinds:
        path = written(*kind)
        folder = tmp_path / path.parent.name
        shutil.copytree(path.parent, folder)
        files.append(folder / path.name)
    return files, dataset


def test_exported_files_side_by_side(exports, tmp_path, monkeypatch):
    files, dataset = exports
    output = tmp_path / "out"
    options = ["--data", "D", "--runs", *map(str, files), "--output", str(output)]
    assert compare.main([*options, "--rounds", "1"]) == 0
    table = read_table(output)
    names = {
        "tiny.onnx (onnx-float32-plain)": files[0],
        "tiny.onnx (onnx-int8-plain)": files[1],
        "tiny.xml": files[2],
        "tiny.tflite": files[3],
        "tiny.saved_model": files[4],
    }
    assert table.keys() == names.keys()
    text = (output / "report.html").read_text("utf-8")
    for name, path in names.items():
        row, network = table[name], runtimes.load(path, MIN_SCORE)
        batches = Batches(dataset, 2, augmented=False)
        detected = Detected(evaluate_detector(network, batches)[1], 0, 0)
        figures = score(detected, dataset.samples, dataset.class_names)
        assert float(row["mAP50"]) == pytest.approx(figures.mAP50, abs=1e-6)
        assert float(row["AP"]) == pytest.approx(figures.AP, abs=1e-6)
        assert float(row["fps"]) > 0 and float(row["latency_ms_p50"]) > 0
        assert float(row["weights_mb"]) == pytest.approx(size_of(path) / 1e6)
        for unknown in ("parameters_m", "gflops", "minutes", "epochs", "val_acc"):
            assert row[unknown] == "nan"
        assert escape(str(path)) in text
    assert any(float(row["mAP50"]) > 0 for row in table.values())
    assert ", int8: tiny" in text
    assert "minutes" not in (output / "table.md").read_text()  # nothing known of any
    assert not (output / "curves.png").exists()
    # what is scored is not scored again, unless a part of it is another
    weights_of_xml = files[2].with_suffix(".bin")
    weights_of_xml.write_bytes(weights_of_xml.read_bytes() + b" ")
    scored = []

    def counted(network, batches):
        scored.append(network.metadata)
        return evaluate_detector(network, batches)

    monkeypatch.setattr("comparison.networks.evaluate_detector", counted)
    assert compare.main([*options, "--rounds", "0"]) == 0
    assert len(scored) == 1
    again = read_table(output)
    assert {n: r["mAP50"] for n, r in again.items()} == {
        n: r["mAP50"] for n, r in table.items()
    }


def test_an_exported_file_beside_a_run(
    exports, two_runs, tmp_path, monkeypatch, capsys
):
    (*_, path, _), dataset = exports
    dataset = replace(dataset, split="val")
    names = dataset.class_names
    architecture = replace(tiny.ARCHITECTURE, num_classes=len(names) + 1)
    loaded = tiny.detector(0), weights.ModelMetadata(architecture, names, 0.2)
    monkeypatch.setattr("models.weights.load", lambda _: loaded)
    monkeypatch.setattr("data.read_dataset", lambda *_: dataset)
    output = tmp_path / "out"
    options = ["--runs", str(path), str(two_runs[0][0]), "--output", str(output)]
    assert compare.main([*options, "--rounds", "1"]) == 0
    table = read_table(output)
    assert table.keys() == {"tiny.tflite", "squeezenet light"}
    assert table["squeezenet light"]["minutes"] == "2.0"
    assert table["tiny.tflite"]["minutes"] == "nan"
    assert (output / "curves.png").is_file()
    lines = capsys.readouterr().err.splitlines()
    (line,) = [line for line in lines if "last weights" in line]
    assert "tiny.tflite by what was exported" in line
    assert line.strip() in (output / "report.html").read_text("utf-8")


@pytest.mark.parametrize("name", ["photo.jpg", "nowhere.onnx"])
def test_what_is_neither_run_nor_export_is_one_line(name, tmp_path, capsys):
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    path = tmp_path / name
    assert compare.main(["--runs", str(path), "--output", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"compare.py: {path}: expected a run of train.py")
    assert "export.py" in line


def test_a_runtime_that_is_not_there_is_one_line(tmp_path, monkeypatch, capsys):
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"\x08\x08\x12\x07tf2onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "inference.runtimes.onnx_file", raising=False)
    assert compare.main(["--runs", str(path), "--output", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"compare.py: {path}: its runtime is not installed: pip install onnxruntime"
    )


@pytest.mark.slow
def test_the_figures_are_those_of_evaluate(shapes, tmp_path):
    output = tmp_path / "out"
    options = ["--data", str(shapes), "--backbones", "squeezenet", "--epochs", "1"]
    options += ["--weights", "none", "--split", "test", "--output", str(output)]
    assert compare.main([*options, "--rounds", "1"]) == 0
    (row,) = read_table(output).values()
    figures, plot = tmp_path / "figures.json", tmp_path / "curves.png"
    path = output / "squeezenet-seed0" / "best.weights.h5"
    evaluated = ["--weights", str(path), "--data", str(shapes), "--split", "test"]
    assert evaluate.main([*evaluated, "--json", str(figures), "--plot", str(plot)]) == 0
    expected = json.loads(figures.read_text())
    for name in ("mAP50", "AP", "val_acc"):
        assert float(row[name]) == pytest.approx(expected[name], rel=1e-6)
    assert float(row["peak_memory_gib"]) > 0.2
