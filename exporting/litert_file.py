"""LiteRT: one image at a time, builtin operations only."""

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.tools import flatbuffer_utils

from base.errors import UserError
from base.keras_setup import native_messages_hidden
from exporting import ExportSpec
from exporting.graph import OUTPUTS, frozen, is_map, suppress_flat, whole
from models.weights.metadata import FILE_NAME, LABELS_NAME


def write(exportable: ExportSpec, path: Path) -> None:
    """Write the file in the card's precision; a zip archive at its end has the card."""
    with native_messages_hidden():  # the converter tells its settings
        content = convert(exportable)
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    if flex := flex_operations(model):
        raise UserError(
            f"--format litert: {', '.join(flex)} would need TensorFlow's operations "
            "in the interpreter."
        )
    order_outputs(model)
    path.write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(LABELS_NAME, exportable.metadata.labels())
        archive.writestr(FILE_NAME, exportable.metadata.to_json())


def convert(exportable: ExportSpec) -> bytes:
    """The detector as a flatbuffer, its outputs in any order."""
    module = frozen(whole(exportable, 1, suppress_flat))
    precision = exportable.metadata.precision
    if precision == "int8":
        plain = _converter(module).convert()
        return _quantised(_converter(module), exportable.images, plain)
    converter = _converter(module)
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _converter(module: tf.Module) -> tf.lite.TFLiteConverter:
    function = module.detect.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def _quantised(
    converter: tf.lite.TFLiteConverter, images: np.ndarray, plain: bytes
) -> bytes:
    """int8 in the network's maps alone, calibrated on images (N, 300, 300, 3).

    Left to itself the converter also rounds boxes, classes and scores, in one tensor:
    such files detect nothing. `plain` is the float32 file: it knows the nodes' names.
    """

    def one_by_one() -> Any:
        return ([image[None]] for image in images)

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = one_by_one
    maps, others = _operations(plain)
    options = tf.lite.experimental.QuantizationDebugOptions(
        # by name does not reach operations that the converter has fused or renamed
        denylisted_ops=sorted(set(others.values()) - set(maps.values())),
        denylisted_nodes=sorted(others),
    )
    with warnings.catch_warnings(action="ignore"):  # of an interpreter that it uses
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=one_by_one, debug_options=options
        )
    return debugger.get_nondebug_quantized_model()


def _operations(content: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Kinds of operations by the name of their output: the network's maps, all else."""
    interpreter = Interpreter(model_content=content)
    names = {each["index"]: each["name"] for each in interpreter.get_tensor_details()}
    maps, others = {}, {}
    for operation in interpreter._get_ops_details():
        for name in (names[index] for index in operation["outputs"]):
            (maps if is_map(name) else others)[name] = operation["op_name"]
    return maps, others


def flex_operations(model: Any) -> list[str]:
    """Names of the operations that only TensorFlow itself has."""
    codes = [code.customCode for code in model.operatorCodes if code.customCode]
    names = [code.decode() if isinstance(code, bytes) else code for code in codes]
    return [name for name in names if name.startswith("Flex")]


def order_outputs(model: Any) -> None:
    """Put the outputs into the order of OUTPUTS, for who reads them by index.

    The converter orders them by what they are called inside; names stay as they are.
    """
    (signature,) = model.signatureDefs
    index = {tensor.name.decode(): tensor.tensorIndex for tensor in signature.outputs}
    model.subgraphs[0].outputs = [index[name] for name in OUTPUTS]
