"""The learning rate as a function of how much of a training is done."""

import math
import time

# ours: under two epochs of 292 images; trainings without it: docs/results/options.md
WARMUP_STEPS = 60
WARMUP_SHARE = 0.1  # ours: a training of less than 600 steps warms up faster


def cosine(progress: float) -> float:
    """Loshchilov & Hutter, "SGDR", 2016, eq. 5, without restarts."""
    return (1 + math.cos(math.pi * progress)) / 2


class Schedule:
    """How far a training is, by its steps or by the clock, and its learning rate.

    peak: the highest rate, from which it falls as a cosine.
    num_steps, minutes: how long it takes; one of them is None.

    `step` counts the steps that were made; who makes one adds it.
    """

    def __init__(
        self, peak: float, num_steps: int | None, minutes: float | None
    ) -> None:
        self.peak = peak
        self.num_steps, self.minutes = num_steps, minutes
        self.step = 0
        self._started = time.perf_counter()
        self.warm_up()

    def state(self) -> dict:
        """For JSON; `restore` goes on from it."""
        return {"step": self.step, "seconds": self.seconds, "cold": self._cold}

    def restore(self, state: dict) -> None:
        """Be where another schedule was, which may have been shorter."""
        self.step, self._cold = state["step"], tuple(state["cold"])
        self._started = time.perf_counter() - state["seconds"]

    @property
    def seconds(self) -> float:
        """Since the start, pauses between a stop and a resume left out."""
        return time.perf_counter() - self._started

    @property
    def progress(self) -> float:
        """How much of the training is done, 0..1."""
        return self._share(self.step, self.seconds)

    def _share(self, step: int, seconds: float) -> float:
        if self.minutes is None:
            return step / self.num_steps
        return min(seconds / (60 * self.minutes), 1.0)

    def warm_up(self) -> None:
        """A new optimiser begins: its rate rises from 0 to that of the cosine.

        It is there after 60 steps or a tenth of the training, whichever is sooner.
        """
        self._cold = (self.step, self.seconds)

    def rate(self) -> float:
        """The rate of the next step."""
        step, seconds = self._cold
        share = self.progress - self._share(step, seconds)
        if self.minutes is None:
            share += 1 / self.num_steps  # this step's own
        by_steps = (self.step - step + 1) / WARMUP_STEPS
        warmth = min(max(by_steps, share / WARMUP_SHARE), 1.0)
        return self.peak * cosine(self.progress) * warmth
