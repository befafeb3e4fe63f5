"""The one kind of error that is not a fault of this program."""

import textwrap


class UserError(ValueError):
    """What a user can mend: a file, a folder, an option, a name.

    Its message is one line that names it and says what to do. Scripts print that line
    and end with status 2 (base.command_line.run_script); every other exception is a
    fault of ours and keeps its traceback.
    """


def in_one_line(error: Exception) -> str:
    """The beginning of a message that may have many lines, as Keras' have."""
    return textwrap.shorten(str(error), 300, placeholder=" ...")
