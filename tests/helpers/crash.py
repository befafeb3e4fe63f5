"""A disk that loses what was not synced: records a writer's calls, replays each prefix.

Like ALICE (Pillai et al., OSDI 2014), in small. What a crash may leave:
a file's bytes since its last fsync are there, gone, cut in the middle or zeros; a
rename since its folder's last fsync has happened or not.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Recorder:
    """The calls of a `with recorder.recording()`, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[tuple] = []
        self._paths: dict[int, Path] = {}  # by file descriptor

    @contextmanager
    def recording(self, monkeypatch) -> Iterator[None]:
        """open for writing, write, fsync and replace are noted, and done."""
        real_open, real_os_open = io.open, os.open
        real_fsync, real_replace = os.fsync, os.replace
        recorder = self

        class File(io.FileIO):
            def write(self, data):
                content = bytes(data)
                recorder.events.append(("write", Path(self.name), self.tell(), content))
                return super().write(data)

        def open_(file, mode="r", *arguments, **options):
            if "w" not in mode or Path(file).parent != self.folder:
                return real_open(file, mode, *arguments, **options)
            self.events.append(("create", Path(file)))
            return File(file, mode.replace("b", ""))

        def os_open(path, *arguments, **options):
            descriptor = real_os_open(path, *arguments, **options)
            self._paths[descriptor] = Path(path)
            return descriptor

        def fsync(descriptor):
            self.events.append(("fsync", self._paths[descriptor]))
            real_fsync(descriptor)

        def replace(source, target):
            self.events.append(("rename", Path(source), Path(target)))
            real_replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(io, "open", open_)
            patch.setattr("builtins.open", open_)
            patch.setattr(os, "open", os_open)
            patch.setattr(os, "fsync", fsync)
            patch.setattr(os, "replace", replace)
            yield

    def outcomes(self, path: Path, before: bytes) -> Iterator[tuple[int, bytes]]:
        """After how many calls the crash came, and what `path` may hold then.

        `before` was in it, safely on the disk.
        """
        for count in range(len(self.events) + 1):
            for content in self._after(self.events[:count], path, before):
                yield count, content

    def _after(self, events: list[tuple], path: Path, before: bytes) -> set[bytes]:
        synced: dict[Path, bytes] = {}
        pending: dict[Path, list[tuple[int, bytes]]] = {}
        choices = {before}  # what the name may lead to
        for kind, where, *rest in events:
            if kind == "create":
                synced[where], pending[where] = b"", []
            elif kind == "write":
                pending[where].append((rest[0], rest[1]))
            elif kind == "fsync" and where in synced:
                synced[where] = _written(synced[where], pending[where])
                pending[where] = []
            elif kind == "rename" and rest[0] == path:
                renamed = set(_torn(synced[where], pending[where]))
                choices |= renamed
            elif kind == "fsync" and where == path.parent:
                choices = renamed
        return choices


def _written(content: bytes, writes: list[tuple[int, bytes]]) -> bytes:
    for at, data in writes:
        content = content[:at].ljust(at, b"\0") + data + content[at + len(data) :]
    return content


def _torn(content: bytes, writes: list[tuple[int, bytes]]) -> Iterator[bytes]:
    """What may be there of a file whose last writes were not synced."""
    whole = _written(content, writes)
    yield whole
    if writes:
        yield content
        yield whole[: len(whole) // 2]
        yield bytes(len(whole))
        for without in range(len(writes)):
            yield _written(content, writes[:without] + writes[without + 1 :])
