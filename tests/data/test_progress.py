"""Progress on a terminal, of what takes long."""

import io
import sys
import time

import pytest

from data import progress


class Terminal(io.StringIO):
    """Text that is kept, from somebody who looks."""

    def isatty(self):
        return True


def slow(items):
    for item in items:
        time.sleep(0.15)
        yield item


@pytest.mark.parametrize(
    ("stream", "seconds", "shown"),
    [(Terminal, 0.2, True), (Terminal, 60, False), (io.StringIO, 0.2, False)],
)
def test_what_takes_long_shows_progress(monkeypatch, stream, seconds, shown):
    out = stream()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setattr(progress, "SECONDS", seconds)
    assert list(progress.progress(slow("abcd"), 4, "images looked at")) == list("abcd")
    assert ("images looked at" in out.getvalue() and "/4" in out.getvalue()) == shown
