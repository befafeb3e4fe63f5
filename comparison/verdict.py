"""Which model to take: for accuracy, for speed, and in between."""

from collections.abc import Sequence
from dataclasses import dataclass

from base import grouped
from comparison.entries import Entry

# ours: of the best mAP50; what is below the first is no detector to recommend for its
# speed, what is above the second is as good for most purposes
USABLE, NEAR = 0.5, 0.95


@dataclass(frozen=True)
class Pick:
    """A recommendation: what for, which entry, and why."""

    purpose: str
    entry: Entry
    reason: str


def pick(entries: Sequence[Entry]) -> list[Pick]:
    """Recommendations from entries, best mAP50 first; speed only where it is known.

    None where nothing is detected.
    """
    best = entries[0]
    if not best.mAP50 > 0:
        return []
    picks = [Pick("for accuracy", best, _why_best(entries))]
    usable = [e for e in entries if e.mAP50 >= USABLE * best.mAP50 and e.fps > 0]
    if not usable:
        return picks
    fastest = _fastest(usable)
    speed = f"{fastest.fps:.1f} images a second at mAP50 {fastest.mAP50:.3f}"
    reason = f"{speed}, the fastest of those with at least half of the best mAP50"
    picks.append(Pick("for speed", fastest, reason))
    middle = _fastest([e for e in usable if e.mAP50 >= NEAR * best.mAP50])
    speed = f"{middle.mAP50:.3f} at {middle.fps:.1f} images a second"
    reason = f"the fastest within 5% of the best mAP50: {speed}"
    return [*picks, Pick("in between", middle, reason)]


def _why_best(entries: Sequence[Entry]) -> str:
    best, *others = entries
    low, high = (best.figures()[f"mAP50_{end}"] for end in ("low", "high"))
    reason = f"mAP50 {best.mAP50:.3f} ({low:.3f} to {high:.3f})"
    alike = [entry.name for entry in others if not entry.differs_from(best)]
    if not others:
        return reason
    if not alike:
        return f"{reason}, ahead of all others by more than chance"
    return f"{reason}; can't be told from it: {'; '.join(alike)}"


def sentence(picks: Sequence[Pick]) -> str:
    """All recommendations in one sentence.

    >>> sentence([])
    'None of them detects anything yet.'
    """
    if not picks:
        return "None of them detects anything yet."
    purposes = grouped((pick.entry.name, pick.purpose) for pick in picks)
    parts = [f"{name} {', '.join(what)}" for name, what in purposes.items()]
    return f"Take {'; '.join(parts)}."


def front(entries: Sequence[Entry]) -> list[Entry]:
    """The entries whose speed is known that no other beats: the Pareto front."""
    timed = [entry for entry in entries if entry.fps > 0]
    return [e for e in timed if not any(_beats(other, e) for other in timed)]


def _fastest(entries: Sequence[Entry]) -> Entry:
    """Of those that keep up with the fastest, the most accurate."""
    fastest = max(entries, key=lambda entry: entry.fps)
    fast = [entry for entry in entries if entry.keeps_up_with(fastest)]
    return max(fast, key=lambda entry: entry.mAP50)


def _beats(one: Entry, other: Entry) -> bool:
    """More accurate and no slower, or as accurate and faster."""
    if one.mAP50 == other.mAP50:
        return one.fps > other.fps
    return one.mAP50 > other.mAP50 and one.keeps_up_with(other)
