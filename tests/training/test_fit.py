"""Parts of a whole training: weights of classes, time spent waiting."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data import Dataset, Sample
from tests.helpers.tiny import train
from training.engine import PARTS, train_epoch
from training.hardware.replicas import Replicas
from training.prepare import class_weights
from training.schedule import Schedule


def test_class_weights_by_hand():
    truth = np.zeros((10, 5), "float32")
    truth[:, 4] = [1] * 9 + [2]
    image = Sample(Path("a.png"), (9, 9), truth, np.zeros(10, bool))
    dataset = Dataset("d", "train", ["common", "rare"], [image])
    # 1/3 and 1, times 10 boxes by their sum 9 / 3 + 1
    assert class_weights(dataset) == pytest.approx([1, 10 / 12, 10 / 4])
    dataset = Dataset("d", "train", ["common", "rare", "absent"], [image])
    assert np.isfinite(class_weights(dataset)).all()


def test_waiting_is_counted_not_work(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])

    def slow():
        for _ in range(3):
            clock[0] += 2
            yield [np.zeros(4), None]

    def work(*_):
        clock[0] += 5
        return dict.fromkeys(PARTS, 1.0)

    trainer = SimpleNamespace(step=work, replicas=Replicas())
    row = train_epoch(trainer, slow(), Schedule(1e-3, 9, None), lambda parts: None)
    assert row["waiting"] == pytest.approx(6 / 21)  # three items of 2, and 15 of work
    assert row["images_per_second"] == pytest.approx(12 / 21)


def test_the_rate_of_an_epoch_says_whether_tracing_is_in_it(tmp_path, capsys):
    train(tmp_path / "run", epochs=4, freeze_epochs=2)
    lines = capsys.readouterr().out.splitlines()
    told = ["tracing included" in line for line in lines if line.startswith("epoch")]
    assert told == [True, False, True, False]
    train(tmp_path / "run", resume=True, epochs=5, freeze_epochs=2)
    assert "tracing included" in capsys.readouterr().out
