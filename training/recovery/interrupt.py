"""Ctrl-C as a wish: once, a training ends at its next step; twice, at once."""

import signal
import sys
from types import FrameType, TracebackType

# SIGTERM is how systems and job queues ask a process to end
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Inside a `with`, `wished` tells whether an end was asked for.

    The second signal raises KeyboardInterrupt. Handlers are those of before again
    afterwards. Must be entered in the main thread.
    """

    def __init__(self) -> None:
        self.wished = False

    def __enter__(self) -> "Interrupt":
        self._before = {kind: signal.signal(kind, self._note) for kind in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.wished:
            raise KeyboardInterrupt
        self.wished = True
        print("finishing this step; Ctrl-C again stops at once", file=sys.stderr)
