"""--patience: a training ends after so many epochs without a better mAP50."""

import pytest

from tests.helpers import tiny
from training import TrainingConfig, fit
from training.engine import Trainer
from training.monitoring.validation import Evaluator

SCORES = [0.0, 0.0, 0.0, 0.2, 0.1, 0.2, 0.15, 0.9]


@pytest.fixture
def scripted(monkeypatch):
    """An evaluator that gives one score after another, whatever the weights are."""
    scores = iter(SCORES)

    class Scripted(Evaluator):
        def __call__(self):
            figures, threshold, f1 = super().__call__()
            return {**figures, "mAP50": next(scores)}, threshold, f1

    monkeypatch.setattr(fit, "Evaluator", Scripted)


@pytest.mark.parametrize(
    ("scores", "settings", "is_over"),
    [
        ([], {}, False),
        ([0.2], {}, False),
        ([0.2, 0.1], {}, False),
        ([0.2, 0.1, 0.1], {}, True),
        ([0.2, 0.1, 0.2], {}, True),  # as good is no better
        ([0.2, 0.1, 0.3], {}, False),
        ([0.0, 0.0, 0.0], {}, False),  # nothing is learned yet
        ([0.2, 0.1, 0.1], {"freeze_epochs": 2}, False),  # the backbone just began
        ([0.2, 0.1, 0.1, 0.1], {"freeze_epochs": 2}, True),
        ([0.2, 0.1, 0.1, 0.1], {"patience": None}, False),
    ],
)
@pytest.mark.parametrize("length", [{"epochs": 9}, {"epochs": None, "minutes": 9}])
def test_when_it_ends(scores, settings, is_over, length):
    rows = [
        {"epoch": n, "mAP50": score, "seconds": n} for n, score in enumerate(scores, 1)
    ]
    assert TrainingConfig(**{"patience": 2, **length, **settings}).is_over(rows) is (
        is_over
    )


def test_it_ends_and_says_why(tmp_path, scripted, capsys):
    history = tiny.train(tmp_path / "run", epochs=8, patience=3)
    # 0.2 after the fourth epoch, three epochs that are no better, never 0.9
    assert [row["mAP50"] for row in history] == SCORES[:7]
    out = capsys.readouterr().out
    assert "ended early: the best mAP50, 0.200, has not been passed in 3 epochs" in out
    before = tiny.result(tmp_path / "run")
    again = tiny.train(tmp_path / "run", resume=True, epochs=8, patience=3)
    assert again == history  # and nothing was trained
    assert "a larger --patience goes on" in capsys.readouterr().out
    tiny.assert_same(tiny.result(tmp_path / "run"), before)
    longer = tiny.train(tmp_path / "run", resume=True, epochs=8, patience=4)
    assert [row["mAP50"] for row in longer] == SCORES


def test_the_count_survives_a_resume(tmp_path, scripted, monkeypatch):
    original = Trainer.step

    def step(self, *arguments):
        if self.optimizer.iterations == 18:  # six epochs of three steps
            raise KeyboardInterrupt
        return original(self, *arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "step", step)
        tiny.train(tmp_path / "run", epochs=8, patience=3)
    history = tiny.train(tmp_path / "run", resume=True, epochs=8, patience=3)
    assert [row["mAP50"] for row in history] == SCORES[:7]  # two before, one after
