"""Optimiser, engine, devices, run folders."""

import csv
import errno
import json
import math
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from data import Dataset, Picture
from models import Architecture, build
from models.multibox_loss import multibox_loss
from ssd_utils import make_priors
from training import devices, runs
from training.average import Average
from training.devices import Device, choose_precision
from training.engine import PARTS, Trainer, train_epoch, validate
from training.fit import Waited, class_weights
from training.optimiser import OPTIMISERS, make_optimiser
from training.schedule import Schedule

# schedule


def rates_of(shape, steps, minutes=None):
    schedule = Schedule(shape, 1e-3, steps, minutes)
    rates = []
    while schedule.progress < 1:
        rates.append(schedule.rate())
        schedule.step += 1
    return np.array([*rates, schedule.rate()])


@pytest.mark.parametrize("steps", [1, 5, 100, 600, 2000])
def test_cosine_rises_then_falls_to_zero(steps):
    rates = rates_of("cosine", steps)
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


def test_steps_of_the_paper():
    rates = rates_of("steps", 1200)
    assert rates[[0, 29, 59]] == pytest.approx([1e-3 / 60, 0.5e-3, 1e-3])
    assert rates[[60, 799, 800, 999, 1000, 1199]] == pytest.approx(
        [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5]
    )


def test_schedule_by_the_clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    schedule = Schedule("cosine", 1.0, None, minutes=2)
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
    schedule = Schedule("cosine", 1.0, 2000, None)
    schedule.step = 1000
    assert schedule.rate() == pytest.approx(0.5)
    schedule.warm_up()
    assert schedule.rate() == pytest.approx(0.5 / 60)
    schedule.step = 1060
    assert schedule.rate() == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.53)))


# optimiser


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMISERS)
def test_decay_spares_scales_and_shifts(name, slim_squeezenet):
    model = build(Architecture("squeezenet", 3))
    optimiser = make_optimiser(name, model.trainable_variables)
    decayed = {
        v.name for v in model.trainable_variables if optimiser._use_weight_decay(v)
    }
    assert decayed == {"kernel"}
    spared = {v.name for v in model.trainable_variables} - decayed
    assert spared == {"bias", "gamma", "beta"}


def dense():
    """Four kernel weights of 1 and two biases."""
    layer = keras.layers.Dense(2, kernel_initializer="ones")
    layer.build((None, 2))
    return layer


@pytest.mark.core
@pytest.mark.parametrize(("name", "decay"), [("adamw", 1e-4), ("sgd", 5e-4)])
def test_decay_shrinks_kernels_without_gradient(name, decay):
    layer = dense()
    layer.bias.assign([1.0, 2.0])
    optimiser = make_optimiser(name, [layer.kernel, layer.bias])
    optimiser.learning_rate = 10.0
    optimiser.apply([ops.zeros((2, 2)), ops.zeros((2,))], [layer.kernel, layer.bias])
    expected = np.full((2, 2), 1 - 10 * decay)
    assert ops.convert_to_numpy(layer.kernel) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.bias), [1.0, 2.0])


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMISERS)
def test_some_variables_learn_slower(name):
    steps = {}
    for slower_by in (1.0, 0.25):
        layer = dense()
        variables = [layer.kernel, layer.bias]
        optimiser = make_optimiser(name, variables, [layer.bias], slower_by)
        optimiser.learning_rate = 1e-2
        optimiser.apply([ops.ones((2, 2)), ops.ones((2,))], variables)
        steps[slower_by] = ops.convert_to_numpy(layer.bias)
        kernel = ops.convert_to_numpy(layer.kernel)
        assert kernel == pytest.approx(np.full((2, 2), 0.99), abs=1e-4)
    assert steps[1.0] == pytest.approx([-0.01, -0.01], rel=1e-3)
    assert steps[0.25] == pytest.approx(steps[1.0] / 4, rel=1e-5)


# weights of classes


def test_class_weights_by_hand():
    truth = np.zeros((10, 5), "float32")
    truth[:, 4] = [1] * 9 + [2]
    picture = Picture(Path("a.png"), (9, 9), truth, np.zeros(10, bool))
    dataset = Dataset("d", "train", ["common", "rare"], [picture])
    # 1/3 and 1, times 10 boxes by their sum 9 / 3 + 1
    assert class_weights(dataset) == pytest.approx([1, 10 / 12, 10 / 4])
    dataset = Dataset("d", "train", ["common", "rare", "absent"], [picture])
    assert np.isfinite(class_weights(dataset)).all()


# the average of the weights


@pytest.mark.core
def test_average_follows_and_gives_the_weights_back():
    layer = dense()
    model = keras.Sequential([keras.Input((2,)), layer])
    average = Average(model)
    expected, now = np.zeros(2), np.zeros(2)
    for step in range(1, 40):
        now = np.array([step, -2.0 * step])
        layer.bias.assign(now)
        average.update()
        decay = min(0.99, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * now
    with pytest.raises(RuntimeError, match="inside"), average.applied():
        assert ops.convert_to_numpy(layer.bias) == pytest.approx(expected, rel=1e-5)
        assert ops.convert_to_numpy(layer.kernel) == pytest.approx(np.ones((2, 2)))
        raise RuntimeError("inside")
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.bias), now)
    assert abs(expected - now).min() > 1


# engine


def batch_of(count, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 255, (count, 300, 300, 3), dtype="uint8")
    truth = np.zeros((count, 8, 5), "float32")
    truth[:, 0] = [0.1, 0.2, 0.5, 0.9, 1 + seed % 2]
    return images, truth


class Sequence:
    """Batches of made-up pictures, with the interface of data.Batches."""

    def __init__(self, batches, counts=None):
        self.batches = batches
        self.counts = counts or [len(images) for images, _ in batches]

    def epoch(self, _):
        return iter(self.batches)

    def count(self, step):
        return self.counts[step]


class PerCell(keras.layers.Layer):
    """Predictions (B, 8732, 4 + 3) of the image's mean: a detector of one weight."""

    def build(self, shape):
        self.slope = self.add_weight(shape=(7,), initializer="ones", name="kernel")

    def call(self, images):
        brightness = ops.mean(ops.cast(images, "float32"), axis=(1, 2, 3)) / 255
        return ops.repeat(
            (brightness[:, None] * self.slope)[:, None, :], len(make_priors()), axis=1
        )


def tiny_detector():
    images = keras.Input((300, 300, 3), dtype="uint8")
    return keras.Model(images, PerCell()(images))


def still(model, accumulate=1):
    """A trainer that changes nothing."""
    optimiser = make_optimiser("sgd", model.trainable_variables, accumulate=accumulate)
    return Trainer(model, "voc", accumulate).compile_for(optimiser)


def at_rest(steps):
    """A schedule of so many steps at the rate 0."""
    return Schedule("cosine", 0.0, steps, None)


@pytest.mark.core
def test_train_epoch_gives_each_step_and_their_means():
    model = tiny_detector()
    trainer = still(model)
    batches = [batch_of(2, seed) for seed in range(3)]
    batches[1][0][:] //= 2  # losses differ
    steps = []
    means = train_epoch(trainer.step, batches, at_rest(9), steps.append)
    expected = []
    for images, truth in batches:
        parts = multibox_loss(model(images), truth, make_priors())
        expected.append({k: float(ops.convert_to_numpy(parts[k])) for k in PARTS})
    for received, parts in zip(steps, expected, strict=True):
        assert received == pytest.approx(parts, rel=1e-4)
    assert expected[0]["loss"] != pytest.approx(expected[1]["loss"], rel=1e-3)
    for name in PARTS:
        mean = np.mean([parts[name] for parts in expected])
        assert means[name] == pytest.approx(mean, rel=1e-4)


def test_train_epoch_of_nothing():
    means = train_epoch(still(tiny_detector()).step, [], at_rest(1), print)
    assert means == dict.fromkeys(PARTS, 0.0)


def test_the_schedule_ends_an_epoch():
    steps, schedule = [], at_rest(2)
    batch = batch_of(1, 0)
    train_epoch(still(tiny_detector()).step, [batch] * 5, schedule, steps.append)
    assert len(steps) == schedule.step == 2


@pytest.mark.core
@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("accumulate", [2, 4])
def test_accumulated_update_equals_that_of_the_large_batch(name, accumulate):
    images = np.concatenate([batch_of(2, seed)[0] for seed in (0, 1)])
    truth = np.concatenate([batch_of(2, seed)[1] for seed in (0, 1)])
    images[1:] //= np.array([2, 3, 4], "uint8")[:, None, None, None]
    truth[1, 1] = [0.2, 0.2, 0.9, 0.9, 1]  # unequal numbers of positives
    truth[3] = 0  # and none
    results = []
    for parts in (1, accumulate):
        model = tiny_detector()
        optimiser = make_optimiser(name, model.trainable_variables, accumulate=parts)
        trainer = Trainer(model, "voc", parts).compile_for(optimiser)
        losses = [trainer.step(images, truth, 1e-2) for _ in range(3)]
        weights = ops.convert_to_numpy(model.layers[-1].slope)
        results.append((weights, [step["loss"] for step in losses]))
    (whole, whole_losses), (parts, parts_losses) = results
    assert abs(whole - 1).min() > 1e-4  # it moved
    assert parts == pytest.approx(whole, abs=1e-5)
    assert parts_losses == pytest.approx(whole_losses, rel=1e-5)


def test_accumulated_update_of_a_detector(slim_squeezenet):
    images = np.concatenate([batch_of(1, seed)[0] for seed in range(4)])
    truth = np.concatenate([batch_of(1, seed)[1] for seed in range(4)])
    truth[2] = 0
    kernels = []
    for parts in (1, 4):
        keras.utils.set_random_seed(0)
        model = build(Architecture("squeezenet", 3, norm="none"))
        optimiser = make_optimiser("sgd", model.trainable_variables, accumulate=parts)
        Trainer(model, "voc", parts).compile_for(optimiser).step(images, truth, 0.01)
        kernels.append([ops.convert_to_numpy(w) for w in model.weights])
    keras.utils.set_random_seed(0)
    start = build(Architecture("squeezenet", 3, norm="none")).get_weights()
    assert max(abs(a - b).max() for a, b in zip(kernels[0], start, strict=True)) > 1e-3
    for whole, parts in zip(*kernels, strict=True):
        assert parts == pytest.approx(whole, abs=1e-5)


PRECISIONS = {  # and steps; float16's first are lost to finding the scale of the loss
    "float32": 4,
    "mixed_bfloat16": 4,
    "mixed_float16": 12,
}


@pytest.mark.parametrize(
    "precision",
    [
        pytest.param("float32", marks=pytest.mark.core),
        *("mixed_bfloat16", "mixed_float16"),
    ],
)
def test_steps_in_each_precision_lower_the_loss(precision, slim_squeezenet):
    check_steps(precision, PRECISIONS[precision])


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "steps"), PRECISIONS.items())
def test_so_they_do_in_the_whole_network(precision, steps):
    check_steps(precision, steps)


def check_steps(precision, steps):
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(0)
    model = build(Architecture("squeezenet", 3))
    assert model.output.dtype == "float32"
    optimiser = make_optimiser("adamw", model.trainable_variables)
    trainer = Trainer(model, "voc").compile_for(optimiser)
    schedule = Schedule("cosine", 1e-3, 30, None)
    batch = batch_of(1, 0)
    before = [np.array(weight) for weight in model.trainable_weights]
    losses = []
    batches = [batch] * steps
    train_epoch(
        trainer.step, batches, schedule, lambda parts: losses.append(parts["loss"])
    )
    assert np.isfinite(losses).all()
    assert min(losses) < 0.9 * losses[0]
    changed = [
        (np.array(weight) != value).any()
        for weight, value in zip(model.trainable_weights, before, strict=True)
    ]
    assert np.mean(changed) > 0.5
    assert all(np.isfinite(np.array(weight)).all() for weight in model.weights)
    assert float(trainer.optimizer.learning_rate) > 0  # through the loss scaling too


@pytest.mark.core
def test_validate_leaves_padding_out():
    from models.detector import with_detections

    model = with_detections(tiny_detector(), "voc", 0.0)
    images, truth = batch_of(3, 0)
    images[1] //= 3
    detections, means = validate(model, "voc", Sequence([(images, truth)]))
    assert [rows.shape for rows in detections] == [(200, 6)] * 3
    twice = [
        (images[:2], truth[:2]),
        (images[[2, 0]], truth[[2, 0]] * 0),  # the second picture is padding
    ]
    twice[1][1][0] = truth[2]
    padded, padded_means = validate(model, "voc", Sequence(twice, [2, 1]))
    assert len(padded) == 3
    for rows, expected in zip(padded, detections, strict=True):
        assert rows == pytest.approx(expected, abs=1e-6)
    # as many positives in each picture: the mean over pictures is the batch's
    assert padded_means == pytest.approx(means, rel=1e-4)


# devices

XEON = Device("Xeon", 16, None, ("avx2", "avx512f", "amx_bf16"))


@pytest.mark.parametrize(
    ("device", "precision"),
    [
        (XEON, "mixed_bfloat16"),
        (Device("EPYC", 16, None, ("avx512_bf16",)), "mixed_bfloat16"),
        (Device("i7", 16, None, ("avx2", "avx512f")), "float32"),
        (Device("M1", 16), "float32"),
        (Device("GTX 1060", 6, (6, 1)), "float32"),
        (Device("V100", 16, (7, 0)), "mixed_float16"),
        (Device("T4", 16, (7, 5)), "mixed_float16"),
        (Device("A100", 40, (8, 0)), "mixed_bfloat16"),
        (Device("B200", 180, (10, 0)), "mixed_bfloat16"),
    ],
)
def test_precision_goes_by_the_hardware(device, precision):
    vgg16 = Architecture("vgg16", 2)
    assert choose_precision("auto", device, vgg16) == precision
    for wanted in ("float32", "mixed_bfloat16", "mixed_float16"):
        assert choose_precision(wanted, device, vgg16) == wanted


@pytest.mark.parametrize(
    ("device", "precision"),
    [(XEON, "float32"), (Device("T4", 16, (7, 5)), "mixed_float16")],
)
def test_depthwise_network_stays_in_float32_on_a_processor(device, precision):
    assert choose_precision("auto", device, Architecture("MobileNet", 2)) == precision
    assert choose_precision("mixed_bfloat16", XEON, Architecture("MobileNet", 2)) == (
        "mixed_bfloat16"
    )


@pytest.mark.core
def test_headline_is_one_line():
    device = devices.find_device()
    line = devices.headline(device, "mixed_bfloat16")
    assert "\n" not in line
    parts = (device.name, "GiB", "threads", "mixed_bfloat16", keras.version())
    assert all(part in line for part in (*parts, keras.backend.backend()))
    assert device.memory_gib > 0.5


def fake_driver(folder, monkeypatch, answer="GTX 1060", status=0):
    """An nvidia-smi in front of all others."""
    program = folder / "nvidia-smi"
    program.write_text(f'#!/bin/sh\necho "{answer}"\nexit {status}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def test_no_driver_no_complaint(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices.unused_gpu(XEON) is None


def test_driver_without_a_card(tmp_path, monkeypatch):
    fake_driver(tmp_path, monkeypatch, "No devices were found", status=6)
    assert devices.unused_gpu(XEON) is None


def test_gpu_in_use_is_no_complaint(tmp_path, monkeypatch):
    fake_driver(tmp_path, monkeypatch)
    assert devices.unused_gpu(Device("GTX 1060", 6, (6, 1))) is None


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's")
@pytest.mark.parametrize(
    ("with_cuda", "visible", "reason"),
    [
        (False, None, "built without CUDA"),
        (True, None, "requirements-gpu.txt"),
        (True, "-1", "CUDA_VISIBLE_DEVICES"),
        (True, "", "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_unused_gpu_is_named_with_the_reason(
    with_cuda, visible, reason, tmp_path, monkeypatch
):
    import tensorflow as tf

    fake_driver(tmp_path, monkeypatch)
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: with_cuda)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    line = devices.unused_gpu(XEON)
    assert line.startswith("GTX 1060 is not used")
    assert reason in line
    assert "\n" not in line


# run folders


def test_new_run_never_takes_anothers_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [runs.new_run(None, "vgg16-ssd-voc") for _ in range(3)]
    assert [str(folder) for folder in folders] == [
        os.path.join("runs", name)  # noqa: PTH118
        for name in ("vgg16-ssd-voc", "vgg16-ssd-voc-2", "vgg16-ssd-voc-3")
    ]
    assert all(folder.is_dir() for folder in folders)


def test_output_that_is_new_or_empty(tmp_path):
    for folder in (tmp_path / "a" / "b", tmp_path / "empty"):
        folder.parent.mkdir(exist_ok=True)
        assert runs.new_run(str(folder), "x") == folder
        assert runs.new_run(str(folder), "x") == folder  # still empty
        assert folder.is_dir()


@pytest.mark.parametrize("kind", ["folder", "file", "below a file"])
def test_output_that_is_taken(kind, tmp_path):
    output = tmp_path / "taken"
    if kind == "folder":
        output.mkdir()
        (output / "notes.txt").write_text("mine")
    else:
        output.write_text("mine")
    wanted = output / "run" if kind == "below a file" else output
    with pytest.raises(ValueError, match="--output") as error:
        runs.new_run(str(wanted), "x")
    assert "\n" not in str(error.value)
    assert str(output) in str(error.value)


def test_history_and_summary(tmp_path):
    path = tmp_path / "history.csv"
    rows = [{"epoch": epoch, "loss": 1 / 3, "mAP50": 0.0} for epoch in (1, 2)]
    for until in (1, 2):
        runs.write_history(path, rows[:until])
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["epoch", "loss", "mAP50"],
            ["1", "0.333333", "0"],
            ["2", "0.333333", "0"],
        ]
    # a newer version goes on with a run that had a column less
    runs.write_history(path, [*rows, {**rows[0], "epoch": 3, "waiting": 0.5}])
    with path.open(newline="") as file:
        lines = list(csv.reader(file))
    assert [line[-1] for line in lines] == ["waiting", "", "", "0.5"]
    runs.write_json(tmp_path / "summary.json", {"a": [1, 0.5], "b": {"c": tmp_path}})
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "a": [1, 0.5],
        "b": {"c": str(tmp_path)},
    }


def test_waiting_is_counted_not_work(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("training.fit.time.perf_counter", lambda: clock[0])

    def slow():
        for item in range(3):
            clock[0] += 2
            yield item

    waited = Waited(slow())
    for _ in waited:
        clock[0] += 5
    assert waited.seconds == 6  # three items of 2


def test_json_is_json_where_a_figure_is_missing(tmp_path):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    figures = {"AP": math.nan, "classes": {"cat": {"AP50": math.nan, "n": [math.inf]}}}
    runs.write_json(tmp_path / "x.json", figures)
    received = json.loads((tmp_path / "x.json").read_text(), parse_constant=refuse)
    assert received == {"AP": None, "classes": {"cat": {"AP50": None, "n": [None]}}}


def test_failing_write_leaves_the_old_summary(tmp_path, monkeypatch):
    def disk_full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "summary.json"
    runs.write_json(path, {"old": 1})
    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        runs.write_json(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]
