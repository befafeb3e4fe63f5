"""Several devices and several processes train as one device does, on any engine."""

import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import train
from benchmarks.shapes.dataset import draw_shapes
from data import Batches, read_dataset
from training.hardware.machines import _cluster
from training.hardware.replicas import Mirrored, Replicas
from training.options import parse
from training.recovery import checkpoint

SCRIPT = Path(__file__).parents[2] / "helpers" / "shared_training.py"
BACKEND = keras.backend.backend()
STEPS = ["--epochs", "5", "--batch-size", "4"]  # 20 steps of 16 images
# bfloat16, the default where a processor has it, rounds a share otherwise
STEPS += ["--precision", "float32"]

tensorflow_only = pytest.mark.skipif(BACKEND != "tensorflow", reason="TF_CONFIG")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return draw_shapes(tmp_path_factory.mktemp("data") / "shapes", num_images=20)


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """Folders of trainings on one device, by the normalisation."""
    folder = tmp_path_factory.mktemp("alone")
    for norm in ("none", "batch"):
        process = start(data, folder / norm, norm)
        assert process.wait() == 0, process.stderr.read()
    return folder


def start(data, folder, norm, *options, steps=STEPS, launcher=(), **environment):
    """A process of tests/helpers/shared_training.py."""
    length = ["--resume", folder] if "--resume" in options else ["--output", folder]
    options = [o for o in options if o != "--resume"]
    begin = [] if "--resume" in map(str, length) else ["--data", data, *steps]
    return subprocess.Popen(
        [*(launcher or [sys.executable]), SCRIPT, *begin, *length, *options],
        env={
            **os.environ,
            "PYTHONPATH": str(SCRIPT.parents[2]),
            "NORM": norm,
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_pair(data, folder, norm, *options, **more):
    """Two workers on 127.0.0.1."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    return [
        start(
            data,
            folder,
            norm,
            *options,
            TF_CONFIG=json.dumps(
                {
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                }
            ),
            **more,
        )
        for index in range(2)
    ]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def arrays(folder):
    """Weights by place, and the loss of each epoch."""
    with np.load(folder / checkpoint.NAME) as file:
        weights = [file[name] for name in file.files if name.startswith("model/")]
    with (folder / "history.csv").open() as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    return weights, losses


def assert_same(folder, expected):
    (weights, losses), (theirs, their_losses) = arrays(folder), arrays(expected)
    assert len(losses) == 5
    assert losses == pytest.approx(their_losses, rel=1e-4)
    for received, value in zip(weights, theirs, strict=True):
        np.testing.assert_allclose(received, value, atol=1e-4)


@pytest.mark.core
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_two_devices(norm, data, alone, tmp_path):
    if BACKEND == "torch":
        port = f"--master-port={free_port()}"
        launcher = [sys.executable, "-m", "torch.distributed.run", port]
        more = {"launcher": [*launcher, "--nproc-per-node=2"]}
    else:
        more = {"DEVICES": "2"}
    options = [] if BACKEND == "torch" else ["--devices", "all"]
    process = start(data, tmp_path / "two", norm, *options, **more)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "2 devices" in out
    if BACKEND == "torch" and norm == "batch":  # each process sees its own share
        with pytest.raises(AssertionError):
            assert_same(tmp_path / "two", alone / norm)
    else:
        assert_same(tmp_path / "two", alone / norm)


@tensorflow_only
def test_two_workers_one_of_them_killed(data, alone, tmp_path):
    folder = tmp_path / "pair"
    first, second = start_pair(data, folder, "batch", EACH_STEP="1")
    for line in first.stdout:  # the first epoch is over
        if line.startswith("epoch"):
            break
    second.kill()
    _, errors = first.communicate(timeout=600)  # 17 s: docs/scaling.md
    assert first.returncode == 2
    last = errors.strip().splitlines()[-1]
    assert last.startswith("train.py: Another worker of this training is gone")
    assert f"train.py --resume {folder}" in last
    assert len(arrays(folder)[1]) < 5
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")

    workers = start_pair(data, folder, "batch", "--resume")
    for worker in workers:
        _, errors = worker.communicate()
        assert worker.returncode == 0, errors
    assert_same(folder, alone / "batch")

    devices = start(data, elsewhere, "batch", "--resume", "--devices", "2", DEVICES="2")
    _, errors = devices.communicate()
    assert devices.returncode == 0, errors
    assert_same(elsewhere, alone / "batch")


@tensorflow_only
def test_a_stop_of_one_worker_stops_both(data, tmp_path):
    folder = tmp_path / "pair"
    steps = ["--epochs", "100000", "--batch-size", "4"]
    first, second = start_pair(data, folder, "none", steps=steps)
    for line in first.stdout:
        if line.startswith("epoch"):
            break
    second.send_signal(signal.SIGTERM)
    out, errors = first.communicate()
    assert first.returncode == 0, errors
    assert "go on: python train.py --resume" in out
    second.communicate()
    assert second.returncode == 0


def test_shares_are_the_batch(data):
    dataset = read_dataset(data, "train")
    whole = Batches(dataset, 4, seed=3).batch(1, 2)
    parts = [Batches(dataset, 4, seed=3, share=(k, 2)).batch(1, 2) for k in range(2)]
    for place in range(2):  # images, truth
        together = np.concatenate([part[place] for part in parts])
        np.testing.assert_array_equal(together, whole[place])
    with pytest.raises(ValueError, match="can't be shared by 3"):
        Batches(dataset, 4, share=(0, 3))


@tensorflow_only
def test_more_devices_than_there_are(data, tmp_path):
    options = ["--devices", "3"]
    process = start(data, tmp_path / "run", "none", *options, DEVICES="2")
    _, errors = process.communicate()
    assert process.returncode == 2
    assert (
        errors.strip()
        .splitlines()[-1]
        .startswith("train.py: --devices 3: there are 2 (")
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("workers", "options", "message"),
    [
        (1, {"batch_size": 3}, "--batch-size 3 can't be shared by 2 devices; take 4."),
        (1, {"accumulate": 2}, "--accumulate: several devices of TensorFlow can't"),
        (1, {"precision": "mixed_float16"}, "--precision mixed_float16: several"),
        (2, {"minutes": 3.0}, "--minutes: several workers take --epochs"),
    ],
)
def test_what_can_not_be_shared(workers, options, message):
    class Strategy:
        num_replicas_in_sync = 2

    sound = {"batch_size": 4, "accumulate": 1, "minutes": None}
    replicas = Mirrored(Strategy(), 0, workers)
    assert not replicas.accumulates
    replicas.check(**sound)
    wanted = {**sound, **options}
    keras.config.set_dtype_policy(wanted.pop("precision", "float32"))
    with pytest.raises(ValueError, match=re.escape(message)):
        replicas.check(**wanted)


@pytest.mark.parametrize("options", [["--data", "D"], ["--output", "run"]])
def test_workers_share_data_and_folder(options, monkeypatch, capsys):
    replicas = Replicas()
    replicas.workers = 2
    monkeypatch.setattr("training.hardware.machines.find_replicas", lambda _: replicas)
    assert train.main(options) == 2
    expected = "several workers take --data, and --output or --resume"
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("devices", ["two", "0", "-1"])
def test_devices_are_a_number_or_all(devices, capsys):
    with pytest.raises(SystemExit):
        parse([f"--devices={devices}"])
    assert "expected a number or all" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"cluster": {"ps": []}, "task": {"type": "worker"}}']
)
def test_a_cluster_that_is_none(text):
    with pytest.raises(ValueError, match=r"TF_CONFIG: .*expected"):
        _cluster(text)
