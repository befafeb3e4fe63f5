"""What is advised after a training broke off goes by what it was told already."""

import pytest

from models import Architecture
from training import RATES, TrainingConfig
from training.hardware.replicas import Replicas
from training.monitoring.diagnosis import Problem, advice
from training.monitoring.failures import explain

NORMALISED = Architecture("squeezenet", 3)
PLAIN = Architecture("squeezenet", 3, norm="none")


@pytest.mark.parametrize(
    ("optimiser", "lr", "expected"),
    [
        ("adamw", 1e-3, 2.5e-4),
        ("adamw", 1e-4, 2.5e-5),
        ("adamw", 1e6, 1e-3),
        ("sgd", 10, 1e-2),
        ("sgd", 2e-2, 5e-3),
    ],
)
def test_a_rate_that_is_far_too_high_comes_down_to_the_default(optimiser, lr, expected):
    assert TrainingConfig(1, optimiser=optimiser, lr=lr).lower_rate == expected


@pytest.mark.parametrize(
    ("optimiser", "lr", "expected"),
    [
        ("adamw", 4e-3, 1e-3),
        ("adamw", 1e-3, 2.5e-4),
        ("adamw", 2.5e-4, None),
        ("adamw", 1e-4, 1e-3),
        ("adamw", 1e-9, 1e-3),
        ("sgd", 1e-2, 2.5e-3),
        ("sgd", 1e-3, 1e-2),
    ],
)
def test_where_nothing_is_learned_a_rate_far_too_low_comes_up(optimiser, lr, expected):
    settings = TrainingConfig(1, optimiser=optimiser, lr=lr)
    assert settings.other_rate == expected
    stuck = advice(Problem.NOTHING, 0.345, settings, NORMALISED)
    assert stuck.startswith(
        "34% of the training is over and next to nothing is detected."
    )
    assert ("--lr" in stuck) == (expected is not None)
    if expected is not None:  # the default is the last to blame, another the first
        is_last = stuck.endswith(f"or --lr {expected:g} in place of {lr:g}.")
        assert is_last == (lr == RATES[optimiser])
        assert is_last or f"Then try --lr {expected:g} in place of" in stuck
    assert "--norm" not in stuck
    plain = advice(Problem.NOTHING, 0.345, settings, PLAIN)
    assert "Then try --norm batch, " in plain


@pytest.mark.parametrize(
    ("backbone", "start"),
    [
        ("squeezenet", "Then try --weights imagenet where"),
        ("yolox_nano", "Then try the default --weights where"),
        ("small", "Then try more time or"),
    ],
)
def test_what_is_advised_can_be_had(backbone, start):
    settings = TrainingConfig(1, lr=2e-3)  # as from a detector that knows no class
    stuck = advice(Problem.NOTHING, 0.4, settings, Architecture(backbone, 3))
    assert start in stuck
    assert stuck.endswith("or --lr 0.0005 in place of 0.002.")


def test_more_time_wakes_no_dead_layer():
    stuck = advice(Problem.DEAD, 0.4, TrainingConfig(1), PLAIN)
    assert "more time" not in stuck
    assert stuck.endswith(
        "--norm batch, another --seed or --lr 0.00025 in place of 0.001."
    )
    only = advice(Problem.DEAD, 0.4, TrainingConfig(1, lr=2.5e-4), NORMALISED)
    assert only.endswith("a layer is dead. Begin anew with another --seed.")


def test_a_rate_far_above_the_default_is_blamed_before_the_images(tmp_path):
    error = FloatingPointError("epoch 1, step 9: weights became not finite")
    settings = TrainingConfig(1, lr=1.0)
    line = explain(error, tmp_path, settings, Replicas())
    assert line == f"{error}. Try --lr 0.001 in a new run."


@pytest.mark.parametrize("skips", [False, True])
def test_bad_batches_are_left_out_already(tmp_path, skips):
    error = FloatingPointError("the loss is not finite 11 times in a row")
    line = explain(
        error,
        tmp_path,
        TrainingConfig(1, skip_non_finite=skips),
        Replicas(),
    )
    assert "try --lr 0.00025" in line and line.endswith(".")
    assert ("--skip-non-finite" in line) != skips
