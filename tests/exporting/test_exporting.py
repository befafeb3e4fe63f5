"""What export.py writes, in its own runtime, against our own detections."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import detect
import exporting
from base.constants import MIN_SCORE
from exporting import FORMATS
from exporting.proof import difference
from inference import runtimes
from inference.runtimes import size_of
from models import BACKBONES
from models.weights.metadata import ModelMetadata
from tests.helpers.exportables import (
    NAMES,
    expected,
    exportable,
    need,
    random_images,
    untrained,
)

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="exports need TensorFlow"
)

ROOT = Path(exporting.__file__).parents[1]


@pytest.fixture(scope="module")
def ours():
    """Three images and what ssd_utils finds in them."""
    images = random_images(3)
    detections = expected(exportable(), images)
    counts = (detections[..., 1] > 0).sum(axis=1)
    assert (counts > 20).all() and (counts < 200).any()  # NMS and padding both matter
    return images, detections


@pytest.mark.parametrize("name", FORMATS)
def test_float32_files_find_the_same(written, ours, name):
    images, detections = ours
    network = runtimes.load(written(name), MIN_SCORE)
    found = network(images)
    np.testing.assert_array_equal(found[..., 0], detections[..., 0])
    np.testing.assert_allclose(found, detections, atol=1e-4)
    np.testing.assert_allclose(network(images[1:2])[0], detections[1], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", [*BACKBONES, "MobileNetV3Large"])
@pytest.mark.parametrize("name", ["onnx", "litert"])
def test_each_backbone_is_converted(tmp_path, backbone, name):
    need(name)
    ready = untrained(backbone, NAMES)
    path = tmp_path / f"real{FORMATS[name].suffix}"
    exporting.write(name, ready, path)
    images = random_images(1)
    detections = expected(ready, images)
    assert (detections[..., 1] > 0).any()
    found = runtimes.load(path, MIN_SCORE)(images)
    assert difference(detections, found, 0.1).num_unpaired == 0
    np.testing.assert_allclose(found[0, :5], detections[0, :5], atol=1e-3)


@pytest.mark.parametrize("name", FORMATS)
def test_files_tell_what_they_are(written, name):
    path = written(name)
    assert runtimes.detect_format(path) == name
    network = runtimes.load(path)
    assert network.metadata == exportable().metadata
    assert network.class_names == NAMES
    assert network.threshold == 0.25


def test_threshold_and_top_k_are_the_callers(written, ours):
    images, detections = ours
    path = written("saved_model")
    shown = runtimes.load(path)(images)
    assert (shown[..., 1] > 0).sum() == (detections[..., 1] >= 0.25).sum() > 0
    assert runtimes.load(path, 0.9, top_k=5)(images).shape == (3, 5, 6)


@pytest.mark.parametrize("name", ["onnx", "openvino", "litert"])
def test_float16_is_about_half_the_size(written, ours, name):
    images, detections = ours
    halved = written(name, "float16")
    # the tail's priors and code stay as they are: what the network's weights save
    saved = size_of(written(name)) - size_of(halved)
    assert saved > 0.4 * 4 * exportable().model.count_params()
    apart = difference(detections, runtimes.load(halved, MIN_SCORE)(images), 0.25)
    assert apart.num_compared > 50
    assert apart.box < 0.02 and apart.score < 0.02


@pytest.mark.parametrize("name", ["onnx", "openvino", "litert"])
def test_int8_finds_about_the_same(written, ours, name):
    images, detections = ours
    found = runtimes.load(written(name, "int8"), MIN_SCORE)(images)
    apart = difference(detections, found, 0.5)
    assert apart.num_compared > 20
    assert apart.num_unpaired < 0.2 * apart.num_compared
    # no grid: decoding is not in int8
    assert len(np.unique(found[..., 2][found[..., 1] > 0])) > 100


def test_int8_is_in_the_maps_alone(written):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(written("onnx", "int8")).graph
    kinds = {each.data_type for each in graph.initializer if len(each.dims) == 4}
    assert kinds == {onnx.TensorProto.INT8}  # all kernels
    tail = [node for node in graph.node if "detections/" in node.name]
    assert len(tail) > 10
    heads = [n for n in graph.node if n.op_type == "Conv" and "_mbox_" in n.name]
    assert len(heads) == 12
    from_heads = {head.output[0] for head in heads}
    readers = [node for node in graph.node if from_heads & set(node.input)]
    assert not any("QuantizeLinear" in node.op_type for node in tail + readers)
    used = {name for node in graph.node for name in node.input}
    assert {values.name for values in graph.initializer} <= used


def test_litert_needs_no_flex_operation(written):
    flatbuffer_utils = pytest.importorskip("tensorflow.lite.tools.flatbuffer_utils")
    from exporting.litert_file import flex_operations

    model = flatbuffer_utils.read_model(str(written("litert")))
    assert flex_operations(model) == []
    model.operatorCodes[0].customCode = b"FlexCombinedNonMaxSuppression"
    assert flex_operations(model) == ["FlexCombinedNonMaxSuppression"]


def test_a_file_with_a_flex_operation_is_not_written(written, tmp_path, monkeypatch):
    content = written("litert").read_bytes()
    from exporting import litert_file

    monkeypatch.setattr(litert_file, "convert", lambda _: content)
    monkeypatch.setattr(litert_file, "flex_operations", lambda _: ["FlexWhere"])
    path = tmp_path / "new.tflite"
    with pytest.raises(ValueError, match="litert: FlexWhere would need"):
        exporting.write("litert", exportable(), path)
    assert not path.exists()


def test_outputs_are_put_in_frigates_order(written):
    flatbuffer_utils = pytest.importorskip("tensorflow.lite.tools.flatbuffer_utils")
    from exporting.litert_file import order_outputs

    model = flatbuffer_utils.read_model(str(written("litert")))
    graph = model.subgraphs[0]
    expected = list(graph.outputs)
    graph.outputs = expected[::-1]
    order_outputs(model)
    assert list(graph.outputs) == expected
    shapes = [list(graph.tensors[index].shape) for index in graph.outputs]
    assert shapes == [[1, 200, 4], [1, 200], [1, 200], [1]]


def test_frigate_reads_outputs_by_index(written, ours):
    """As blakeblackshear/frigate does, frigate/detectors/plugins/cpu_tfl.py."""
    path = written("litert", layout="frigate")
    from ai_edge_litert.interpreter import Interpreter

    images, detections = ours
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    outputs = interpreter.get_output_details()
    assert source["dtype"] == np.uint8 and source["shape"].tolist() == [1, 300, 300, 3]
    for image, rows in zip(images, detections, strict=True):
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        boxes, classes, scores = (
            interpreter.get_tensor(outputs[i]["index"])[0] for i in range(3)
        )
        count = int(interpreter.get_tensor(outputs[3]["index"])[0])
        assert count == (rows[:, 1] > 0).sum()
        found = [
            [classes[i] + 1, scores[i], *boxes[i][[1, 0, 3, 2]]]  # y before x there
            for i in range(count)
        ]
        np.testing.assert_allclose(found, rows[:count], atol=1e-4)
    assert runtimes.load(path, MIN_SCORE)(images).shape == detections.shape


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", None),
        (b"\x89HDF\r\n\x1a\n", None),  # a weights file
        (b"PK\x03\x04", None),  # a .pth
        (b"\x80\x02}q\x00", None),  # an older .pth
        (b"<?xml version='1.0'?><annotation>", None),
        (b'<?xml version="1.0"?>\n<net name="x" version="11">', "openvino"),
        (b"\x1c\x00\x00\x00TFL3\x14", "litert"),
        (b"\x08\x08\x12\x07tf2onnx", "onnx"),
    ],
)
def test_formats_are_told_by_content(tmp_path, head, name):
    path = tmp_path / "file"
    path.write_bytes(head)
    assert runtimes.detect_format(path) == name
    assert runtimes.detect_format(tmp_path / "nowhere") is None
    assert runtimes.detect_format(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "mend"),
    [("saved_model.pb", "name its folder"), ("best.bin", "name best.xml beside it")],
)
def test_a_part_of_an_export_names_the_whole(tmp_path, capsys, name, mend):
    (tmp_path / "best.xml").write_text('<?xml version="1.0"?>\n<net name="x">')
    (tmp_path / name).write_bytes(bytes(9))
    argv = [str(tmp_path), "--weights", str(tmp_path / name)]
    (tmp_path / "a.png").touch()
    assert detect.main(argv) == 2
    line = capsys.readouterr().err
    assert f"{name}: " in line and mend in line and line.count("\n") == 1
    (tmp_path / name).rename(tmp_path / "other.bin")
    assert runtimes.detect_format(tmp_path / "other.bin") is None  # nobody's part


@pytest.mark.parametrize(
    ("head", "module", "package"),
    [
        (b"\x08\x08\x12\x07tf2onnx", "onnxruntime", "onnxruntime"),
        (b'<?xml?><net name="x">', "openvino", "openvino"),
        (b"\x1c\0\0\0TFL3", "ai_edge_litert.interpreter", "ai-edge-litert"),
        (None, "tensorflow", "tensorflow"),  # a folder
    ],
)
def test_a_runtime_that_is_not_there_is_named(
    tmp_path, monkeypatch, head, module, package
):
    path = tmp_path / "file"
    if head is None:
        path.mkdir()
        (path / "saved_model.pb").touch()
    else:
        path.write_bytes(head)
    monkeypatch.setitem(sys.modules, module, None)
    for name in [
        name for name in sys.modules if name.startswith("inference.runtimes.")
    ]:
        if name != "inference.runtimes.exported":
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ValueError, match=f"file: .* pip install {package}$"):
        runtimes.load(path)


@pytest.mark.parametrize("name", ["litert", "saved_model"])
def test_runtimes_greet_nobody(written, name):
    """In a process of its own: they greet once, whatever --quiet says."""
    code = f"""
import numpy
from inference import runtimes; runtimes.load({str(written(name))!r})(numpy.zeros((1,
300, 300, 3), "uint8"))
"""
    env = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)
    assert said.stdout + said.stderr == b""


def test_converters_tell_nothing(tmp_path, capfd):
    need("litert")
    exporting.write("litert", exportable("int8", calibration=1), tmp_path / "a.tflite")
    received = capfd.readouterr()
    assert received.out + received.err == ""


@pytest.mark.parametrize("name", FORMATS)
def test_what_fails_while_it_runs_is_one_line(written, name):
    network = runtimes.load(written(name))
    with pytest.raises(ValueError, match=r"tiny\.\w+: .* can't run it: ") as caught:
        network(np.zeros((1, 200, 300, 3), np.uint8))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["onnx", "openvino", "litert"])
def test_broken_files_are_one_line(written, tmp_path, name):
    path = written(name)
    broken = tmp_path / path.name
    broken.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"tiny\.\w+: .* can't open it: ") as caught:
        runtimes.load(broken)
    assert "\n" not in str(caught.value)


def test_a_file_of_others_names_no_classes(written, tmp_path):
    foreign = tmp_path / "model"
    shutil.copytree(written("saved_model"), foreign)
    shutil.rmtree(foreign / "assets.extra")
    with pytest.raises(ValueError, match=r"not written by export\.py"):
        runtimes.load(foreign)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"class_names": 3}', "[" * 100_000],
)
def test_metadata_that_is_none(text):
    with pytest.raises(ValueError, match="description not understood"):
        ModelMetadata.from_json(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("class_names", "ab"),
        ("threshold", 2.0),
        ("threshold", "x"),
        ("output_format", "coral"),
    ],
)
def test_metadata_is_checked(field, value):
    fields = json.loads(exportable().metadata.to_json()) | {field: value}
    with pytest.raises(ValueError, match=field.replace("_", "[_ ]")):
        ModelMetadata.from_json(json.dumps(fields))


def test_metadata_of_earlier_exports_is_understood():
    earlier = {
        **{"class_names": ["a"], "threshold": 0.5, "f1": 0.5, "licence": ""},
        **{"network": "x", "precision": "int8", "layout": "frigate", "tile_px": 480},
    }
    metadata = ModelMetadata.from_json(json.dumps(earlier))
    assert (metadata.output_format, metadata.tile_px) == ("frigate", 480)


def test_frozen_functions_leave_gradients_out(tmp_path):
    # SiLU's own gradient can't be saved, and LiteRT's converter goes on without names
    import tensorflow as tf

    from exporting.graph import frozen

    layer = keras.layers.Dense(3, activation="silu")
    layer.build((None, 2))
    detect = tf.function(
        lambda images: {"found": layer(images)},
        input_signature=[tf.TensorSpec((None, 2), tf.float32, name="images")],
    )
    module = frozen(detect)
    signature = module.detect.get_concrete_function()
    tf.saved_model.save(module, str(tmp_path), signatures=signature)
    images = np.random.default_rng(0).normal(size=(4, 2)).astype("float32")
    found = tf.saved_model.load(str(tmp_path)).detect(images)["found"]
    np.testing.assert_allclose(found, layer(images), rtol=1e-6)
