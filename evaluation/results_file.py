"""A COCO results file that grows image by image: nothing is kept in memory."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from base.files import atomic_write
from evaluation.coco import to_results


class ResultsFile:
    """A list of COCO results; `evaluate.py --predictions` and pycocotools read it.

    path: the file, which appears whole when this is closed; None is standard output.
    """

    def __init__(self, path: Path | None) -> None:
        self._open = ExitStack()
        self._file = sys.stdout
        if path is not None:
            temporary = self._open.enter_context(atomic_write(path))
            self._file = self._open.enter_context(temporary.open("w", encoding="utf-8"))
        self._separator = "["

    def add(
        self, detections: np.ndarray, size_wh: tuple[int, int], image_id: str
    ) -> None:
        """Write the detections (K, 6) of an image of so many pixels."""
        for result in to_results([detections], [size_wh], [image_id]):
            text = json.dumps(result, ensure_ascii=False, allow_nan=False)
            if not text.isprintable():  # names of files that are not UTF-8: escaped
                text = json.dumps(result, allow_nan=False)
            self._file.write(f"{self._separator}{text}")
            self._separator = ",\n"

    def close(self) -> None:
        """End the list; the file takes its place."""
        self._file.write("[]\n" if self._separator == "[" else "]\n")
        self._file.flush()
        self._open.close()
