"""A line of the comparison: one combination, with all seeds that trained it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

import numpy as np

from base import grouped
from comparison.exports import Compared
from comparison.intervals import interval, is_told_apart, resampled_map
from comparison.runs import TRAINING
from comparison.scores import Score

SPEEDS = ("fps", "fps_low", "fps_high", "latency_ms_p50", "latency_ms_p99")


@dataclass
class Entry:
    """Runs that differ in their seed only, or an exported file; what they come to.

    `draws` is mAP50 over the images drawn again, the mean of the seeds. `cost` has
    parameters_m, gflops, weights_mb; `speed` the figures of `measure_fps`, or nothing.
    """

    name: str
    runs: list[Compared]
    scores: list[Score]
    draws: np.ndarray
    cost: dict[str, float] = field(default_factory=dict)
    speed: dict[str, float] = field(default_factory=dict)

    @property
    def points(self) -> list[float]:
        """mAP50 of each seed."""
        return [score.mAP50 for score in self.scores]

    @property
    def mAP50(self) -> float:
        """The mean of the seeds."""
        return fmean(self.points)

    @property
    def fps(self) -> float:
        """Images per second, nan where that was not measured."""
        return self.speed.get("fps", np.nan)

    def figures(self) -> dict[str, float]:
        """All that the table shows, means over the seeds, by column."""
        low, high = interval(self.draws)
        several = len(self.points) > 1
        return {
            "mAP50": self.mAP50,
            "mAP50_low": low,
            "mAP50_high": high,
            "mAP50_seed_sd": stdev(self.points) if several else np.nan,
            "AP": fmean(score.AP for score in self.scores),
            "val_acc": fmean(score.detected.val_acc for score in self.scores),
            **{name: self.speed.get(name, np.nan) for name in SPEEDS},
            **self.cost,
            **{key: fmean(run.training[key] for run in self.runs) for key in TRAINING},
            "seeds": len(self.runs),
        }

    def per_class(self, figure: str) -> dict[str, float]:
        """`figure` ("mAP50" or "AP") of each class, the mean of the seeds."""
        return {
            name: fmean(score.per_class[name][figure] for score in self.scores)
            for name in self.scores[0].per_class
        }

    def differs_from(self, other: "Entry") -> bool:
        """Whether the two can be told apart; see comparison.intervals."""
        return is_told_apart((self.draws, other.draws), (self.points, other.points))

    def keeps_up_with(self, other: "Entry") -> bool:
        """Whether it is as fast, or slower by no more than chance."""
        return self.speed["fps_high"] >= other.speed["fps_low"]

    def lead_over(self, other: "Entry") -> tuple[float, float, float]:
        """The difference of mAP50 and its interval."""
        return self.mAP50 - other.mAP50, *interval(self.draws - other.draws)


def make_entries(
    runs: Sequence[Compared], scores: Sequence[Score], counts: np.ndarray
) -> list[Entry]:
    """Entries of what was scored, best mAP50 first.

    `counts` (draws, I) as `draw_images` gives them. Entries that share their name are
    told by their first run's folder.
    """
    groups = grouped((run.settings, i) for i, run in enumerate(runs))
    entries = []
    for members in groups.values():
        members = sorted(members, key=lambda i: runs[i].seed)
        own, their_scores = [runs[i] for i in members], [scores[i] for i in members]
        draws = [resampled_map(score.matched, counts) for score in their_scores]
        entries.append(Entry(own[0].model, own, their_scores, np.mean(draws, axis=0)))
    names = [entry.name for entry in entries]
    for entry in entries:
        if names.count(entry.name) > 1:
            entry.name += f" ({entry.runs[0].folder.name})"
    return sorted(entries, key=lambda entry: -entry.mAP50)
