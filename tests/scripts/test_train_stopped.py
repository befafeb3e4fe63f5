"""train.py stopped: --resume goes on, accidents are one line and a sound checkpoint."""

import csv
import dataclasses
import os
import shutil
from pathlib import Path

import pytest

import detect
import evaluate
import graft
import train
from data import Batches
from tests.helpers.scripts import QUICK, check_mistake, strict_json
from tests.helpers.slim import slim
from training import prepare
from training.recovery import checkpoint

pytestmark = pytest.mark.usefixtures("slim_squeezenet")


@pytest.fixture(scope="module")
def trained(shapes, tmp_path_factory):
    """The folder of a slim run."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    options = ["--data", str(shapes), "--output", str(folder), *QUICK]
    with slim():
        assert train.main([*options, "--weights", "none"]) == 0
    return folder


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


def test_resume_shortens_no_run(stopped, capsys):
    assert train.main(["--resume", str(stopped), "--epochs", "3"]) == 0
    before = {path: path.read_bytes() for path in stopped.rglob("*.*")}
    capsys.readouterr()
    for unit, words in {"--epochs": "2", "--minutes": "0.01"}.items():
        shorter = ["--resume", stopped, unit, words]
        check_mistake(train, shorter, ["takes --epochs above 3"], capsys)
    assert before == {path: path.read_bytes() for path in stopped.rglob("*.*")}


def test_a_run_that_is_over_says_so(stopped, monkeypatch, capsys):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert train.main(["--resume", str(stopped)]) == 0
    out, err = capsys.readouterr()
    assert "larger --epochs" in out
    assert "threads was" in err and "is 64" in err


@pytest.mark.parametrize("options", [["--lr", "0.1"], ["--seed", "3", "--ema"]])
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
    original = prepare.load_data

    def fewer(*args):
        train_set, val_set = original(*args)
        samples = train_set.samples[:-1]
        return dataclasses.replace(train_set, samples=samples), val_set

    monkeypatch.setattr(prepare, "load_data", fewer)
    check_mistake(train, ["--resume", trained], ["--resume", "split train"], capsys)


# accidents


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
        graft: ["--teacher", "d", "--backbone", "vgg16", "--images", "i"],
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


def test_resume_from_another_folder_with_data_that_moved(
    shapes, tmp_path, monkeypatch, capsys
):
    data = Path(shutil.copytree(shapes, tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    options = ["--data", "data", "--output", "run", *QUICK, "--weights", "none"]
    assert train.main(options) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert train.main(["--resume", "../run", "--epochs", "2"]) == 0
    moved = data.rename(tmp_path / "moved")
    again = ["--resume", "../run", "--epochs", "3"]
    check_mistake(train, again, ["--resume", str(data), "give --data"], capsys)
    assert train.main([*again, "--data", str(moved)]) == 0
    assert strict_json(tmp_path / "run" / "summary.json")["last"]["epoch"] == 3
    other = Path(shutil.copytree(moved, tmp_path / "other"))
    next((other / "JPEGImages").iterdir()).unlink()
    again = ["--resume", "../run", "--epochs", "4", "--data", str(other)]
    assert train.main(again) == 2
    assert "is not the one that the run began with" in capsys.readouterr().err
