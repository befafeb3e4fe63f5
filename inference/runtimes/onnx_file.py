"""ONNX files, by onnxruntime."""

from pathlib import Path

import numpy as np
import onnxruntime

from inference.runtimes.exported import Run
from models.weights.metadata import ATTRIBUTE


def open_session(path: Path | str) -> tuple[str | None, Run]:
    """The card's text and the function; a GPU is used where the package has one."""
    providers = onnxruntime.get_available_providers()
    session = onnxruntime.InferenceSession(str(path), providers=providers)
    names = [output.name for output in session.get_outputs()]

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, {"images": images}), strict=True))

    return session.get_modelmeta().custom_metadata_map.get(ATTRIBUTE), run
