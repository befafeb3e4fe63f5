"""What docs/deploy.md promises those who serve the files."""

import re
from pathlib import Path

import keras
import pytest

DOCS = (Path(__file__).parents[1] / "docs" / "deploy.md").read_text("utf-8")

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports need TensorFlow"
)


def promised():
    """Dtype and shape by name, from the table; None for the free axis."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \(([^)]+)\) \|", DOCS, re.MULTILINE)
    assert rows[0][0] == "images" and len(rows) == 5
    return {
        name: (dtype, [None if s == "B" else int(s) for s in re.findall(r"\w+", shape)])
        for name, dtype, shape in rows
    }


def configured():
    """Dtype and shape by name from Triton's config.pbtxt, the batch's axis added."""
    rows = re.findall(
        r'name: "(\w+)" data_type: TYPE_(\w+) dims: \[ ([\d, ]+) \](.*?) }', DOCS
    )
    kinds = {"UINT8": "uint8", "FP32": "float32", "INT32": "int32"}
    return {
        name: (
            kinds[kind],
            # a batch of scalars: Triton wants an axis, and `reshape` takes it off
            [None] if "reshape" in rest else [None, *map(int, dims.split(","))],
        )
        for name, kind, dims, rest in rows
    }


def test_tritons_configuration_is_the_table():
    assert "max_batch_size" in DOCS and configured() == promised()


def test_savedmodel_has_the_signature(written):
    path = written("saved_model")
    import tensorflow as tf

    assert (path / "saved_model.pb").is_file()
    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    _, inputs = signature.structured_input_signature
    received = {
        name: (spec.dtype.name, spec.shape.as_list())
        for name, spec in (*inputs.items(), *signature.structured_outputs.items())
    }
    assert received == promised()


def test_onnx_has_the_signature(written):
    path = written("onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    kinds = {"uint8": "uint8", "float": "float32", "int32": "int32"}
    received = {
        value.name: (
            kinds[re.fullmatch(r"tensor\((\w+)\)", value.type)[1]],
            [None if axis == "batch" else axis for axis in value.shape],
        )
        for value in (*session.get_inputs(), *session.get_outputs())
    }
    assert received == promised()


def test_openvino_has_the_signature(written):
    path = written("openvino")
    import openvino

    model = openvino.Core().read_model(path)
    kinds = {"f32": "float32", "u8": "uint8", "i32": "int32"}
    received = {
        port.get_any_name(): (
            kinds[port.element_type.to_string()],
            [None if n.is_dynamic else n.get_length() for n in port.partial_shape],
        )
        for port in (*model.inputs, *model.outputs)
    }
    assert received == promised()
