"""TensorFlow's SavedModel folders."""

from pathlib import Path

import numpy as np

from base.keras_setup import import_tensorflow
from inference.runtimes.exported import Run
from models.weights.metadata import FILE_NAME

EXTRAS = "assets.extra"  # tensorflow/cc/saved_model/constants.h


def open_session(path: Path | str) -> tuple[str | None, Run]:
    """The card's text and the function."""
    tf = import_tensorflow()
    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        assert loaded is not None  # TensorFlow frees what nobody holds
        outputs = signature(images=tf.constant(images))
        return {name: value.numpy() for name, value in outputs.items()}

    card = Path(path) / EXTRAS / FILE_NAME
    return card.read_text("utf-8") if card.is_file() else None, run
