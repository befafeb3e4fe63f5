"""Whole trainings, tiny: frozen first, slower backbones, the clock, the average."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks.shapes.dataset import draw_shapes
from data import read_dataset
from models import Architecture, backbone_layers, build, weights
from models.weights.initialise import freeze
from training import TrainingConfig
from training.fit import fit
from training.monitoring.diagnosis import (
    DEAD_SHARE,
    STUCK_BELOW,
    Problem,
    dead_prior_share,
    diagnose,
    ignores_input,
)
from training.monitoring.validation import Evaluator
from training.runs import RunFolder

pytestmark = pytest.mark.usefixtures("slim_squeezenet")


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Four images to train, one to validate: more would not all be scored each time."""
    root = draw_shapes(tmp_path_factory.mktemp("data") / "shapes", num_images=20)
    return [
        dataclasses.replace(dataset, samples=dataset.samples[:count])
        for dataset, count in [
            (read_dataset(root, "train"), 4),
            (read_dataset(root, "val"), 1),
        ]
    ]


def train(sets, folder, frozen=False, **settings):
    """The model after a training, its history, its start."""
    keras.utils.set_random_seed(0)
    architecture = Architecture("squeezenet", len(sets[0].class_names) + 1)
    model = build(architecture)
    if frozen:
        freeze(model)
    start = arrays(model)
    settings = TrainingConfig(
        **{"epochs": 2, "batch_size": 2, "ema": False, **settings}
    )
    output = RunFolder(folder, licence="as its start")
    history = fit(model, architecture, sets, settings, output)
    return model, history, start


def arrays(model):
    return {w.path: ops.convert_to_numpy(w).copy() for w in model.weights}


def distance(model, start):
    """How far the kernels of the backbone, and all others, went."""
    inside = {w.path for layer in backbone_layers(model) for w in layer.weights}
    moved = {True: 0.0, False: 0.0}
    for path, now in arrays(model).items():
        if path.endswith("kernel"):
            moved[path in inside] += float(np.abs(now - start[path]).sum())
    return moved[True], moved[False]


def test_frozen_first_then_all(sets, tmp_path, monkeypatch):
    seen = []

    def save(model, path, description):
        seen.append(arrays(model))
        path.touch()

    monkeypatch.setattr("training.fit.weights.save", save)
    model, _, start = train(sets, tmp_path, epochs=3, freeze_epochs=2)
    inside = {w.path for layer in backbone_layers(model) for w in layer.weights}
    for path in inside:  # statistics included
        np.testing.assert_array_equal(seen[1][path], start[path])
    assert any((seen[0][path] != start[path]).any() for path in start)
    changed = [path for path in inside if (seen[2][path] != start[path]).any()]
    assert len(changed) > 0.9 * len(inside)


def test_an_extractor_that_never_learned_is_told(sets, tmp_path, capsys):
    train(sets, tmp_path, epochs=None, minutes=0.01, freeze_epochs=99)
    told = capsys.readouterr().err
    assert "after 1 of the epochs of --freeze 99: the backbone" in told
    assert f"--resume {tmp_path}" in told
    train(sets, tmp_path, epochs=2, freeze_epochs=1)
    assert "--freeze" not in capsys.readouterr().err


def test_frozen_all_along(sets, tmp_path):
    model, _, start = train(sets, tmp_path, frozen=True)
    backbone, rest = distance(model, start)
    assert backbone == 0
    assert rest > 1


@pytest.mark.core
def test_extractor_learns_slower(sets, tmp_path):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    one = distance(*train(sets, tmp_path / "a", epochs=1)[::2])
    tenth = distance(*train(sets, tmp_path / "b", epochs=1, backbone_lr_scale=0.1)[::2])
    assert one[0] > 0
    # AdamW's steps are about as large whatever the gradients are
    assert tenth[0] == pytest.approx(0.1 * one[0], rel=0.2)
    assert tenth[1] == pytest.approx(one[1], rel=0.2)


def test_minutes_end_a_training(sets, tmp_path, monkeypatch):
    now = [0.0]

    def clock():
        now[0] += 0.5
        return now[0]

    monkeypatch.setattr("training.schedule.time.perf_counter", clock)
    _, history, _ = train(sets, tmp_path, epochs=None, minutes=1)
    assert history[-1]["seconds"] >= 60
    assert len(history) > 1
    assert all(row["seconds"] < 60 for row in history[:-1])


def test_average_is_scored_and_saved(sets, tmp_path):
    model, history, start = train(sets, tmp_path, epochs=1, ema=True)
    saved, description = weights.load(tmp_path / "last.weights.h5")
    assert description.licence == "as its start"
    scored, last = (
        Evaluator(net, description.architecture, sets[1], 2)()[0]["val_loss"]
        for net in (saved, model)
    )
    assert history[-1]["val_loss"] == pytest.approx(scored, rel=1e-4)
    assert scored != pytest.approx(last, rel=1e-2)
    path = next(path for path in start if path.endswith("fc7_mbox_conf/kernel"))
    at = [weight.path for weight in model.weights].index(path)
    now = ops.convert_to_numpy(model.weights[at])
    kept = ops.convert_to_numpy(saved.weights[at])
    # two steps: the average has decays 2/11 and 3/12, so it lies between
    assert 0 < np.abs(kept - now).sum() < np.abs(start[path] - now).sum()


@pytest.mark.parametrize(
    ("others", "classes", "expected"),
    [
        (0, [1], True),
        (1, [1], True),  # of ten
        (2, [1], False),
        (0, [1, 2], False),
        (10, [1], False),
    ],
)
def test_who_looks_at_nothing(others, classes, expected):
    """Ten images whose best box is the same but for some; a weaker box anywhere."""
    rng = np.random.default_rng(0)
    detections = np.zeros((10, 4, 6))
    detections[:, 1] = [1, 0.6, 0.1, 0.2, 0.8, 0.9]
    detections[:, 1, 0] = np.resize(classes, 10)
    detections[:, 1, 2:] += rng.uniform(-0.005, 0.005, (10, 4))
    detections[:others, 1, 2:] = rng.uniform(size=(others, 4))
    detections[:, 0] = [[1, 0.3, *place] for place in rng.uniform(size=(10, 4))]
    detections = list(detections)
    truths = [np.array([[*place, 1]]) for place in rng.uniform(size=(10, 4))]
    assert ignores_input(detections, truths) == expected
    assert not ignores_input(detections[:7], truths[:7])
    empty = [np.zeros((4, 6))] * 10
    assert not ignores_input(empty, truths)
    assert not ignores_input(detections + empty, truths * 2)


FIXED = [0.1, 0.2, 0.8, 0.9]
BOX, RIGHT, WRONG = [1, 0.9, *FIXED], [*FIXED, 1], [*FIXED, 2]  # wrong: another class


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([(BOX, [RIGHT])] * 20, False),
        ([(BOX, [WRONG])] * 20, True),
        ([(BOX, [WRONG])] * 2 + [(BOX, [RIGHT])] * 18, False),  # right in nine of ten
        ([(BOX, [WRONG])] * 3 + [(BOX, [RIGHT])] * 17, True),
        # another object is annotated before the one that stands still
        ([(BOX, [[0.3, 0.3, 0.4, 0.4, 1], RIGHT])] * 20, False),
        # images without objects do not count, whatever is seen there
        ([([1, 0.02, 0, 0, 0.1, 0.1], [])] * 4 + [(BOX, [RIGHT])] * 16, False),
        ([([1, 0.02, 0, 0, 0.1, 0.1], [])] * 4 + [(BOX, [WRONG])] * 16, True),
    ],
)
def test_a_fixed_camera_looks_at_something(images, expected):
    """The same box in every image with objects: no fault where it is right."""
    detections = [np.array([row]) for row, _ in images]
    truths = [np.reshape(truth, (-1, 5)).astype(float) for _, truth in images]
    assert ignores_input(detections, truths) == expected


def test_who_does_not_see_the_image():
    """Of ten priors; the last that sees is what counts."""
    predictions = np.random.default_rng(0).normal(size=(8, 10, 6))
    assert dead_prior_share(predictions) == 0
    predictions[:, 7:] = predictions[:1, 7:]
    predictions[:, 2] = predictions[:1, 2]  # as a cell far from all objects
    assert dead_prior_share(predictions) == 0.3
    predictions[3, 9, 5] += 0.1
    assert dead_prior_share(predictions) == 0
    predictions[:] = predictions[:1]
    assert dead_prior_share(predictions) == 1
    assert dead_prior_share(predictions[:1]) == 0


def test_a_dead_layer_is_noticed(sets):
    keras.utils.set_random_seed(0)
    architecture = Architecture("squeezenet", len(sets[0].class_names) + 1, norm="none")
    model = build(architecture)
    check = Evaluator(model, architecture, sets[0], 3)  # the last batch is filled up
    predictions = check.first_predictions(8)
    assert len(predictions) == len(sets[0].samples)
    assert dead_prior_share(predictions) == 0
    history = [{"mAP50": score, "val_loss": 1.0} for score in (0.0, 0.4)]
    check()
    assert not diagnose(history, check, 0.4)
    bias = model.get_layer("fire6").bias
    bias.assign(bias - 1e6)
    assert DEAD_SHARE < dead_prior_share(check.first_predictions(8)) < 0.4
    assert diagnose(history, check, 0.4) is Problem.DEAD
    copies = dataclasses.replace(sets[0], samples=sets[0].samples[:1] * 4)
    assert len(Evaluator(model, architecture, copies, 3).first_predictions(8)) == 1


def test_stuck_is_noticed(sets, tmp_path, capsys):
    def row(value):
        return {"mAP50": value, "val_loss": 1.0}

    little, much = [row(0.0), row(STUCK_BELOW / 2)], [row(0.0), row(STUCK_BELOW * 2)]
    truth = np.array([[0.4, 0.4, 0.6, 0.6, 1]])
    check = SimpleNamespace(samples=[SimpleNamespace(truth=truth)] * 9)
    seen = np.random.default_rng(0).normal(size=(8, 9, 6))
    check.first_predictions = lambda count: seen
    check.detections = [np.zeros((1, 6))] * 9
    assert diagnose(little, check, 0.4) is Problem.NOTHING
    assert not diagnose(much, check, 0.4)
    assert not diagnose(little, check, 0.2)
    assert not diagnose(little[:1], check, 1.0)
    check.detections = [np.array([[1, 0.6, 0.1, 0.1, 0.9, 0.9]])] * 9
    assert diagnose(much, check, 0.4) is Problem.SAME_BOX
    assert not diagnose(much, check, 0.2)
    train(sets, tmp_path, epochs=2, lr=1e-9)
    lines = [line for line in capsys.readouterr().out.splitlines() if "try" in line]
    assert len(lines) == 1
    assert "100% of the training is over and next to nothing" in lines[0]
    assert "--lr 0.001 in place of 1e-09, --weights" in lines[0]
