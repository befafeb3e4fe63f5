"""Data sets in the folders of a folder, where the folders' names tell the splits."""

from collections.abc import Sequence
from pathlib import Path

from base import grouped
from data.readers.annotation import Annotated, AnnotationSource, Problem
from data.readers.splits import SPLITS, folder_notes


class SplitFolders:
    """Data sets that tell no splits themselves, as one; a list is called as its folder.

    parts: the split that each one's folder tells, or the folder's name where it tells
        none. A key has the number of its part in front.
    """

    def __init__(
        self, root: Path, parts: Sequence[tuple[str, str, AnnotationSource]]
    ) -> None:
        self.root = root
        self._parts = parts
        sources = [source for _, _, source in parts]
        self.format_name = " + ".join(dict.fromkeys(s.format_name for s in sources))
        self.names_have_order = any(source.names_have_order for source in sources)
        self.lists = list(dict.fromkeys(split for _, split, _ in parts))

    def keys(self, split: str | None) -> list[str]:
        return [
            f"{number}/{key}"
            for number, (_, of, source) in enumerate(self._parts)
            if split in (None, of)
            for key in source.keys(None)
        ]

    def class_names(self) -> list[str]:
        names = [name for *_, source in self._parts for name in source.class_names()]
        return list(dict.fromkeys(names))

    def read(self, key: str) -> Annotated:
        number, _, own = key.partition("/")
        return self._parts[int(number)][2].read(own)

    def problems_of(self, keys: Sequence[str]) -> list[Problem]:
        parts = grouped((key.partition("/")[::2]) for key in keys)
        asked = ((self._parts[int(number)][2], own) for number, own in parts.items())
        tells = (s.problems_of(own) for s, own in asked if hasattr(s, "problems_of"))
        return [line for found in tells for line in found]

    def problems(self, split: str | None) -> list[Problem]:
        """Those of the data sets, and folders whose names tell no split or more."""
        tells = [s.problems for *_, s in self._parts if hasattr(s, "problems")]
        found = [line for tell in tells for line in tell(None)]
        names = {folder: of for folder, of, _ in self._parts}
        others = [name for name, of in names.items() if of not in SPLITS]
        if not others:
            return found + folder_notes(self.root, names)
        text = f"{self.root}: {', '.join(others)} tell no split and are in none; "
        text = f"{text}--train-split {others[0]} takes one."
        return [*found, Problem(text, "list-unknown", "warning")]
