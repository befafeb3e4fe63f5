"""int8 for ONNX, and by way of ONNX for OpenVINO: onnxruntime's static quantisation.

Each map of the network gets a range from the calibration images; its numbers become
8 bits between QuantizeLinear and DequantizeLinear, which both runtimes fuse into
integer convolutions. Decoding and suppression stay float32.
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnxruntime import quantization

from exporting.graph import is_map

HEAD = "_mbox_"  # in the name of each of models.necks.heads' convolutions


class _Images(quantization.CalibrationDataReader):
    """One image at a time, from uint8 (N, 300, 300, 3)."""

    def __init__(self, images: np.ndarray) -> None:
        self._singles = iter(images[:, None])

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self._singles, None)
        return None if image is None else {"images": image}


def quantised(model: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    """The model in int8, calibrated on images (N, 300, 300, 3)."""
    logging.getLogger().setLevel(logging.ERROR)  # it advises what is done already
    with tempfile.TemporaryDirectory() as folder:
        plain, small = Path(folder, "plain.onnx"), Path(folder, "int8.onnx")
        onnx.save(model, plain)
        quantization.quantize_static(
            plain,
            small,
            _Images(images),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            # 7 bits: with 8 the products overflow on AVX2 and AVX512 without VNNI,
            # onnxruntime's documentation, "When and why do I need to try U8U8"
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_quantize=[n.name for n in model.graph.node if is_map(n.name)],
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )
        model = onnx.load(small)
    leave_heads_unrounded(model.graph)
    return model


def leave_heads_unrounded(graph: onnx.GraphProto) -> None:
    """Hand on what the heads' integer convolutions give as it is: float32.

    Rounded, OpenVINO 2026.4 finds objects everywhere in the tiny detector of
    test_int8_finds_about_the_same, with scores near 1, once several heads' maps meet.
    """
    made_by = {name: node for node in graph.node for name in node.output}
    unrounded, idle = {}, []
    for node in graph.node:
        rounding = made_by.get(node.input[0]) if node.input else None
        if node.op_type != "DequantizeLinear" or rounding is None:
            continue
        head = made_by.get(rounding.input[0])
        if head is not None and HEAD in head.name:
            unrounded[node.output[0]] = rounding.input[0]
            idle += [node, rounding]
    for node in idle:
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [unrounded.get(name, name) for name in node.input]
    used = {name for node in graph.node for name in node.input}
    for values in list(graph.initializer):  # onnxruntime warns of each that is idle
        if values.name not in used:
            graph.initializer.remove(values)
