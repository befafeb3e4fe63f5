"""What all command lines share: a mistake is one line, with exit status 2."""

import argparse
import atexit
import gc
import math
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import Any, NoReturn

from base.errors import UserError
from base.memory import memory_line
from base.renamed import current_options

# Ctrl-C; SIGTERM is how systems and job queues ask a process to end
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Parser(argparse.ArgumentParser):
    """Describes itself by a script's docstring, and its mistakes without the usage."""

    def __init__(self, prog: str, description: str | None) -> None:
        raw = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=prog, description=description, formatter_class=raw)

    def parse_args(
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:
        """Those of argparse; options may have the names of earlier versions."""
        argv = sys.argv[1:] if args is None else list(map(str, args))
        try:
            argv = current_options(self.prog, argv)
        except UserError as error:
            self.error(str(error))
        return super().parse_args(argv, namespace)

    def error(self, message: str) -> NoReturn:
        """End with one line that says what is mistaken."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def check_above_0(self, args: argparse.Namespace, *names: str) -> None:
        """End where one of these options was given and is not a number above 0."""
        for name in names:
            value = getattr(args, name)
            if value is not None and not 0 < value < math.inf:
                self.error(f"--{name.replace('_', '-')} must be above 0")


def tile_side(text: str) -> int:
    """The N of --tile N, which may stand before the names of images."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"expected a number of pixels, received {text}; give images before --tile"
        )
    return int(text)


def split_names(text: str | None) -> list[str]:
    """The names between commas, each once; none of None.

    >>> split_names("cat, dog,,cat")
    ['cat', 'dog']
    """
    names = dict.fromkeys(name.strip() for name in (text or "").split(","))
    return [name for name in names if name]


def run_script(
    prog: str,
    run: Callable[[argparse.Namespace], int | None],
    args: argparse.Namespace,
    when_stopped: str = "stopped.",
) -> int:
    """Call `run(args)`: its own status or 0; 2 after one line, 130 after Ctrl-C.

    141, without a word, where nobody reads on, as in `detect.py ... | head`: what
    shells give for a tool that SIGPIPE ended.

    Errors that a user can mend are UserError, OSError, FloatingPointError and memory
    that runs out; all others are ours: they keep their traceback, with status 1.
    """
    _set_up_process()
    try:
        status = run(args) or 0
        sys.stdout.flush()  # here, where its pipe may still be found closed in peace
        return status
    except BrokenPipeError:
        _say_no_more()
        return 141
    except (UserError, OSError, FloatingPointError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        line = memory_line(error, getattr(args, "batch_size", None))
        print(f"{prog}: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{prog}: {when_stopped}", file=sys.stderr)
        return 130


@contextmanager
def signals_handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Inside, both signals call `handler`; afterwards those of before hold again.

    To be entered in the main thread.
    """
    before = {kind: signal.signal(kind, handler) for kind in SIGNALS}
    try:
        yield
    finally:
        for kind, earlier in before.items():
            signal.signal(kind, earlier)


def _set_up_process() -> None:
    """What holds for a whole process; nothing of it happens by an import."""
    if hasattr(sys.stdout, "reconfigure"):  # names of files that are not UTF-8
        sys.stdout.reconfigure(errors="backslashreplace")
    # what is wrong with images and videos we say ourselves
    warnings.filterwarnings("ignore", module=r"PIL\.")
    # FFmpeg's AV_LOG_QUIET, read when OpenCV first uses it
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # no garbage collection at the end: it would go through all of TensorFlow
    atexit.register(gc.freeze)


def _say_no_more() -> None:
    """What is still to be printed goes nowhere: Python complains at its end otherwise.

    Both streams may be the one pipe, as in `2>&1 | head`.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


def suggest_command(weights: Path | str) -> str:
    """What to do with a detector that has been written, to be copied into a shell.

    >>> suggest_command("runs/my photos/best.weights.h5")
    "Next: python detect.py IMAGE --weights 'runs/my photos/best.weights.h5'"
    """
    return f"Next: python detect.py IMAGE --weights {quote(str(weights))}"
