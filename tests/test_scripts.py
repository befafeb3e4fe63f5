"""train.py, evaluate.py, detect.py from the command line to the files they leave."""

import csv
import dataclasses
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

import detect
import evaluate
import graft
import train
from data import Batches, draw_shapes, read_voc
from evaluation import write_predictions
from models import Architecture, build, weights
from tests.test_data_yolo import write as write_yolo
from training import checkpoint

ROOT = Path(train.__file__).parent
QUICK = ["--precision", "float32", "--epochs", "1", "--batch-size", "4"]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """A small drawn data set: 21 pictures to train, 4 of val, 5 of test."""
    return draw_shapes(tmp_path_factory.mktemp("data") / "shapes", num_pictures=30)


@pytest.fixture(scope="module")
def trained(shapes, tmp_path_factory):
    """A run's folder."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    options = ["--data", str(shapes), "--output", str(folder), *QUICK]
    assert train.main([*options, "--weights", "none"]) == 0
    return folder


@pytest.fixture(scope="module")
def untrained(shapes, tmp_path_factory):
    """A weights file that finds something everywhere, with scores of all sizes."""
    names = read_voc(shapes, "val").class_names
    architecture = Architecture("squeezenet", len(names) + 1, norm="none")
    keras.utils.set_random_seed(0)
    model = build(architecture)
    heads = [layer for layer in model.layers if "_mbox_" in layer.name]
    maps = keras.Model(model.input, [layer.output for layer in heads])
    noise = np.random.default_rng(0).integers(0, 255, (1, 300, 300, 3), "uint8")
    for layer, values in zip(heads, maps(noise), strict=True):
        layer.kernel.assign(np.array(layer.kernel) / np.array(values).std())
    path = tmp_path_factory.mktemp("weights") / "untrained.weights.h5"
    description = weights.Description(architecture, names, threshold=0.011)
    weights.save(model, path, description)
    return path


@pytest.fixture
def copied(untrained, tmp_path):
    path = tmp_path / "mine.weights.h5"
    path.write_bytes(untrained.read_bytes())
    return path


def picture(path, value=90, size_wh=(80, 50)):
    width, height = size_wh
    image = np.full((height, width, 3), value, "uint8")
    image[10:40, 10:30] = 255 - value
    assert cv2.imwrite(str(path), image)
    return path


def strict_json(path):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(Path(path).read_text("utf-8"), parse_constant=refuse)


# train.py


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
    assert summary["precision"] == "float32"
    assert summary["architecture"]["backbone"] == "squeezenet"
    assert summary["pictures"] == {"train": 21, "val": 4}
    for name in ("best", "last"):
        description = weights.describe(trained / f"{name}.weights.h5")
        assert description.class_names == read_voc(shapes, "train").class_names
        assert description.training["epochs"] == 1
        assert description.training["options"]["data"] == [str(shapes)]
    for name in ("curves.png", "train_batch.jpg"):
        assert cv2.imread(str(trained / name)).size > 10_000
    drawn = sorted(path.stem for path in (trained / "val").iterdir())
    pictures = read_voc(shapes, "val").pictures
    assert drawn == [f"{i}_{p.path.stem}" for i, p in enumerate(pictures, start=1)]
    assert not [path for path in trained.iterdir() if path.name.startswith(".")]


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
    assert f"train: YOLO, {number} pictures (0 without objects), {number} boxes" in out
    assert f"  cat {10 - number}, dog 0" in out  # of val
    assert "no lists, so names were split by their hash, 80% train and 20% val" in err
    listed = before["split"]["train"] + before["split"]["val"]
    assert sorted(Path(path).stem for path in listed) == names
    assert f"train.py --resume '{folder}'" in capsys.readouterr().out


def test_train_goes_on_from_a_detector(trained, shapes, tmp_path, capsys):
    best = trained / "best.weights.h5"
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


def test_train_on_tiles_and_score_whole_pictures(shapes, tmp_path, capsys):
    folder, figures = tmp_path / "tiles", tmp_path / "figures.json"
    options = ["--data", str(shapes), "--output", str(folder), *QUICK]
    options += ["--weights", "none", "--tile-size", "200"]
    assert train.main(options) == 0
    out, err = capsys.readouterr()
    assert "21 pictures cut into" in err and "tiles of 200 pixels" in err
    assert "mAP50" in out
    best = folder / "best.weights.h5"
    assert weights.describe(best).training["tile_px"] == 200
    options = ["--weights", str(best), "--data", str(shapes), "--split", "test"]
    assert evaluate.main([*options, "--tile", "--json", str(figures)]) == 0
    assert strict_json(figures)["tile_px"] == 200
    assert strict_json(figures)["pictures"] == 5
    assert "tiles of 200 pixels" in capsys.readouterr().out


def test_a_training_without_tiles_keeps_its_pictures_side(trained, shapes):
    sides = [
        (w * h) ** 0.5
        for w, h in (p.size_wh for p in read_voc(shapes, "train").pictures)
    ]
    kept = weights.describe(trained / "best.weights.h5").training["tile_px"]
    assert kept == pytest.approx(np.median(sides), abs=0.5)


# evaluate.py


def test_evaluate_with_tiles_finds_what_the_detector_finds(copied, shapes, tmp_path):
    """Pictures that fit one tile: the same detections, so the same figures."""
    options = ["--weights", str(copied), "--data", str(shapes), "--split", "test"]
    whole, tiled = tmp_path / "whole.json", tmp_path / "tiled.json"
    assert evaluate.main([*options, "--json", str(whole)]) == 0
    assert evaluate.main([*options, "--tile-size", "999", "--json", str(tiled)]) == 0
    for name in ("mAP07", "mAP50", "AP", "AR_100"):
        assert strict_json(tiled)[name] == pytest.approx(
            strict_json(whole)[name], abs=1e-4
        )


def test_evaluate_on_val_prints_writes_and_keeps(copied, shapes, tmp_path, capsys):
    figures_path = tmp_path / "figures.json"
    options = ["--weights", str(copied), "--data", str(shapes)]
    assert evaluate.main([*options, "--json", str(figures_path)]) == 0
    names = read_voc(shapes, "val").class_names
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert ["Class", "Images", "Instances", "P", "R", "mAP50", "mAP50-95"] in lines
    assert {"all", *names} <= {line[0] for line in lines if line}
    figures = strict_json(figures_path)
    assert set(figures["classes"]) == set(names)
    for name in ("mAP07", "mAP50", "AP", "val_acc", "fps", "latency_ms_p50"):
        assert name in figures
    assert figures["fps"] > 0
    assert cv2.imread(str(tmp_path / "mine.val.png")).size > 10_000
    assert weights.describe(copied).threshold == pytest.approx(figures["threshold"])
    assert weights.describe(copied).threshold != 0.011
    assert weights.describe(copied).f1 == pytest.approx(figures["f1"])
    expected, _ = weights.load(copied)
    assert expected.name == "squeezenet"


def test_evaluate_on_test_keeps_the_threshold(copied, shapes, tmp_path):
    before = copied.read_bytes()
    options = ["--weights", str(copied), "--data", str(shapes), "--split", "test"]
    assert evaluate.main([*options, "--plot", str(tmp_path / "pr.png")]) == 0
    assert copied.read_bytes() == before
    assert (tmp_path / "pr.png").exists()


@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluate_perfect_predictions(split, shapes, tmp_path, capsys):
    dataset = read_voc(shapes, split)
    found = [
        np.column_stack([p.truth[:, 4], np.full(len(p.truth), 0.9), p.truth[:, :4]])
        for p in dataset.pictures
    ]
    sizes = [p.size_wh for p in dataset.pictures]
    names = [p.path.name for p in dataset.pictures]
    path, figures_path = tmp_path / "perfect.json", tmp_path / "figures.json"
    write_predictions(path, found, sizes, names)
    options = ["--predictions", str(path), "--data", str(shapes), "--split", split]
    assert evaluate.main([*options, "--json", str(figures_path)]) == 0
    figures = strict_json(figures_path)
    for name in ("mAP07", "mAP50", "AP", "AP75"):
        assert figures[name] == pytest.approx(1.0), name
    assert (tmp_path / f"perfect.{split}.png").exists()
    # the same boxes, each of another class: nothing is right
    for rows in found:
        rows[:, 0] = rows[:, 0] % len(dataset.class_names) + 1
    write_predictions(path, found, sizes, names)
    assert evaluate.main([*options, "--json", str(figures_path)]) == 0
    assert strict_json(figures_path)["mAP50"] < 0.2


# detect.py


def test_detect_writes_pictures_lines_and_json(untrained, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, size in enumerate([(80, 50), (50, 80), (300, 300)]):
        picture(folder / f"p{number}.png", 40 * number, size)
    out = tmp_path / "out"
    options = [str(folder), "--weights", str(untrained), "--top-k", "5"]
    options += ["--batch-size", "2", "--output", str(out)]
    assert detect.main([*options, "--json", str(tmp_path / "found.json")]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["p0.jpg", "p1.jpg", "p2.jpg"]
    lines = capsys.readouterr().out.splitlines()
    entries = strict_json(tmp_path / "found.json")
    assert len(lines) == len(entries) == 15
    names = weights.describe(untrained).class_names
    for line, entry in zip(lines, entries, strict=True):
        path, name, score, *corners_px = line.split()
        assert path.rstrip(":").endswith(entry["image_id"])
        assert name == names[entry["category_id"] - 1]
        assert float(score) == pytest.approx(entry["score"], abs=0.006)
        x, y, width, height = entry["bbox"]
        expected = [x, y, x + width, y + height]
        assert list(map(int, corners_px)) == pytest.approx(expected, abs=1)
    small = [entry["bbox"] for entry in entries if entry["image_id"] == "p0.png"]
    assert max(x + width for x, _, width, _ in small) <= 80.01
    assert max(y + height for _, y, _, height in small) <= 50.01
    assert detect.main(options) == 0  # nothing is overwritten
    assert (out / "p0-2.jpg").exists()


def test_detect_threshold(untrained, tmp_path, capsys):
    path = picture(tmp_path / "a.png")
    options = [str(path), "--weights", str(untrained), "--output", str(tmp_path / "o")]
    assert detect.main([*options, "--threshold", "1"]) == 0
    assert capsys.readouterr().out == ""
    assert detect.main([*options, "--threshold", "0.7"]) == 0
    scores = [float(line.split()[2]) for line in capsys.readouterr().out.splitlines()]
    assert 0 < len(scores) < 200
    assert min(scores) >= 0.7
    assert detect.main(options) == 0  # the file's own, 0.011
    assert len(capsys.readouterr().out.splitlines()) == 200


def test_detect_leaves_a_broken_picture_out(untrained, tmp_path, capsys):
    good = picture(tmp_path / "good.png")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no picture")
    out = tmp_path / "out"
    options = ["--weights", str(untrained), "--output", str(out), "--top-k", "1"]
    assert detect.main([str(broken), str(good), *options]) == 0
    left_out, summary = capsys.readouterr().err.splitlines()
    assert str(broken) in left_out
    assert "in 1 pictures" in summary and "1 could not be read" in summary
    assert [path.name for path in out.iterdir()] == ["good.jpg"]
    assert detect.main([str(broken), *options]) == 2
    assert str(broken) in capsys.readouterr().err


# a run goes on


@pytest.fixture
def stopped(trained, tmp_path):
    """A copy of the run's folder."""
    return Path(shutil.copytree(trained, tmp_path / "stopped"))


def test_resume_lengthens_a_run(stopped, capsys):
    assert train.main(["--resume", str(stopped), "--epochs", "2"]) == 0
    assert "will differ" not in capsys.readouterr().err
    with (stopped / "history.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    summary = strict_json(stopped / "summary.json")
    assert summary["last"]["epoch"] == 2
    assert summary["options"]["batch_size"] == 4  # the run's own


def test_a_run_that_is_over_says_so(stopped, monkeypatch, capsys):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert train.main(["--resume", str(stopped)]) == 0
    out, err = capsys.readouterr()
    assert "larger --epochs" in out
    assert "threads was" in err and "is 64" in err


@pytest.mark.parametrize("options", [["--lr", "0.1"], ["--seed", "3", "--average"]])
def test_resume_changes_no_other_option(options, stopped, capsys):
    with pytest.raises(SystemExit) as status:
        train.main(["--resume", str(stopped), *options])
    assert status.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_resume_of_something_else(stopped, shapes, tmp_path, capsys):
    missing = ["--resume", tmp_path / "nothing"]
    check_mistake(train, missing, ["nothing", "checkpoint.npz"], capsys)
    (stopped / "checkpoint.npz").write_bytes(b"PK")
    check_mistake(train, ["--resume", stopped], ["checkpoint.npz", "short"], capsys)


def test_resume_with_other_boxes_is_refused(trained, shapes, monkeypatch, capsys):
    original = train.load_data

    def fewer(args):
        train_set, val_set = original(args)
        pictures = train_set.pictures[:-1]
        return dataclasses.replace(train_set, pictures=pictures), val_set

    monkeypatch.setattr(train, "load_data", fewer)
    check_mistake(train, ["--resume", trained], ["--resume", "split train"], capsys)


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (MemoryError(), ["--batch-size 2", "--accumulate 2"]),
        (OSError(28, "No space left on device"), ["No space left", "--resume"]),
    ],
)
def test_accidents_are_one_line(failure, words, shapes, tmp_path, monkeypatch, capsys):
    def step(*_):
        raise failure

    monkeypatch.setattr("training.engine.Trainer.step", step)
    run = tmp_path / "run"
    options = ["--data", shapes, "--output", run, "--weights", "none", *QUICK]
    check_mistake(train, options, [*words, run], capsys)
    checkpoint.read_state(run / "checkpoint.npz")  # sound


@pytest.mark.parametrize("script", [train, evaluate, detect, graft])
def test_out_of_memory_anywhere_names_a_batch_size(script, monkeypatch, capsys):
    def run(_):
        raise MemoryError

    monkeypatch.setattr(script, "run", run)
    options = {
        train: [],
        evaluate: ["--weights", "w", "--data", "d"],
        detect: ["a.jpg"],
        graft: ["--donor", "d", "--backbone", "vgg16", "--images", "i"],
    }
    check_mistake(script, options[script], ["try --batch-size 4"], capsys)


def test_a_data_set_that_goes_away(shapes, tmp_path, monkeypatch, capsys):
    copy = Path(shutil.copytree(shapes, tmp_path / "copy"))
    original = Batches.epoch

    def epoch(self, *arguments):
        shutil.rmtree(copy / "JPEGImages", ignore_errors=True)
        return original(self, *arguments)

    monkeypatch.setattr(Batches, "epoch", epoch)
    run = tmp_path / "run"
    options = ["--data", copy, "--output", run, "--weights", "none", *QUICK]
    check_mistake(train, options, ["No such file", "--resume", run], capsys)
    checkpoint.read_state(run / "checkpoint.npz")


# mistakes: exit status 2 and one line


def check_mistake(script, options, words, capsys):
    assert script.main([str(option) for option in options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"{script.__name__}.py: ")
    for word in words:
        assert str(word) in line


@pytest.fixture
def places(shapes, untrained, tmp_path):
    """Names for the tables below -> paths."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.h5").write_text("no weights")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    (tmp_path / "no.json").write_text("{")
    return {
        "SHAPES": shapes,
        "WEIGHTS": untrained,
        "MISSING": tmp_path / "missing",
        "EMPTY": tmp_path / "empty",
        "TEXT": tmp_path / "text.h5",
        "RUN": tmp_path / "run",
        "JSON": tmp_path / "no.json",
        "OUT": tmp_path / "out",
        "REVERSED": ",".join(read_voc(shapes, "train").class_names[::-1]),
    }


def fill_in(text, places):
    return [places.get(word, word) for word in text.split()]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--data MISSING", ["MISSING", "no such folder"]),
        ("--data EMPTY", ["EMPTY", "nothing"]),
        ("--data SHAPES --train-split trian", ["trian", "trainval"]),
        ("--data SHAPES --val-split all", ["all", "trainval"]),
        ("--data SHAPES --weights none --classes zebra", ["zebra"]),
        ("--data SHAPES --weights MISSING", ["MISSING", "no such file"]),
        ("--data SHAPES --weights TEXT", ["TEXT"]),
        ("--data SHAPES --weights TEXT --backbone vgg16", ["TEXT", "vgg16"]),
        ("--data SHAPES --weights MISSING --backbone vgg16", ["MISSING", "vgg16"]),
        ("--data SHAPES --weights WEIGHTS --backbone vgg16", ["WEIGHTS", "vgg16"]),
        ("--data SHAPES --weights WEIGHTS --classes REVERSED", ["WEIGHTS", "circle"]),
        ("--data SHAPES --weights none --output RUN", ["--output", "RUN"]),
        ("--data SHAPES --weights imagenet --backbone small", ["small", "none"]),
        ("--data SHAPES --layout legacy", ["legacy", "--trunk ssd"]),
    ],
)
def test_mistakes_of_train(options, words, places, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    given = [*fill_in(options, places), *QUICK]
    words = [places.get(word, word) for word in words]
    check_mistake(train, given, words, capsys)
    assert not (tmp_path / "runs").exists()
    assert [path.name for path in places["RUN"].iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--weights MISSING --data SHAPES", ["MISSING", "no such file"]),
        ("--weights TEXT --data SHAPES", ["TEXT"]),
        ("--weights WEIGHTS --data MISSING", ["MISSING", "no such folder"]),
        ("--weights WEIGHTS --data EMPTY", ["EMPTY"]),
        ("--weights WEIGHTS --data SHAPES --split tset", ["tset", "test"]),
        ("--predictions MISSING --data SHAPES", ["MISSING"]),
        ("--predictions JSON --data SHAPES", ["JSON", "not a JSON file"]),
    ],
)
def test_mistakes_of_evaluate(options, words, places, capsys):
    words = [places.get(word, word) if word != "JSON" else "no.json" for word in words]
    check_mistake(evaluate, fill_in(options, places), words, capsys)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("MISSING --weights WEIGHTS", ["MISSING"]),
        ("EMPTY --weights WEIGHTS", ["EMPTY", "no pictures"]),
        ("SHAPES/JPEGImages --weights MISSING", ["MISSING", "no such file"]),
        ("SHAPES/JPEGImages --weights TEXT", ["TEXT"]),
    ],
)
def test_mistakes_of_detect(options, words, places, capsys):
    given = [
        str(places["SHAPES"] / "JPEGImages") if "JPEGImages" in word else word
        for word in options.split()
    ]
    given = [*(places.get(word, word) for word in given), "--output", places["OUT"]]
    check_mistake(detect, given, [places.get(w, w) for w in words], capsys)
    assert not places["OUT"].exists()


@pytest.mark.parametrize(
    ("script", "options", "words"),
    [
        (train, "--backbone vgg61", "Did you mean vgg19?"),
        (train, "--epochs 0", "--epochs must be above 0"),
        (train, "--batch-size -1", "--batch-size must be above 0"),
        (train, "--lr 0", "--lr must be above 0"),
        (train, "--adapter-filters 300", "--adapter-filters"),
        (train, "--tile-size 0", "--tile-size must be above 0"),
        (train, "--nonsense", "--nonsense"),
        (evaluate, "--predictions a --data x --tile", "--tile goes with --weights"),
        (detect, "a.jpg --tile-size 0", "--tile-size must be above 0"),
        (detect, "a.mp4 --every 0", "--every must be above 0"),
        (evaluate, "--data x", "--weights --predictions is required"),
        (evaluate, "--weights a --predictions b --data x", "not allowed with"),
        (evaluate, "--weights a", "--data"),
        (evaluate, "--weights a --data x --batch-size 0", "--batch-size"),
        (detect, "", "SOURCE"),
        (detect, "a.jpg --threshold 2", "--threshold must be from 0 to 1"),
        (detect, "a.jpg --top-k 0", "--top-k"),
    ],
)
def test_mistakes_in_the_options(script, options, words, capsys):
    with pytest.raises(SystemExit) as error:
        script.main(options.split())
    assert error.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train", "evaluate", "detect"])
def test_help_is_quick(name):
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", ROOT / f"{name}.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    first_line = importlib.import_module(name).__doc__.splitlines()[0]
    assert first_line in answer.stdout
    imported = {
        line.rsplit("|", 1)[-1].strip().split(".")[0]
        for line in answer.stderr.splitlines()
    }
    assert "argparse" in imported
    assert not imported & {"keras", "tensorflow", "torch", "jax", "cv2", "matplotlib"}


def test_train_says_at_once_that_its_folder_is_taken(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("kept")
    options = ["--data", str(tmp_path / "gone"), "--output", str(tmp_path)]
    assert train.main(options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "already holds something" in line
    assert (tmp_path / "mine.txt").read_text() == "kept"
