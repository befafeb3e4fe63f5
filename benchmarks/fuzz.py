"""Readers of strangers' files under mutated inputs, guided by what they execute.

    pip install atheris
    python -m benchmarks.fuzz TARGET [--inputs 100000]    # TARGETS: cost/readers.py

A reader may raise ValueError in one line and nothing else, take at most 2 s for one
and 500 MB more than it had; anything else is printed and the input kept as crash-*,
timeout-* or oom-* in the folder that is named. No Keras is loaded.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import atheris

SECONDS, MEGABYTES = 2, 500  # ours: limits for one input
# a file system in memory: an input is a file, as for the readers of a data set
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None

with atheris.instrument_imports(include=["data", "models", "defusedxml"]):
    from benchmarks.cost.readers import TARGETS


def main() -> None:
    """Fuzz one reader; the process ends when libFuzzer does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--inputs", type=int, default=100_000)
    args = parser.parse_args()
    read, suffix, seed = TARGETS[args.target]
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{args.target}-", dir=MEMORY))
    (folder / "corpus").mkdir()
    (folder / "corpus" / "sound").write_bytes(seed())
    read_one = one_input(read, folder / f"input{suffix}", Watch())
    read_one(seed())
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    options = [
        f"-runs={args.inputs}",
        f"-timeout={SECONDS}",
        f"-rss_limit_mb={base + MEGABYTES}",
        f"-artifact_prefix={folder}/",
        "-max_len=16384",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    print(f"{args.target}: {base} MB at the start; findings go to {folder}", flush=True)
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], read_one)
    atheris.Fuzz()


class Watch:
    """Counts inputs, those that were read, and the slowest."""

    def __init__(self) -> None:
        self.inputs = self.sound = 0
        self.slowest = 0.0

    def report(self) -> None:
        """A line, now and then: libFuzzer ends the process without a farewell."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{self.inputs} inputs, {self.sound} read, slowest {self.slowest:.3f} s, "
            f"peak {peak} MB",
            flush=True,
        )


def one_input(
    read: Callable[[Path], object], path: Path, watch: Watch
) -> Callable[[bytes], None]:
    """What libFuzzer calls: ValueError of one line is how a reader refuses."""

    def call(data: bytes) -> None:
        path.write_bytes(data)
        stamp = watch.inputs  # another time each: no cache takes it for the one before
        os.utime(path, ns=(stamp, stamp))
        started = time.perf_counter()
        try:
            read(path)
            watch.sound += 1
        except ValueError as error:
            if "\n" in str(error):
                raise AssertionError(f"several lines: {error}") from error
        watch.slowest = max(watch.slowest, time.perf_counter() - started)
        watch.inputs += 1
        if watch.inputs % 10_000 == 0:
            watch.report()

    return call


if __name__ == "__main__":
    main()
