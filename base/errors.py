"""The one kind of error that is not a fault of this program."""


class UserError(ValueError):
    """What a user can mend: a file, a folder, an option, a name.

    Its message is one line that names it and says what to do. Scripts print that line
    and end with status 2 (base.command_line.run_script); every other exception is a
    fault of ours and keeps its traceback.
    """
