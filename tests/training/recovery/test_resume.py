"""A training that was stopped anywhere ends as the one that never was."""

import csv
import os
import signal

import numpy as np
import pytest

from data import Batches
from tests.helpers.tiny import assert_same, dataset, result, train
from training.engine import Trainer
from training.recovery import checkpoint, checkpoint_writer
from training.recovery.interrupt import interruptible


class Crash(Exception):
    """The process ends here."""


def crash_at(monkeypatch, num_steps):
    """The training's next step but `num_steps` is its last."""
    made = []
    original = Trainer.step

    def step(self, *arguments):
        if len(made) == num_steps:
            raise Crash
        made.append(1)
        return original(self, *arguments)

    monkeypatch.setattr(Trainer, "step", step)


@pytest.fixture
def each_step(monkeypatch):
    """A checkpoint after each step."""
    monkeypatch.setattr(checkpoint_writer, "CHECKPOINT_SECONDS", 0)
    monkeypatch.setattr(checkpoint_writer, "CHECKPOINT_SHARE", 1e9)


@pytest.mark.parametrize(
    ("sessions", "settings"),
    [
        ([0, 1, 1, 1, 1, 1, 1, 1, 1], {"ema": True}),  # steps before each crash
        ([2, 1, 4], {"freeze_epochs": 1, "backbone_lr_scale": 0.1, "optimiser": "sgd"}),
        ([1, 4], {"accumulate": 2, "batch_size": 1}),
    ],
)
def test_stopped_and_stopped_again(
    sessions, settings, tmp_path, monkeypatch, each_step
):
    history = train(tmp_path / "whole", **settings)
    assert len(history) == 3
    for seed, num_steps in enumerate(sessions):  # later sessions forget the weights
        with monkeypatch.context() as patch, pytest.raises(Crash):
            crash_at(patch, num_steps)
            train(tmp_path / "torn", resume=seed > 0, seed=seed, **settings)
    train(tmp_path / "torn", resume=True, seed=10, **settings)
    assert_same(result(tmp_path / "torn"), result(tmp_path / "whole"))
    with (tmp_path / "torn" / "history.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]


def test_the_steps_since_the_last_checkpoint_are_made_again(tmp_path, monkeypatch):
    train(tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(Crash):
        crash_at(patch, 5)  # checkpoints at the end of epochs only
        train(tmp_path / "torn")
    state = checkpoint.read_state(tmp_path / "torn" / checkpoint.NAME)
    assert (len(state["history"]), state["schedule"]["step"]) == (1, 3)
    train(tmp_path / "torn", resume=True, seed=1)
    assert_same(result(tmp_path / "torn"), result(tmp_path / "whole"))


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_after_the_step(kind, tmp_path, monkeypatch, capfd):
    train(tmp_path / "whole")
    original = Trainer.step

    def step(self, *arguments):
        if self.optimizer.iterations == 4:
            os.kill(os.getpid(), kind)
        return original(self, *arguments)

    before = signal.getsignal(kind)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", step)
        assert len(train(tmp_path / "torn")) == 1
    assert signal.getsignal(kind) is before
    assert "again stops at once" in capfd.readouterr().err
    state = checkpoint.read_state(tmp_path / "torn" / checkpoint.NAME)
    assert state["schedule"]["step"] == 5  # the step under way was finished
    train(tmp_path / "torn", resume=True, seed=1)
    assert_same(result(tmp_path / "torn"), result(tmp_path / "whole"))


def test_the_second_signal_ends_at_once():
    with pytest.raises(KeyboardInterrupt), interruptible() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.wished
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second one did nothing")


def test_past_the_planned_end(tmp_path):
    assert len(train(tmp_path / "run")) == 3
    last = checkpoint.read_state(tmp_path / "run" / checkpoint.NAME)
    assert len(train(tmp_path / "run", resume=True)) == 3  # nothing left to do
    history = train(tmp_path / "run", resume=True, epochs=5)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5]
    assert history[:3] == last["history"]
    # the longer cosine from its tenth step of fifteen on
    cosine = [0.5e-3 * (1 + np.cos(np.pi * step / 15)) for step in (11, 14)]
    assert [row["lr"] for row in history[3:]] == pytest.approx(cosine, rel=1e-5)
    assert history[3]["seconds"] >= history[2]["seconds"]


def test_a_bad_batch_names_its_images_and_leaves_the_checkpoint(
    tmp_path, monkeypatch, each_step, capsys
):
    original = Trainer.step

    def step(self, images, truth, rate):
        if self.optimizer.iterations == 4:
            rate = np.inf
        return original(self, images, truth, rate)

    monkeypatch.setattr(Trainer, "step", step)
    with pytest.raises(FloatingPointError) as error:
        train(tmp_path / "run")
    batches = Batches(dataset(tmp_path / "data", 7), 2)
    bad = [batches.dataset.samples[i].path for i in batches.indices(1, 1)]
    text = str(error.value)
    assert text.startswith("epoch 2, step 2 ")
    assert all(str(path) in text for path in bad)
    assert "weights became not finite" in text and "\n" not in text
    state, arrays = result(tmp_path / "run")
    assert state["schedule"]["step"] == 4
    assert all(np.isfinite(array).all() for array in arrays.values())
    history = train(tmp_path / "run", resume=True, skip_non_finite=True)
    assert len(history) == 3
    state, arrays = result(tmp_path / "run")
    # the bad step never moves the optimiser on, so every batch after it is bad
    assert state["skipped"] == 5 and state["schedule"]["step"] == 9
    told = "".join(capsys.readouterr()).splitlines()
    told = [line.partition("epoch")[2] for line in told if "undone" in line]
    names = ", ".join(path.name for path in bad)
    assert told[0] == f" 2, step 2: not finite, undone and skipped (images {names})"
    assert [line.rpartition("(")[2] for line in told[1:]] == [
        f"{count} so far)" for count in range(2, 6)
    ]
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_another_backbones_checkpoint_is_refused(tmp_path):
    train(tmp_path / "run")
    with pytest.raises(ValueError, match=r"checkpoint\.npz: not a sound checkpoint"):
        train(tmp_path / "run", resume=True, ema=True)
