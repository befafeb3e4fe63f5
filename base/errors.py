"""The one kind of error that is not a fault of this program."""

import textwrap
from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """What a user can mend: a file, a folder, an option, a name.

    Its message is one line that names it and says what to do. Scripts print that line
    and end with status 2 (base.command_line.run_script); every other exception is a
    fault of ours and keeps its traceback.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about a name that nobody knows; empty where none is close.

    >>> did_you_mean("lihgt", ["ssd", "light"])
    ' Did you mean light?'
    """
    spelling = {each.lower(): each for each in known}
    close = get_close_matches(str(name).lower(), spelling, n=1)
    return f" Did you mean {spelling[close[0]]}?" if close else ""


def in_one_line(error: Exception) -> str:
    """The beginning of a message that may have many lines, as Keras' have."""
    return textwrap.shorten(str(error), 300, placeholder=" ...")
