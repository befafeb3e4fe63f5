"""Exported detectors in their own runtimes: no Keras, no weights file.

- exported.py: ExportedModel, called like inference.runtimes.keras_file.KerasModel
- onnx_file.py, openvino_file.py, litert_file.py, saved_model.py: one runtime each,
  imported when a file of its format is opened. Each offers `open_session(path)`:
  the metadata as text and a function from uint8 images (B, 300, 300, 3) to outputs

Exported files are programs: run only those that you would run a program of.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np

from base.constants import TOP_K
from base.errors import UserError, in_one_line
from inference.runtimes.exported import ExportedModel
from models.weights.metadata import ModelMetadata

# format -> module and the package of its runtime
ADAPTERS = {
    "onnx": ("onnx_file", "onnxruntime"),
    "openvino": ("openvino_file", "openvino"),
    "litert": ("litert_file", "ai-edge-litert"),
    "saved_model": ("saved_model", "tensorflow"),
}
HEAD = 256  # ours: bytes at a file's beginning that tell its format


def detect_format(path: Path | str) -> str | None:
    """The format of an exported file or folder by its content; None for all others.

    UserError for a part of one, which says what to name instead.
    """
    path = Path(path)
    _check_whole(path)
    if path.is_dir():
        return "saved_model" if (path / "saved_model.pb").is_file() else None
    if not path.is_file():
        return None
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head[4:8] == b"TFL3":  # tensorflow/lite/schema/schema.fbs, file_identifier
        return "litert"
    if head.lstrip().startswith(b"<?xml") and b"<net " in head:
        return "openvino"
    # onnx.proto: field 1 is ir_version, a small number; fields 2, 3 are producer's
    if head[:1] == b"\x08" and head[2:3] in (b"\x12", b"\x1a", b"\x3a"):
        return "onnx"
    return None


def _check_whole(path: Path) -> None:
    if path.name == "saved_model.pb":
        raise UserError(f"{path}: a part of a SavedModel; name its folder.")
    graph = path.with_suffix(".xml")
    if path.suffix == ".bin" and detect_format(graph) == "openvino":
        raise UserError(f"{path}: OpenVINO's weights; name {graph.name} beside it.")


def files_of(path: Path) -> list[Path]:
    """What makes up a file: itself, all in a folder, or OpenVINO's pair."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    return [path, path.with_suffix(".bin")] if path.suffix == ".xml" else [path]


def size_of(path: Path) -> int:
    """Bytes of a file, of a folder, or of OpenVINO's pair."""
    return sum(file.stat().st_size for file in files_of(path))


def load(
    path: Path | str, threshold: float | None = None, top_k: int | None = None
) -> ExportedModel:
    """An exported file, to be called like a network.

    threshold: least score, 0..1; None is the file's own.
    top_k: at most so many objects an image; no file gives more than the paper's 200.

    UserError where its runtime is not installed or the file is not one of export.py's.
    """
    module, package = ADAPTERS[detect_format(path)]
    try:
        adapter = import_module(f"inference.runtimes.{module}")
        text, run = adapter.open_session(path)
    except ImportError as error:
        raise UserError(
            f"{path}: its runtime is not installed: pip install {package}"
        ) from error
    except Exception as error:  # each runtime has errors of its own
        raise UserError(
            f"{path}: {package} can't open it: {in_one_line(error)}"
        ) from error
    if text is None:
        raise UserError(f"{path}: not written by export.py: it names no classes.")
    try:
        metadata = ModelMetadata.from_json(text)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error

    def run_told(images: np.ndarray) -> Mapping[str, np.ndarray]:
        try:
            return run(images)
        except Exception as error:
            raise UserError(
                f"{path}: {package} can't run it: {in_one_line(error)}"
            ) from error

    least = metadata.threshold if threshold is None else threshold
    return ExportedModel(metadata, run_told, least, TOP_K if top_k is None else top_k)
