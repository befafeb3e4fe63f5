"""How the learning rate goes, by steps and by the clock."""

import math

import numpy as np
import pytest

from training.schedule import Schedule


def rates_of(steps, minutes=None):
    schedule = Schedule(1e-3, steps, minutes)
    rates = []
    while schedule.progress < 1:
        rates.append(schedule.rate())
        schedule.step += 1
    return np.array([*rates, schedule.rate()])


@pytest.mark.parametrize("steps", [1, 5, 100, 600, 2000])
def test_cosine_rises_then_falls_to_zero(steps):
    rates = rates_of(steps)
    warmup = min(60, max(steps // 10, 1))
    assert len(rates) == steps + 1
    assert (rates[:-1] > 0).all()
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert rates.argmax() <= warmup
    assert rates.max() == pytest.approx(1e-3, rel=0.05)
    assert (np.diff(rates[warmup:]) < 0).all()
    # the textbook's formula where the warm-up is over
    at = np.arange(warmup, steps + 1)
    expected = 0.5e-3 * (1 + np.cos(np.pi * at / steps))
    assert rates[warmup:] == pytest.approx(expected)


def test_schedule_by_the_clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    schedule = Schedule(1.0, None, minutes=2)
    assert schedule.progress == 0
    rates = []
    for second in (0, 6, 12, 60, 119, 120, 500):
        now[0] = 100.0 + second
        schedule.step += 1
        rates.append(schedule.rate())
    cosine = [0.5 * (1 + math.cos(math.pi * s / 120)) for s in (6, 12, 60, 119)]
    # six seconds of 120 are half of the warm-up
    assert rates[1:5] == pytest.approx([0.5 * cosine[0], *cosine[1:]])
    assert schedule.progress == 1
    assert rates[5:] == pytest.approx([0, 0])


def test_a_new_optimiser_warms_up_again():
    schedule = Schedule(1.0, 2000, None)
    schedule.step = 1000
    assert schedule.rate() == pytest.approx(0.5)
    schedule.warm_up()
    assert schedule.rate() == pytest.approx(0.5 / 60)
    schedule.step = 1060
    assert schedule.rate() == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.53)))


def test_a_short_training_warms_up_within_a_tenth():
    schedule = Schedule(1.0, 100, None)
    rates = []
    for schedule.step in range(11):
        rates.append(schedule.rate())
    # a tenth of 100 steps: 1/10, 2/10 ... 10/10, then the full rate
    cosine = 0.5 * (1 + np.cos(np.pi * np.arange(11) / 100))
    assert rates == pytest.approx(cosine * [*np.arange(1, 11) / 10, 1.0])


def test_restore_goes_on_from_the_state(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    first = Schedule(1.0, 2000, None)
    first.step, now[0] = 30, 107.0
    first.warm_up()
    first.step, now[0] = 50, 112.0
    assert first.state() == {"step": 50, "seconds": 12.0, "cold": (30, 7.0)}
    now[0] = 5000.0  # another process, later
    again = Schedule(1.0, 2000, None)
    again.restore({"step": 50, "seconds": 12.0, "cold": [30, 7.0]})  # from JSON
    assert again.state() == {"step": 50, "seconds": 12.0, "cold": (30, 7.0)}
    # step 50 of one that was cold at 30
    expected = 21 / 60 * 0.5 * (1 + math.cos(math.pi * 50 / 2000))
    assert again.rate() == pytest.approx(expected)
    now[0] = 5003.0
    assert again.seconds == 15.0
