"""evaluate.py from the command line to the files that it leaves."""

from functools import partial
from shutil import copytree

import cv2
import numpy as np
import pytest

import evaluate
from data import read_dataset
from evaluation import measure_fps
from models import weights
from tests.helpers.results import write_results
from tests.helpers.scripts import strict_json

pytestmark = pytest.mark.usefixtures("slim_squeezenet")


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    """The speed is measured, but not for long."""
    monkeypatch.setattr("evaluation.measure_fps", partial(measure_fps, rounds=2))


@pytest.fixture
def copied(untrained, tmp_path):
    path = tmp_path / "mine.weights.h5"
    path.write_bytes(untrained.read_bytes())
    return path


@pytest.mark.parametrize("breaks", [False, True])
def test_evaluate_with_tiles_finds_what_the_detector_finds(
    breaks, copied, shapes, tmp_path, capsys
):
    """Images that fit one tile: the same detections, so the same figures."""
    data = copytree(shapes, tmp_path / "data")
    if breaks:  # not the first and not the last of those that are detected together
        broken = read_dataset(data, "test").samples[1].path
        broken.write_bytes(broken.read_bytes()[:1000])
    options = ["--weights", str(copied), "--data", str(data), "--split", "test"]
    whole, tiled = tmp_path / "whole.json", tmp_path / "tiled.json"
    assert evaluate.main([*options, "--json", str(whole)]) == 0
    assert evaluate.main([*options, "--tile-size", "999", "--json", str(tiled)]) == 0
    for name in ("mAP07", "mAP50", "AP", "AR_100"):
        assert strict_json(tiled)[name] == pytest.approx(
            strict_json(whole)[name], abs=1e-4
        )
    assert strict_json(tiled)["images"] == strict_json(whole)["images"] == 5 - breaks
    assert not breaks or capsys.readouterr().out.count(broken.name) == 2
    plots = sorted(path.name for path in tmp_path.glob("*.png"))
    assert plots == ["mine.test.png", "mine.test.tiles.png"]


def test_evaluate_writes_a_threshold_only_when_asked(copied, shapes, tmp_path, capsys):
    figures_path, before = tmp_path / "figures.json", copied.read_bytes()
    options = ["--weights", str(copied), "--data", str(shapes)]
    assert evaluate.main([*options, "--json", str(figures_path)]) == 0
    names = read_dataset(shapes, "val").class_names
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
    assert copied.read_bytes() == before
    options += ["--plot", str(tmp_path / "again.png"), "--save-threshold"]
    assert evaluate.main(options) == 0
    kept = weights.read_detector(copied).metadata
    assert kept.threshold == pytest.approx(figures["threshold"])
    assert kept.threshold != 0.011
    assert kept.f1 == pytest.approx(figures["f1"])
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
    dataset = read_dataset(shapes, split)
    found = [
        np.column_stack([p.truth[:, 4], np.full(len(p.truth), 0.9), p.truth[:, :4]])
        for p in dataset.samples
    ]
    sizes = [p.size_wh for p in dataset.samples]
    names = [p.path.name for p in dataset.samples]
    path, figures_path = tmp_path / "perfect.json", tmp_path / "figures.json"
    write_results(path, found, sizes, names)
    options = ["--predictions", str(path), "--data", str(shapes), "--split", split]
    assert evaluate.main([*options, "--json", str(figures_path)]) == 0
    figures = strict_json(figures_path)
    for name in ("mAP07", "mAP50", "AP", "AP75"):
        assert figures[name] == pytest.approx(1.0), name
    assert (tmp_path / f"perfect.{split}.png").exists()
    # the same boxes, each of another class: nothing is right
    for rows in found:
        rows[:, 0] = rows[:, 0] % len(dataset.class_names) + 1
    write_results(path, found, sizes, names)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    for option in ("--json", "--plot"):
        taken = (
            figures_path if option == "--json" else tmp_path / f"perfect.{split}.png"
        )
        capsys.readouterr()
        assert evaluate.main([*options, option, str(taken)]) == 2
        assert "exists already" in capsys.readouterr().err
    wrong_path = tmp_path / "wrong.json"
    assert evaluate.main([*options, "--json", str(wrong_path)]) == 0
    assert strict_json(wrong_path)["mAP50"] < 0.2
    after = {p: p.read_bytes() for p in tmp_path.iterdir()}
    assert before.items() <= after.items()
    assert {p.name for p in set(after) - set(before)} == {
        "wrong.json",
        f"perfect.{split}-2.png",
    }
