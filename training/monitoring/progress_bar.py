"""The steps of a training, on a terminal or in a notebook."""

import io
import sys
from typing import Any

from tqdm import tqdm


def progress_bar(num_steps: int | None, made: int) -> tqdm:
    """A bar of `num_steps`, `made` of which are behind; None: nobody knows how many.

    Nothing is shown where standard error is neither a terminal nor a notebook's.
    """
    options = {"total": num_steps, "initial": made, "unit": "step"}
    if type(sys.stdout).__module__ == "ipykernel.iostream":
        return NotebookBar(**options)
    return tqdm(**options, disable=None)


class NotebookBar(tqdm):
    """One line of a cell's output that changes in place, also in the saved file.

    Lines that are printed meanwhile stand below it.
    """

    def __init__(self, **options: Any) -> None:
        from IPython.display import display  # every notebook has it

        self._line = display({"text/plain": ""}, raw=True, display_id=True)
        # tqdm's own output, with its returns of the carriage, goes nowhere
        super().__init__(
            **options, file=io.StringIO(), ascii=False, ncols=100, mininterval=1
        )

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        text = str(self) if msg is None else msg
        self._line.update({"text/plain": text}, raw=True)
