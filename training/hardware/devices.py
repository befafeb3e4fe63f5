"""What computes here: processor or GPU, threads, precision; said in one line."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import keras

from models import Architecture

# flags of /proc/cpuinfo that mean fast bfloat16; measured on both kinds of processor:
# mixed_bfloat16 trains the SSDs here 1.3 to 4 times faster than float32
BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")
# tensor cores: float16 from 7.0 (Volta) on, bfloat16 from 8.0 (Ampere) on; below, on a
# GTX 1060 for one, half precision is slow. NVIDIA, CUDA programming guide, table 18
FLOAT16_CAPABILITY, BFLOAT16_CAPABILITY = (7, 0), (8, 0)
# cuDNN 9.11 dropped Maxwell, Pascal and Volta. NVIDIA, cuDNN support matrix
FIRST_CUDNN_WITHOUT_PASCAL, OLDEST_CAPABILITY = (9, 11), (7, 5)


@dataclass(frozen=True)
class Device:
    """What the backend computes on; `capability` is a GPU's, None on a processor."""

    name: str
    memory_gib: float
    capability: tuple[int, int] | None = None
    flags: tuple[str, ...] = ()


def find_device() -> Device:
    """The first GPU of the current backend, or else the processor."""
    backend = keras.backend.backend()
    finder = {"tensorflow": _tensorflow_gpu, "torch": _torch_gpu, "jax": _jax_gpu}
    return finder[backend]() or _processor()


def choose_precision(wanted: str, device: Device, architecture: Architecture) -> str:
    """The dtype policy for `--precision`: "auto" goes by hardware and network.

    On a processor depthwise convolutions stay in float32: measured, bfloat16 makes
    MobileNets slower there.
    """
    if wanted != "auto":
        return wanted
    if device.capability is not None:
        if device.capability >= BFLOAT16_CAPABILITY:
            return "mixed_bfloat16"
        fast = device.capability >= FLOAT16_CAPABILITY
        return "mixed_float16" if fast else "float32"
    is_fast = set(BFLOAT16_FLAGS) & set(device.flags) and not architecture.is_depthwise
    return "mixed_bfloat16" if is_fast else "float32"


def headline(device: Device | None = None) -> str:
    """One line: versions, device with its memory, threads, the precision that is set.

    device: None is the one that is found.
    """
    device = device or find_device()
    backend = keras.backend.backend()
    return (
        f"Keras {keras.version()} on {backend} {version(backend)}, "
        f"Python {platform.python_version()} · "
        f"{device.name}, {device.memory_gib:.0f} GiB · "
        f"{os.cpu_count()} threads · {keras.config.dtype_policy().name}"
    )


def unused_gpu(device: Device) -> str | None:
    """Why a GPU that is there is not used, and the remedy; None if all is well."""
    if device.capability is not None:
        return _cudnn_problem(device)
    name = _nvidia_query("name")
    if name is None:
        return None
    backend = keras.backend.backend()
    if backend != "tensorflow":
        return (
            f"{name} is not used: this {backend} was installed without CUDA; install "
            "its CUDA build, see README."
        )
    import tensorflow as tf

    if not tf.test.is_built_with_cuda():
        reason = "this TensorFlow is built without CUDA (on Windows use WSL2)"
    elif os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        reason = "CUDA_VISIBLE_DEVICES hides it; unset that variable"
    else:
        reason = (
            "TensorFlow finds no CUDA or cuDNN libraries (pip install -r "
            "requirements-gpu.txt), or the driver is too old for them (update it)"
        )
    return f"{name} is not used: {reason}."


def _cudnn_problem(device: Device) -> str | None:
    """A line where the installed cuDNN has no code for this GPU."""
    try:
        text = version("nvidia-cudnn-cu12")
    except PackageNotFoundError:
        return None
    cudnn = tuple(int(part) for part in text.split(".")[:2])
    if device.capability >= OLDEST_CAPABILITY or cudnn < FIRST_CUDNN_WITHOUT_PASCAL:
        return None
    return (
        f"{device.name} can't be used: cuDNN {text} has no code for it; "
        "pip install -r requirements-gpu.txt brings one that has."
    )


def _processor() -> Device:
    path = Path("/proc/cpuinfo")
    text = path.read_text().split("\n\n")[0] if path.exists() else ""
    pairs = (line.partition(":") for line in text.splitlines())
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    flags = tuple(fields.get("flags", "").split())
    known = [flag for flag in BFLOAT16_FLAGS if flag in flags]
    name = fields.get("model name") or platform.processor() or platform.machine()
    if known:
        name += f" ({', '.join(known)})"
    memory = 0.0
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", ()):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Device(name, memory, flags=flags)


def _tensorflow_gpu() -> Device | None:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    details = tf.config.experimental.get_device_details(gpus[0])
    name = details.get("device_name", "GPU")
    capability = details.get("compute_capability", (0, 0))
    return Device(name, _nvidia_memory_gib(), tuple(capability))


def _torch_gpu() -> Device | None:
    import torch

    if not torch.cuda.is_available():
        return None
    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    name = torch.cuda.get_device_name(0)
    return Device(name, memory, torch.cuda.get_device_capability(0))


def _jax_gpu() -> Device | None:
    import jax

    device = jax.devices()[0]
    if device.platform != "gpu":
        return None
    major, minor = str(getattr(device, "compute_capability", "0.0")).split(".")[:2]
    return Device(device.device_kind, _nvidia_memory_gib(), (int(major), int(minor)))


def _nvidia_query(field: str) -> str | None:
    """First line of nvidia-smi's answer, None where there is no NVIDIA driver."""
    if shutil.which("nvidia-smi") is None:
        return None
    words = ["nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader,nounits"]
    answer = subprocess.run(words, capture_output=True, text=True)
    lines = answer.stdout.splitlines()
    return lines[0].strip() if answer.returncode == 0 and lines else None


def _nvidia_memory_gib() -> float:
    memory = _nvidia_query("memory.total")
    return float(memory) / 1024 if memory else 0.0
