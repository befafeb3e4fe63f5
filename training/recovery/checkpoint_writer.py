"""When a training's checkpoint is written: as often as it is cheap."""

import time

from base.files import remove_unfinished
from training.recovery import checkpoint
from training.runs import RunFolder
from training.state import State

# ours: within an epoch a checkpoint is written after so many seconds, and never so
# often that it takes more than this share of the time; docs/reliability.md
CHECKPOINT_SECONDS, CHECKPOINT_SHARE = 60.0, 0.01


class CheckpointWriter:
    """A state's checkpoint: taken up at the start, written as often as it is cheap."""

    def __init__(self, output: RunFolder, state: State) -> None:
        self.folder, self.header, self.state = output.folder, output.header, state
        self.path = self.folder / checkpoint.NAME
        self._due = 0.0

    def begin(self, resume: bool) -> None:
        """Take the state from the checkpoint, or write the first one."""
        if not resume:
            self.save()
            return
        remove_unfinished(self.folder)
        self.state.restore(self.path)
        if self.state.is_over:
            settings = self.state.settings
            unit = "--epochs" if settings.epochs else "--minutes"
            if settings.has_stalled(self.state.history):
                unit = "--patience"
            print(f"All of it is trained; a larger {unit} goes on.")

    def save(self) -> None:
        """Now."""
        started = time.perf_counter()
        self.state.save(self.path, self.header)
        now = time.perf_counter()
        pause = max(CHECKPOINT_SECONDS, (now - started) / CHECKPOINT_SHARE)
        self._due = now + pause

    def save_if_due(self) -> None:
        """Where the last one is long enough ago."""
        if time.perf_counter() >= self._due:
            self.save()
