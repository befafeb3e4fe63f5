"""YOLOX-nano's published files: plain arrays by our layer names.

Megvii-BaseDetection/YOLOX, Apache-2.0: `yolox_nano.pth`, whose names are those of its
code, and the ONNX file that its tools/export_onnx.py writes. There BatchNormalization
is folded and most names are lost: the order of the convolutions tells.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from base.errors import UserError
from models.architecture import Architecture
from models.layers import BN_EPSILON
from models.necks.yolox import SOURCES
from models.weights.arrays import Arrays
from models.weights.metadata import ModelMetadata
from models.weights.published.class_names import numbered
from models.weights.published.ssd300s import Published
from ssd_utils import LAYOUTS, VARIANCES

LICENCE = "YOLOX-nano, Megvii Inc., Apache License 2.0; see weights/README.md."
# a name that no other state file has; yolox/models/yolo_pafpn.py
MARKER = "backbone.backbone.stem.conv.conv.weight"
ONNX_START = b"\x08"  # onnx.proto: field 1, ir_version, a number
MAX_BYTES = 2**26  # ours: yolox_nano has 4 MB, yolox_s 36
# network_blocks.py, Focus: of each 2x2 pixels in which order, by row and column
FOCUS_SLOTS = ((0, 0), (1, 0), (0, 1), (1, 1))
# ours: factor and shift of a class's and objectness' sum, against a background of 0. A
# product of two sigmoids is less sure than a softmax of their logits' sum: on VOC's val
# the class loss of models.losses falls from 3.3 to 2.7 by it, mAP stays
CALIBRATION = (0.7, -1.5)
LEVELS = (0, 1, 2)  # yolo_head.py: strides 8, 16, 32
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")  # torch's BatchNorm2d


def is_onnx(path: Path | str) -> bool:
    """Whether a file may be an ONNX file."""
    with Path(path).open("rb") as file:
        return file.read(1) == ONNX_START


def from_state(tensors: dict[str, np.ndarray], path: str) -> Published:
    """Megvii's state file."""
    return _published(_state_arrays(tensors, path), path)


def from_onnx(path: str) -> Published:
    """An ONNX file of it."""
    return _published(_onnx_arrays(path), path)


def _published(plain: Arrays, path: str) -> Published:
    """Origin, plain arrays by layer name, metadata: its heads computed into SSD's form.

    Kernels are (h, w, channels, filters), of depthwise ones (h, w, channels, 1).
    UserError where the file is no yolox_nano.
    """
    arrays = {}
    for name, (kernel, bias) in plain.items():
        axes = (2, 3, 0, 1) if name.endswith("_dconv") else (2, 3, 1, 0)
        kernel = np.ascontiguousarray(kernel.transpose(axes), "float32")
        arrays[name] = [kernel, bias.astype("float32")]
    kernel, bias = arrays["stem"]
    if kernel.shape != (3, 3, 12, 16):
        raise UserError(f"{path}: a YOLOX, but not yolox_nano, the only one known.")
    arrays["stem"] = [unfocused(kernel), bias]
    num_classes = arrays["cls_preds_0"][1].size + 1
    form = {"neck": "yolox", "pretrained": True}
    architecture = Architecture("yolox_nano", num_classes, **form)
    metadata = ModelMetadata(architecture, numbered(num_classes), licence=LICENCE)
    return "YOLOX", arrays | head_arrays(arrays), metadata


def head_arrays(arrays: Arrays) -> Arrays:
    """The heads of neck and layout `yolox` that compute what YOLOX's own do.

    A cell of stride s whose prior has the side w: dx = (tx - 0.5) s / (0.1 w) and
    dw = (tw + ln(s / w)) / 0.2, alike for y and h; the background's logit is 0, a
    class's 0.7 (its own + objectness) - 1.5. `arrays` are those of the whole file.
    """
    table, heads = LAYOUTS["yolox"], {}
    shift, stretch = VARIANCES[0], VARIANCES[2]
    factor, more = CALIBRATION
    for level, name in enumerate(SOURCES):
        stride, side = table.steps[level], table.sizes[level]
        kernel, bias = arrays[f"reg_preds_{level}"]
        scale = np.float32([stride / side / shift] * 2 + [1 / stretch] * 2)
        moved = np.float32([-0.5] * 2 + [np.log(stride / side)] * 2)
        heads[f"{name}_mbox_loc"] = [kernel * scale, (bias + moved) * scale]
        kernel, bias = arrays[f"cls_preds_{level}"]
        objectness, offset = arrays[f"obj_preds_{level}"]
        whole = [kernel, np.broadcast_to(objectness, kernel.shape)]
        whole = np.concatenate(whole, axis=2)  # (1, 1, 128, 80)
        background = ((0, 0), (0, 0), (0, 0), (1, 0))
        heads[f"{name}_mbox_conf"] = [
            np.pad(whole * np.float32(factor), background),
            np.pad((bias + offset) * np.float32(factor) + np.float32(more), (1, 0)),
        ]
    return heads


def unfocused(kernel: np.ndarray) -> np.ndarray:
    """(2k, 2k, 3, F) of strides 2 that equals Focus and then (k, k, 12, F).

    >>> unfocused(np.zeros((3, 3, 12, 16))).shape
    (6, 6, 3, 16)
    """
    side, _, channels, filters = kernel.shape
    channels //= len(FOCUS_SLOTS)
    whole = np.zeros((2 * side, 2 * side, channels, filters), kernel.dtype)
    for slot, (row, column) in enumerate(FOCUS_SLOTS):
        part = kernel[:, :, slot * channels : (slot + 1) * channels]
        whole[row::2, column::2] = part
    return whole


def convolution_names() -> Iterator[str]:
    """Our names of yolox_nano's convolutions, in the order in which they compute."""
    yield "stem"
    for block, depth in (("dark2", 1), ("dark3", 3), ("dark4", 3)):
        yield from _separable(f"{block}_0")
        yield from _csp(f"{block}_1", depth)
    yield from (*_separable("dark5_0"), "dark5_1_conv1", "dark5_1_conv2")
    yield from _csp("dark5_2")
    yield "lateral_conv0"
    yield from _csp("C3_p4")
    yield "reduce_conv1"
    yield from _csp("C3_p3")
    yield from _separable("bu_conv2")
    yield from _csp("C3_n3")
    yield from _separable("bu_conv1")
    yield from _csp("C3_n4")
    for level in LEVELS:
        yield f"stems_{level}"
        for part, ends in (("cls", ("cls",)), ("reg", ("reg", "obj"))):
            for number in (0, 1):
                yield from _separable(f"{part}_convs_{level}_{number}")
            yield from (f"{end}_preds_{level}" for end in ends)


def _separable(name: str) -> tuple[str, str]:
    return f"{name}_dconv", f"{name}_pconv"


def _csp(name: str, depth: int = 1) -> Iterator[str]:
    yield from (f"{name}_conv1", f"{name}_conv2")
    for number in range(depth):
        yield f"{name}_m_{number}_conv1"
        yield from _separable(f"{name}_m_{number}_conv2")
    yield f"{name}_conv3"


def _state_arrays(tensors: dict[str, np.ndarray], path: str) -> Arrays:
    """PyTorch's kernels and biases, BatchNormalization folded into them."""
    arrays = {}
    for name in convolution_names():
        stem = _megvii_name(name)
        parts = ("conv.weight", *(f"bn.{part}" for part in NORM_PARTS))
        if name.endswith(tuple(f"_preds_{level}" for level in LEVELS)):
            parts = ("weight", "bias")
        keys = [f"{stem}.{part}" for part in parts]
        if missing := [key for key in keys if key not in tensors]:
            raise UserError(f"{path}: it has no {missing[0]}, which yolox_nano has.")
        values = [tensors[key].astype("float32") for key in keys]
        if len(values) > 2:
            kernel, gamma, beta, mean, variance = values
            scale = gamma / np.sqrt(variance + BN_EPSILON)
            values = [kernel * scale[:, None, None, None], beta - mean * scale]
        arrays[name] = values
    return arrays


def _megvii_name(name: str) -> str:
    """dark2_1_m_0_conv2_dconv -> backbone.backbone.dark2.1.m.0.conv2.dconv."""
    if name == "stem":
        return "backbone.backbone.stem.conv"
    first, *rest = name.split("_")
    if first.startswith("dark"):
        return ".".join(["backbone.backbone", first, *rest])
    part = "head" if first in ("stems", "cls", "reg", "obj") else "backbone"
    if first != "stems":  # C3_p4_m_0_conv1: the first two belong together
        first = f"{first}_{rest.pop(0)}"
    return ".".join([part, first, *rest])


def _onnx_arrays(path: str) -> Arrays:
    """Kernels and biases of the convolutions of an ONNX file, in their order."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise UserError(
            f"{path}: reading it needs onnx: pip install -r requirements-export.txt"
        ) from error
    if Path(path).stat().st_size > MAX_BYTES:
        raise UserError(f"{path}: too large for yolox_nano's ONNX file.")
    try:
        graph = onnx.load(str(path), load_external_data=False).graph
    except Exception as error:  # protobuf raises its own DecodeError
        raise UserError(f"{path}: not an ONNX file that can be read.") from error
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    names = list(convolution_names())
    if len(nodes) != len(names):
        raise UserError(
            f"{path}: expected the {len(names)} convolutions of yolox_nano, received "
            f"{len(nodes)}."
        )
    arrays = {}
    for name, node in zip(names, nodes, strict=True):
        if len(node.input) != 3 or any(key not in tensors for key in node.input[1:]):
            raise UserError(f"{path}: {node.name} has no stored kernel and bias.")
        parts = [tensors[key] for key in node.input[1:]]
        if any(part.data_location == onnx.TensorProto.EXTERNAL for part in parts):
            raise UserError(f"{path}: {node.name} is stored in another file.")
        arrays[name] = [numpy_helper.to_array(part) for part in parts]
    return arrays
