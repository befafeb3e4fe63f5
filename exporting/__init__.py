"""From a weights file to one file for another runtime, and the proof of it.

- graph.py: preprocessing, network, decoding and suppression as one TensorFlow function
- onnx_file.py, openvino_file.py, litert_file.py, saved_model.py: a writer each, with
  `write(exportable, path)`
- calibration.py: training images that tell int8 the range of each map
- proof.py: the written file in its own runtime against the weights file

Runs on Keras' TensorFlow backend; the weights may come from any.
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from base.errors import UserError
from models.weights.metadata import ModelMetadata

if TYPE_CHECKING:
    import keras
    import numpy as np


class Format(NamedTuple):
    """How a file's name ends, which precisions there are, what must be installed.

    packages: the module's name -> what pip calls it.
    """

    suffix: str
    precisions: tuple[str, ...]
    packages: dict[str, str]


ONNX_PACKAGES = {"tf2onnx": "tf2onnx", "onnx": "onnx", "onnxruntime": "onnxruntime"}
PRECISIONS = ("float32", "float16", "int8")
FORMATS = {
    "onnx": Format(".onnx", PRECISIONS, ONNX_PACKAGES),
    "openvino": Format(".xml", PRECISIONS, {**ONNX_PACKAGES, "openvino": "openvino"}),
    "litert": Format(".tflite", PRECISIONS, {"ai_edge_litert": "ai-edge-litert"}),
    "saved_model": Format(".saved_model", ("float32",), {}),
}


@dataclass(frozen=True)
class ExportSpec:
    """A detector on its way into a file.

    model: plain, without normalisation; its maps `mbox_loc` and `mbox_conf` are
    decoded apart. priors: name of their layout. metadata: what the file is to say, its
    precision and layout of outputs included. images: uint8 (N, 300, 300, 3) for
    calibration, N = 0 where the precision needs none.
    """

    model: "keras.Model"
    priors: str
    metadata: ModelMetadata
    images: "np.ndarray"


def check(name: str, precision: str, layout: str) -> None:
    """UserError where a format can't be written that way, or not on this machine."""
    kind = FORMATS[name]
    if precision not in kind.precisions:
        raise UserError(
            f"--format {name} has --precision {', '.join(kind.precisions)}; "
            f"received: {precision}."
        )
    if layout == "frigate" and name != "litert":
        raise UserError("--output-format frigate goes with --format litert.")
    for module, package in kind.packages.items():
        if find_spec(module) is None:
            raise UserError(f"--format {name} needs {package}: pip install {package}")


def write(name: str, exportable: ExportSpec, path: Path) -> None:
    """Write the file (or folder, or pair of files) of a format."""
    module = "saved_model" if name == "saved_model" else f"{name}_file"
    import_module(f"exporting.{module}").write(exportable, path)
