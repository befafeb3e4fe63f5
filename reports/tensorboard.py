"""The curves of a run as event files, which TensorBoard reads."""

from pathlib import Path

from base.errors import UserError


class Events:
    """Appends the rows of a run's history to event files in its folder.

    The file appears with the first row: a package that is missing is told before
    anything is made.
    """

    def __init__(self) -> None:
        """UserError where the package `tensorboard` is not installed."""
        try:
            from tensorboard.summary import Writer
        except ImportError as error:
            raise UserError(
                "--tensorboard: the package that writes for it is not installed; "
                "pip install tensorboard."
            ) from error
        self._open = Writer
        self._writer = None

    def write(self, folder: Path, row: dict) -> None:
        """One epoch of the run in `folder`."""
        if self._writer is None:
            self._writer = self._open(str(folder))
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(_tag(name), value, row["epoch"])
        self._writer.flush()


def _tag(name: str) -> str:
    """A column of the history; TensorBoard groups by what stands before the slash."""
    if name == "mAP50" or name.startswith("val_"):
        return f"validation/{name.removeprefix('val_')}"
    return f"training/{name}"
