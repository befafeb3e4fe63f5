"""The doctor's check of folders: image files that no split has."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from data.dataset import Dataset
from data.doctor.findings import Finding, findings
from data.images import UNREAD_SUFFIXES, is_image_name
from data.readers.files.paths import files_under


def check_unread(roots: Sequence[Path], datasets: Sequence[Dataset]) -> list[Finding]:
    """Images under the folders that are in no split, and kinds that are not read."""
    used = {sample.path.resolve() for d in datasets for sample in d.samples}
    files = list(dict.fromkeys(f for root in roots for f in files_under(root)))
    images = (f for f in files if is_image_name(f.name) and f.resolve() not in used)
    folders = Counter(file.parent for file in images)
    shown = (f for f in files if not f.name.startswith("."))
    kinds = Counter(s for f in shown if (s := f.suffix.lower()) in UNREAD_SUFFIXES)
    return [
        *_counted("not-read", "images that no split has", folders.items(), "in"),
        *_counted("kind-not-read", "convert these to JPEG or PNG", kinds.items(), "of"),
    ]


def _counted(
    id: str, text: str, counts: Iterable[tuple[Path | str, int]], word: str
) -> list[Finding]:
    lines = [f"{count} images {word} {place} are not read" for place, count in counts]
    return findings(id, "warning", text, lines)
