"""--batch-size auto: what is tried, what is taken, and what if it was too much."""

import h5py
import numpy as np
import pytest

import train
from base.errors import UserError
from base.memory import available_bytes
from tests.helpers import tiny
from tests.helpers.scripts import strict_json
from training import TrainingConfig
from training.engine import Trainer
from training.hardware import batch_size
from training.hardware.batch_size import fit_or_halve, largest_that_fits


@pytest.mark.parametrize(
    ("fits", "most", "watched", "tried", "taken"),
    [
        (99, 1, 99, [1], 1),
        (99, 16, 99, [1, 2, 4, 8, 16], 16),  # as many as are useful
        (7, 64, 99, [1, 2, 4, 8], 4),  # a GPU: until it fails
        (99, 64, 4, [1, 2, 4], 4),  # a processor: nothing is tried that may fail
        (1, 64, 99, [1, 2], 1),
    ],
)
def test_what_is_tried(fits, most, watched, tried, taken):
    sizes = []

    def step(size):
        sizes.append(size)
        if size > fits:
            raise MemoryError

    assert largest_that_fits(step, most, lambda: 2 * sizes[-1] <= watched) == taken
    assert sizes == tried


@pytest.mark.parametrize(("error", "at"), [(MemoryError, 1), (ZeroDivisionError, 4)])
def test_errors_of_the_step(error, at):
    def step(size):
        if size >= at:
            raise error

    with pytest.raises(error):
        largest_that_fits(step, 64, lambda: True)


@pytest.fixture
def fit(tmp_path):
    """training.fit with a tiny detector in tmp_path/run."""

    def fit(settings, resume):
        return tiny.train(tmp_path / "run", resume, **vars(settings))

    return fit


def fail_above(monkeypatch, most, at_step):
    original = Trainer.step

    def step(self, images, *rest):
        if len(images) > most and self.optimizer.iterations == at_step:
            raise MemoryError
        return original(self, images, *rest)

    monkeypatch.setattr(Trainer, "step", step)


def test_half_the_batch_where_memory_runs_out_at_once(
    fit, tmp_path, monkeypatch, capsys
):
    # two images in each of the tiny training's batches, as without any accident
    tiny.train(tmp_path / "whole", batch_size=2)
    with monkeypatch.context() as patch:
        fail_above(patch, most=2, at_step=0)
        settings = TrainingConfig(epochs=3, batch_size=4, ema=False)
        history, found = fit_or_halve(fit, settings, tmp_path / "run")
    assert found.batch_size == 2 and len(history) == 3
    assert "going on with --batch-size 2" in capsys.readouterr().out
    tiny.assert_same(tiny.result(tmp_path / "run"), tiny.result(tmp_path / "whole"))


@pytest.mark.parametrize(("size", "at_step"), [(1, 0), (2, 4)])
def test_it_ends_where_half_is_none_or_something_is_learned(
    size, at_step, fit, tmp_path, monkeypatch
):
    fail_above(monkeypatch, most=0, at_step=at_step)
    with pytest.raises(MemoryError):
        settings = TrainingConfig(epochs=3, batch_size=size)
        fit_or_halve(fit, settings, tmp_path / "run")


@pytest.mark.usefixtures("slim_squeezenet")
def test_the_training_is_that_of_the_number(shapes, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(batch_size, "MIN_UPDATES", 5)  # 21 images: 4
    weights = {}
    for size in ("auto", "4"):
        run = tmp_path / size
        options = ["--data", str(shapes), "--output", str(run), "--weights", "none"]
        options += ["--backbone", "squeezenet", "--precision", "float32"]
        assert train.main([*options, "--epochs", "1", "--batch-size", size]) == 0
        assert strict_json(run / "summary.json")["options"]["batch_size"] == 4
        with h5py.File(run / "last.weights.h5") as file:
            weights[size] = tiny._stored(file)
    assert "--batch-size auto: 4, the largest for 21 images" in capsys.readouterr().out
    for name, array in weights["auto"].items():
        np.testing.assert_array_equal(array, weights["4"][name], err_msg=name)


def test_several_devices_want_a_number():
    from training.hardware.replicas import Replicas

    replicas = Replicas()
    replicas.check("auto", 1, None)
    replicas.devices = 2
    with pytest.raises(UserError, match="--batch-size auto is for one device"):
        replicas.check("auto", 1, None)


GIB = 2**30


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, None),
        ({"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:  2097152 kB\n"}, 2 * GIB),
        (
            {
                "proc/meminfo": "MemAvailable:  2097152 kB\n",
                "sys/fs/cgroup/memory.max": f"{3 * GIB}\n",
                "sys/fs/cgroup/memory.current": f"{2 * GIB}\n",
            },
            GIB,
        ),
        (
            {
                "proc/meminfo": "MemAvailable:  2097152 kB\n",
                "sys/fs/cgroup/memory.max": "max\n",
                "sys/fs/cgroup/memory.current": f"{2 * GIB}\n",
            },
            2 * GIB,
        ),
        (
            {
                "proc/meminfo": "MemAvailable:  2097152 kB\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{2 * GIB}",
            },
            0,
        ),
    ],
)
def test_free_memory(files, free, tmp_path):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert available_bytes(tmp_path) == free
