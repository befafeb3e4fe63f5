"""Run folders: whose they are, and what is written there."""

import csv
import errno
import json
import math
import os

import pytest

from base.errors import UserError
from training import runs


def test_new_run_never_takes_anothers_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [runs.new_run(None, "vgg16-ssd-voc") for _ in range(3)]
    assert [str(folder) for folder in folders] == [
        os.path.join("runs", name)  # noqa: PTH118
        for name in ("vgg16-ssd-voc", "vgg16-ssd-voc-2", "vgg16-ssd-voc-3")
    ]
    assert all(folder.is_dir() for folder in folders)


def test_output_that_is_new_or_empty(tmp_path):
    for folder in (tmp_path / "a" / "b", tmp_path / "empty"):
        folder.parent.mkdir(exist_ok=True)
        assert runs.new_run(str(folder), "x") == folder
        assert runs.new_run(str(folder), "x") == folder  # still empty
        assert folder.is_dir()


@pytest.mark.parametrize("kind", ["folder", "file", "below a file"])
def test_output_that_is_taken(kind, tmp_path):
    output = tmp_path / "taken"
    if kind == "folder":
        output.mkdir()
        (output / "notes.txt").write_text("mine")
    else:
        output.write_text("mine")
    wanted = output / "run" if kind == "below a file" else output
    with pytest.raises(ValueError, match="--output") as error:
        runs.new_run(str(wanted), "x")
    assert "\n" not in str(error.value)
    assert str(output) in str(error.value)


def test_history_and_summary(tmp_path):
    path = tmp_path / "history.csv"
    rows = [{"epoch": epoch, "loss": 1 / 3, "mAP50": 0.0} for epoch in (1, 2)]
    for until in (1, 2):
        runs.write_history(path, rows[:until])
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["epoch", "loss", "mAP50"],
            ["1", "0.333333", "0"],
            ["2", "0.333333", "0"],
        ]
    # a newer version goes on with a run that had a column less
    runs.write_history(path, [*rows, {**rows[0], "epoch": 3, "waiting": 0.5}])
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    assert [line[-1] for line in lines] == ["waiting", "", "", "0.5"]
    runs.write_json(tmp_path / "summary.json", {"a": [1, 0.5], "b": {"c": tmp_path}})
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "a": [1, 0.5],
        "b": {"c": str(tmp_path)},
    }


def test_json_is_json_where_a_figure_is_missing(tmp_path):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    figures = {"AP": math.nan, "classes": {"cat": {"AP50": math.nan, "n": [math.inf]}}}
    runs.write_json(tmp_path / "x.json", figures)
    received = json.loads((tmp_path / "x.json").read_text(), parse_constant=refuse)
    assert received == {"AP": None, "classes": {"cat": {"AP50": None, "n": [None]}}}


def test_failing_write_leaves_the_old_summary(tmp_path, monkeypatch):
    def disk_full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "summary.json"
    runs.write_json(path, {"old": 1})
    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        runs.write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


def test_load_run(tmp_path):
    rows = [{"epoch": 1, "mAP50": 0.5}, {"epoch": 2, "mAP50": 0.4, "whole_mAP50": 0.3}]
    with pytest.raises(UserError, match="no summary"):
        runs.load_run(tmp_path)
    runs.write_history(tmp_path / "history.csv", rows)
    runs.write_json(tmp_path / "summary.json", {"minutes": 3.0})
    run = runs.load_run(str(tmp_path))
    assert run.history == rows and run.summary == {"minutes": 3.0}
    assert run.best_weights == tmp_path / "best.weights.h5"
    assert run.last_weights == tmp_path / "last.weights.h5"
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(UserError, match=r"summary\.json: expected JSON"):
        runs.load_run(tmp_path)
