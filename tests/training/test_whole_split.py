"""A part of a large validation split after each epoch, all of it at the end."""

import time
from pathlib import Path

import numpy as np
import pytest

from data import Dataset, Sample
from models import weights
from tests.helpers import tiny
from training import TrainingConfig
from training.monitoring import validation, whole_split
from training.monitoring.whole_split import describe_part, scored_part
from training.runs import best_and_last_metrics, best_row


def split(count):
    truth, none = np.zeros((0, 5), np.float32), np.zeros(0, bool)
    images = [Sample(Path(f"{i}.png"), (9, 9), truth, none) for i in range(count)]
    return Dataset("d", "val", ["x"], images)


@pytest.mark.parametrize(
    ("count", "trained", "scored"),
    [
        (100, 400, 100),  # few images: all of them
        (101, 400, 100),
        (25, 100, 25),  # 80/20
        (100, 100, 25),  # they take the time of 10 steps
        (5000, 5000, 500),  # a tenth of the images
        (400, 5000, 400),
        (9, 2, 1),
        (0, 10, 0),
    ],
)
def test_how_many_images_are_scored(count, trained, scored):
    whole = split(count)
    part = scored_part(whole, trained)
    assert len(part) == scored and (part is whole) == (scored == count)
    words = describe_part(part, whole)
    assert f"{scored} of the {count} images" in words if scored < count else not words


@pytest.mark.parametrize("trained", [10, 40, 160, 333, 334, 999, 1001, 20_000])
def test_scoring_takes_at_most_a_tenth_of_the_training(trained):
    scored = len(scored_part(split(trained), trained))
    # of a step: docs/results/step_cost.md; half an image for rounding
    assert 0.4 * (scored - 0.5) <= trained / 10
    assert scored >= min(100, 0.24 * trained - 1)


def test_an_epoch_runs_the_network_on_no_more_images(tmp_path, monkeypatch):
    scored, after_epochs, real = [], [], validation.validate

    def counted(predictor, layout, batches):
        scored.append(sum(map(batches.count, range(batches.steps_per_epoch))))
        return real(predictor, layout, batches)

    monkeypatch.setattr(validation, "validate", counted)
    monkeypatch.setattr(whole_split, "LEAST", 1)
    monkeypatch.setattr(weights, "load", lambda _: (tiny.detector(0), None))
    tiny.train(
        tmp_path / "run", epochs=4, on_epoch=lambda _: after_epochs.append(sum(scored))
    )
    assert after_epochs == [1, 2, 3, 4]  # of 2; 6 were trained in each epoch
    assert set(scored[4:]) == {2}  # the end: all of them


def test_the_part_hangs_on_names_alone():
    whole = split(300)
    part = scored_part(whole, 30)
    names = [sample.path.name for sample in part.samples]
    assert names == sorted(names, key=lambda name: int(name[:-4]))  # the split's order
    shuffled = Dataset("d", "val", ["x"], whole.samples[::-1])
    again = scored_part(shuffled, 30)
    assert {p.path for p in again.samples} == {p.path for p in part.samples}


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_training_is_scored_on_all_images_at_its_end(
    tmp_path, monkeypatch, epochs, capsys
):
    monkeypatch.setattr(whole_split, "LEAST", 1)
    # the model is no architecture that a file tells
    monkeypatch.setattr(weights, "load", lambda _: (tiny.detector(0), None))
    run = tmp_path / "run"
    history = tiny.train(run, epochs=epochs)
    assert "1 of the 2 images of val" in capsys.readouterr().out
    assert "whole_mAP50" in history[-1] and "whole_mAP50" in best_row(history)
    found = best_and_last_metrics(history)
    assert found["last"]["mAP50"] == history[-1]["whole_mAP50"]
    assert "whole_mAP50" not in found["best"]
    assert "whole_val_loss" in (run / "history.csv").read_text()
    before = tiny.result(run)
    assert tiny.train(run, resume=True, epochs=epochs) == history
    tiny.assert_same(tiny.result(run), before)


def test_a_run_whose_time_is_over_is_finished(tmp_path, monkeypatch):
    passed, real = [0.0], time.perf_counter
    monkeypatch.setattr(time, "perf_counter", lambda: real() + passed[0])

    def late(_):  # the clock runs out while the checkpoint is written
        passed[0] += 6000

    settings = {"epochs": None, "minutes": 90}
    history = tiny.train(tmp_path / "run", on_epoch=late, **settings)
    assert len(history) == 1
    assert TrainingConfig(**settings).is_over(history)
    assert tiny.train(tmp_path / "run", resume=True, **settings) == history
