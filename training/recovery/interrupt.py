"""Ctrl-C as a wish: once, a training ends at its next step; twice, at once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, SimpleNamespace

from base.command_line import signals_handled


@contextmanager
def interruptible() -> Iterator[SimpleNamespace]:
    """Its `wished` tells whether an end was asked for, by SIGINT or SIGTERM.

    The second signal raises KeyboardInterrupt. Must be entered in the main thread.
    """
    interrupt = SimpleNamespace(wished=False)

    def note(_number: int, _frame: FrameType | None) -> None:
        if interrupt.wished:
            raise KeyboardInterrupt
        interrupt.wished = True
        print("finishing this step; Ctrl-C again stops at once", file=sys.stderr)

    with signals_handled(note):
        yield interrupt
