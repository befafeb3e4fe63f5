"""What docs/deploy.md promises those who serve the files."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from base.constants import MIN_SCORE
from inference import runtimes
from tests.helpers.exportables import random_images

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "deploy.md").read_text("utf-8")

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


def test_litert_has_the_signature(written):
    path = written("litert")
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path)).get_signature_runner()
    details = runner.get_input_details() | runner.get_output_details()
    received = {
        name: (np.dtype(value["dtype"]).name, list(value["shape"]))
        for name, value in details.items()
    }
    assert received == {  # one image at a time
        name: (kind, [1 if axis is None else axis for axis in shape])
        for name, (kind, shape) in promised().items()
    }


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


# of requirements.txt, what the Pi does not install
ABSENT = ["tensorflow", "keras", "h5py", "faster_coco_eval", "defusedxml"]
ABSENT += ["msgspec", "yaml"]


def test_what_is_copied_to_the_pi_is_enough(written, tmp_path):
    path = written("litert")
    (folders,) = re.findall(r"scp -r pi (.*?) raspberrypi:", DOCS, re.DOTALL)
    for name in folders.replace("\\", "").split():
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    image = tmp_path / "street.png"
    cv2.imwrite(str(image), random_images(1)[0])
    argv = [str(image), "--weights", str(path), "--json", "found.json"]
    code = f"import sys; sys.modules.update(dict.fromkeys({ABSENT})); import detect\n"
    code += f"sys.exit(detect.main({argv}))"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert json.loads((tmp_path / "found.json").read_text("utf-8"))


def programs():
    """The page's programs, by the package that runs their file."""
    blocks = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    return {re.search(r"openvino|ai_edge_litert", code)[0]: code for code in blocks}


def test_the_program_of_the_pi_runs(written, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(written("litert"), "best.tflite")
    network = runtimes.load("best.tflite", 0.5)
    Path("labels.txt").write_text(network.metadata.labels(), "utf-8")
    (image,) = random_images(1)
    Path("street.jpg").write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    capsys.readouterr()
    exec(programs()["ai_edge_litert"], {})
    lines = capsys.readouterr().out.splitlines()
    (rows,) = network(image[None])
    rows = rows[rows[:, 1] > 0]
    names = [network.class_names[int(class_id) - 1] for class_id in rows[:, 0]]
    assert len(names) > 0
    for line, name, score in zip(lines, names, rows[:, 1], strict=True):
        assert line.startswith(f"{name} {score!s} [")


def test_the_program_of_openvino_runs(written, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for suffix in (".xml", ".bin"):
        shutil.copy(written("openvino").with_suffix(suffix), f"best{suffix}")
    found = {"images": random_images(2)}
    exec(programs()["openvino"], found)
    expected = runtimes.load("best.xml", MIN_SCORE)(found["images"])
    np.testing.assert_allclose(found["boxes"], expected[..., 2:], atol=0.01)
    np.testing.assert_allclose(found["scores"], expected[..., 1], atol=0.01)
