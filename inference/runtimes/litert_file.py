"""LiteRT (formerly TensorFlow Lite) files: one image at a time."""

import os
import zipfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from base.keras_setup import native_messages_hidden
from inference.runtimes.exported import Run
from models.weights.metadata import FILE_NAME


def open_session(path: Path | str) -> tuple[str | None, Run]:
    """The card's text and the function."""
    with native_messages_hidden():  # it tells which delegate it has
        interpreter = Interpreter(str(path), num_threads=os.cpu_count())
        interpreter.allocate_tensors()
    run_one = interpreter.get_signature_runner()

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        # the interpreter's own memory is written over by the next image
        copied = [
            {name: value.copy() for name, value in run_one(images=image[None]).items()}
            for image in images
        ]
        return {name: np.concatenate([c[name] for c in copied]) for name in copied[0]}

    return _card(path), run


def _card(path: Path | str) -> str | None:
    """From the zip archive at the file's end, TFLite's place for what comes with it."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        if FILE_NAME not in archive.namelist():
            return None
        return archive.read(FILE_NAME).decode("utf-8")
