"""train.py from the command line to the files that it leaves."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import evaluate
import train
from benchmarks.shapes.dataset import draw_shapes
from data import read_dataset
from models import Architecture, build, weights
from tests.data.readers.yolo.test_yolo import write as write_yolo
from tests.helpers.scripts import QUICK, strict_json


@pytest.fixture(scope="module")
def trained(shapes, tmp_path_factory):
    """A run's folder; of the real squeezenet, every layer of it."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    options = ["--data", str(shapes), "--output", str(folder), *QUICK]
    assert train.main([*options, "--weights", "none"]) == 0
    return folder


def test_train_leaves_a_whole_run(trained, shapes):
    with (trained / "history.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["epoch"] == "1"
    for name in ("loss", "box_loss", "class_loss", "acc", "val_loss", "val_acc"):
        assert np.isfinite(float(row[name]))
    assert 0 <= float(row["mAP50"]) <= 1
    assert float(row["lr"]) < 1e-3
    summary = strict_json(trained / "summary.json")
    assert summary["options"]["batch_size"] == 4
    assert "null" not in (trained / "summary.json").read_text()  # defaults are left out
    assert summary["precision"] == "float32"
    assert summary["architecture"]["backbone"] == "squeezenet"
    assert summary["images"] == {"train": 21, "val": 4}
    for name in ("best", "last"):
        description = weights.read_detector(trained / f"{name}.weights.h5").metadata
        assert description.class_names == read_dataset(shapes, "train").class_names
        assert description.training["epochs"] == 1
        assert description.training["options"]["data"] == [str(shapes)]
    for name in ("curves.png", "train_batch.jpg"):
        assert cv2.imread(str(trained / name)).size > 10_000
    drawn = sorted(path.stem for path in (trained / "val").iterdir())
    samples = read_dataset(shapes, "val").samples
    assert drawn == [f"{i}_{p.path.stem}" for i, p in enumerate(samples, start=1)]
    assert not [path for path in trained.iterdir() if path.name.startswith(".")]


def test_a_training_without_tiles_keeps_its_images_side(trained, shapes):
    sides = [
        (w * h) ** 0.5
        for w, h in (p.size_wh for p in read_dataset(shapes, "train").samples)
    ]
    kept = weights.read_detector(trained / "best.weights.h5").metadata.training[
        "tile_px"
    ]
    assert kept == pytest.approx(np.median(sides), abs=0.5)


def test_what_was_read_is_told_and_a_made_split_kept_before_the_training(
    tmp_path, capsys, monkeypatch
):
    names = [f"Foto ä {number}" for number in range(10)]
    files = {f"my photos/images/{name}.png": None for name in names}
    files |= {f"my photos/labels/{name}.txt": "0 0.5 0.5 0.4 0.4" for name in names}
    write_yolo(tmp_path, files | {"my photos/classes.txt": "cat\ndog\n"})
    folder, before = tmp_path / "first run", {}

    def fit(*_, **__):
        before["text"] = capsys.readouterr()
        before["split"] = json.loads((folder / "split.json").read_text("utf-8"))
        return []

    monkeypatch.setattr("training.fit.fit", fit)
    options = ["--data", str(tmp_path / "my photos"), "--output", str(folder), *QUICK]
    assert train.main([*options, "--weights", "none"]) == 0
    out, err = before["text"]
    number = len(before["split"]["train"])
    assert f"train: YOLO, {number} images (0 without objects), {number} boxes" in out
    assert f"  cat {10 - number}, dog 0" in out  # of val
    assert "no lists, so names were split by their hash, 80% train and 20% val" in err
    listed = before["split"]["train"] + before["split"]["val"]
    assert sorted(Path(path).stem for path in listed) == names
    assert f"train.py --resume '{folder}'" in capsys.readouterr().out


def test_train_goes_on_from_a_detector(slim_squeezenet, shapes, tmp_path, capsys):
    best, names = (
        tmp_path / "best.weights.h5",
        read_dataset(shapes, "train").class_names,
    )
    architecture = Architecture("squeezenet", len(names) + 1)
    weights.save(build(architecture), best, weights.ModelMetadata(architecture, names))
    before = best.read_bytes()
    options = ["--data", str(shapes), "--output", str(tmp_path / "next"), *QUICK]
    assert train.main([*options, "--weights", str(best), "--freeze"]) == 0
    assert best.read_bytes() == before
    received, _ = weights.load(tmp_path / "next" / "last.weights.h5")
    start, _ = weights.load(best)
    for name, is_same in (("conv1", True), ("fc7_mbox_conf", False)):
        pairs = zip(
            received.get_layer(name).get_weights(),
            start.get_layer(name).get_weights(),
            strict=True,
        )
        assert all((a == b).all() for a, b in pairs) == is_same
    assert "mAP50" in capsys.readouterr().out


def test_train_on_tiles_and_score_whole_images(slim_squeezenet, tmp_path, capsys):
    shapes = draw_shapes(tmp_path / "shapes", num_images=10)  # 7, 2 of val, 1 of test
    folder, figures = tmp_path / "tiles", tmp_path / "figures.json"
    options = ["--data", str(shapes), "--output", str(folder), *QUICK]
    options += ["--weights", "none", "--tile", "200"]
    assert train.main(options) == 0
    out, err = capsys.readouterr()
    assert "7 images cut into" in err and "tiles of 200 pixels" in err
    assert "mAP50" in out and out.rstrip().endswith("best.weights.h5 --tile")
    best = folder / "best.weights.h5"
    assert weights.read_detector(best).metadata.training["tile_px"] == 200
    options = ["--weights", str(best), "--data", str(shapes), "--split", "test"]
    assert evaluate.main([*options, "--tile", "--json", str(figures)]) == 0
    assert strict_json(figures)["tile_px"] == 200
    assert strict_json(figures)["images"] == 1
    assert "tiles of 200 pixels" in capsys.readouterr().out


def test_train_says_at_once_that_its_folder_is_taken(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("kept")
    options = ["--data", str(tmp_path / "gone"), "--output", str(tmp_path)]
    assert train.main(options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "already holds something" in line
    assert (tmp_path / "mine.txt").read_text() == "kept"
