"""Which device and precision are taken, and what is said of them."""

import os

import keras
import pytest

from models import Architecture
from training.hardware import devices
from training.hardware.devices import Device, choose_precision

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
    line = devices.headline()
    assert "\n" not in line and line == devices.headline(device)
    precision = keras.config.dtype_policy().name
    parts = (device.name, "GiB", "threads", precision, keras.version())
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
