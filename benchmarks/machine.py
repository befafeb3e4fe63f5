"""What a figure depends on: the processor, and the versions of what was measured."""

import os
from importlib import metadata
from pathlib import Path

# instructions that change the speed of networks and of uint8 work
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")


def machine(*packages: str) -> str:
    """Two lines: processor, cores and flags; packages with their versions."""
    name, flags = "unknown processor", []
    if (info := Path("/proc/cpuinfo")).exists():
        lines = dict(
            (part.strip() for part in line.split(":", 1))
            for line in info.read_text().splitlines()
            if ":" in line
        )
        name = lines.get("model name", name)
        flags = [flag for flag in FLAGS if flag in lines.get("flags", "").split()]
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{os.cpu_count()} cores of {name}, {' '.join(flags)}\n{versions}\n"


def version(package: str) -> str:
    """Of an installed package; OpenCV also comes without windows."""
    for name in (package, f"{package}-headless"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "not installed"
