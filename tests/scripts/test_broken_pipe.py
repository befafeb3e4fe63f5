"""A script whose reader leaves early, as `head` does, ends without a word."""

import subprocess
import sys

import pytest

import base

CODE = """
import sys
from base.command_line import run_script

def run(_args):
    for _ in range({lines}):
        print("a line", {flush})

sys.exit(run_script("a.py", run, None))
"""


@pytest.mark.parametrize(
    ("lines", "flush"),
    [
        (100_000, ""),  # while it prints
        (100_000, "flush=True"),
        (10, ""),  # at its end: all of it fits into the buffer
    ],
)
@pytest.mark.parametrize("errors", [subprocess.PIPE, subprocess.STDOUT])
def test_nobody_reads_on(lines, flush, errors):
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format(lines=lines, flush=flush)],
        cwd=base.__path__[0] + "/..",
        stdout=subprocess.PIPE,
        stderr=errors,
    )
    process.stdout.close()  # before Python has even started
    said = process.stderr.read() if process.stderr else b""
    assert (process.wait(), said) == (141, b"")
