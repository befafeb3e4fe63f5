"""ONNX, by tf2onnx: batches of any size, standard operations only.

Opset 17 is what onnxruntime 1.13, OpenVINO 2023.0 and Triton 22.10 read.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tf2onnx
from onnx import TensorProto, helper, numpy_helper
from tf2onnx.utils import make_name

from exporting import ExportSpec
from exporting.graph import suppress_flat, whole
from models.weights.metadata import ATTRIBUTE, LABELS_NAME
from ssd_utils import NUM_CANDIDATES

OPSET = 17
SUPPRESSION = "NonMaxSuppression"  # onnx/docs/Operators.md
SMALL = 256  # ours: arrays of fewer numbers stay float32; they are not worth a cast


def write(exportable: ExportSpec, path: Path) -> None:
    """Write the file in the card's precision."""
    model = convert(exportable)
    if exportable.metadata.precision == "float16":
        halve(model)
    metadata = exportable.metadata
    texts = {ATTRIBUTE: metadata.to_json(), LABELS_NAME: metadata.labels()}
    helper.set_model_props(model, texts)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def convert(exportable: ExportSpec) -> onnx.ModelProto:
    """The detector in float32, or in int8 where the card says so."""
    model = translate(exportable)
    name_batch(model)
    if exportable.metadata.precision == "int8":
        from exporting.quantise import quantised

        return quantised(model, exportable.images)
    return model


def translate(exportable: ExportSpec) -> onnx.ModelProto:
    """The function as an ONNX graph in float32."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    function = whole(exportable, None, suppress_flat)
    options = {"input_signature": function.input_signature, "opset": OPSET}
    own = {"NonMaxSuppressionV4": (_suppression, [SUPPRESSION])}
    convert = tf2onnx.convert.from_function
    return convert(function, custom_op_handlers=own, **options)[0]


def _suppression(ctx: Any, node: Any, name: str, args: Any) -> None:
    """TensorFlow's suppression of one image becomes ONNX's of each in a batch.

    The images' boxes arrive one behind the other; they leave as kept indices into
    all of them, and their number. tf2onnx's own translation knows one image only.
    """

    def constant(values: Any) -> str:
        return ctx.make_const(make_name(name), np.array(values)).output[0]

    def cast(tensor: str, to: int) -> str:
        return ctx.make_node("Cast", [tensor], attr={"to": to}).output[0]

    boxes, scores, most, *thresholds = node.input[:5]
    boxes = ctx.make_node("Reshape", [boxes, constant([-1, NUM_CANDIDATES, 4])])
    scores = ctx.make_node("Reshape", [scores, constant([-1, 1, NUM_CANDIDATES])])
    kept_name, count_name = node.output
    most = cast(most, TensorProto.INT64)
    ctx.remove_node(node.name)
    chosen = ctx.make_node(
        SUPPRESSION, [boxes.output[0], scores.output[0], most, *thresholds]
    ).output[0]  # (S, 3): image, class, box
    # whole numbers up to 2^24 are exact in float32, which every runtime multiplies
    steps = constant(np.float32([[NUM_CANDIDATES], [0], [1]]))
    kept = ctx.make_node("MatMul", [cast(chosen, TensorProto.FLOAT), steps]).output[0]
    kept = ctx.make_node("Reshape", [kept, constant([-1])]).output[0]
    integer = {"attr": {"to": TensorProto.INT32}, "dtypes": [TensorProto.INT32]}
    ctx.make_node("Cast", [kept], outputs=[kept_name], shapes=[[-1]], **integer)
    shape = ctx.make_node("Shape", [kept]).output[0]
    count = ctx.make_node("Squeeze", [shape]).output[0]
    ctx.make_node("Cast", [count], outputs=[count_name], shapes=[[]], **integer)


def name_batch(model: onnx.ModelProto) -> None:
    """Call the free first axis of all inputs and outputs `batch`."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def halve(model: onnx.ModelProto) -> None:
    """Keep the weights as float16, half the size; runtimes widen them once, at load."""
    graph = model.graph
    casts = []
    for weights in graph.initializer:
        is_large = np.prod(weights.dims) >= SMALL
        if weights.data_type != TensorProto.FLOAT or not is_large:
            continue
        name = weights.name
        half = numpy_helper.to_array(weights).astype(np.float16)
        weights.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
        ends = ([f"{name}_half"], [name])
        casts.append(helper.make_node("Cast", *ends, to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
