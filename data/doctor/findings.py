"""What the doctor finds: an id, a severity, a sentence, examples."""

from collections.abc import Sequence
from dataclasses import dataclass, field

# must be repaired; worth a look; good to know
SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """`examples` are one-line places, the first of `count`."""

    id: str
    severity: str
    text: str
    count: int = 1
    examples: list[str] = field(default_factory=list)


def findings(id: str, severity: str, text: str, places: Sequence[str]) -> list[Finding]:
    """One finding about all `places`, none where there are none."""
    if not places:
        return []
    return [Finding(id, severity, text, len(places), list(places[:3]))]


def table(found: Sequence[Finding]) -> str:
    """A line per finding, the gravest first, with its examples below."""
    ordered = sorted(found, key=lambda f: (SEVERITIES.index(f.severity), f.id))
    lines = []
    for finding in ordered:
        lines.append(
            f"{finding.id:16} {finding.severity:8} {finding.count:6}  {finding.text}"
        )
        lines += [f"{'':33}{example}" for example in finding.examples]
    return "\n".join(lines)
