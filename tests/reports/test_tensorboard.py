"""train.py --tensorboard: TensorBoard's own reader finds each figure of the history."""

import csv
import sys
from functools import partial

import pytest

import train as script
from reports.tensorboard import Events
from tests.helpers.tiny import train


def scalars(folder):
    """What TensorBoard reads: tag -> its values by step."""
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.util.tensor_util import make_ndarray

    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: {e.step: float(make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)}
        for tag in events.Tags()["tensors"]
    }


def test_tensorboard_reads_the_history(tmp_path):
    pytest.importorskip("tensorboard")
    folder = tmp_path / "run"
    train(folder, epochs=2, on_epoch=partial(Events().write, folder))
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    read = scalars(folder)
    names = {"training/loss": "loss", "validation/loss": "val_loss"}
    names |= {"validation/mAP50": "mAP50", "training/lr": "lr"}
    for tag, column in names.items():
        expected = {int(row["epoch"]): float(row[column]) for row in rows}
        assert read[tag] == pytest.approx(expected, rel=1e-5)
    assert len(read) == len(rows[0]) - 1  # all but the epoch


def test_a_missing_package_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboard.summary", None)
    output = tmp_path / "run"
    assert script.main(["--tensorboard", "--output", str(output)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("train.py: --tensorboard: ")
    assert "pip install tensorboard" in line
    assert not output.exists()
