"""YOLOX-nano's layers against its authors' files."""

from pathlib import Path

import keras
import numpy as np
import pytest

from models import Architecture, build, weights
from models.layers import BN_EPSILON
from models.necks import heads, yolox
from models.ssd300YOLOXnano_alt import stages
from models.weights import initialise, transfer
from models.weights.__main__ import main
from models.weights.hub import DEFAULT
from models.weights.initialise import pretrained_backbone
from models.weights.published.yolox import (
    CALIBRATION,
    FOCUS_SLOTS,
    _megvii_name,
    convolution_names,
    unfocused,
)
from tests.helpers.each_backbone import infer, random_images
from tests.helpers.torch_files import state_of, write_zip

ONNX = Path(__file__).parents[4] / "shared" / "weights" / "yolox_nano_coco.onnx"
needs_file = pytest.mark.skipif(not ONNX.is_file(), reason=f"{ONNX.name} is not here")
# YOLOX's last layers, of which the heads here are computed
PREDICTIONS = {
    f"{part}_preds_{level}" for part in ("cls", "reg", "obj") for level in range(3)
}
NUM_PREDICTED = {"cls": 80, "reg": 4, "obj": 1}
HEADS = ("stems", "cls", "reg", "obj")


def state(rng):
    """A state dict by Megvii's names: random kernels and statistics."""
    keras.utils.set_random_seed(0)
    model = build(Architecture("yolox_nano", 3, neck="yolox", pretrained=True))
    shapes = {layer.name: layer.kernel.shape for layer in model.layers if named(layer)}
    arrays = {}
    for name in convolution_names():
        stem = _megvii_name(name)
        predicted = NUM_PREDICTED.get(name.split("_")[0])  # of a last layer
        shape = shapes.get(name, (1, 1, 64, predicted))
        shape = (3, 3, 12, 16) if name == "stem" else shape
        axes = (2, 3, 0, 1) if name.endswith("_dconv") else (3, 2, 0, 1)
        kernel = rng.normal(0, 0.1, [shape[axis] for axis in axes])
        count = len(kernel)
        if "_preds_" in name:
            arrays |= {f"{stem}.weight": kernel, f"{stem}.bias": rng.normal(size=count)}
            continue
        arrays[f"{stem}.conv.weight"] = kernel
        for part in ("weight", "bias", "running_mean", "running_var"):
            arrays[f"{stem}.bn.{part}"] = rng.uniform(0.5, 1.5, count)
    return {name: array.astype("float32") for name, array in arrays.items()}


def named(layer):
    return isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)


def test_focus_and_a_convolution_are_one_of_6x6():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1, 8, 8, 3)).astype("float32")
    kernel = rng.normal(size=(3, 3, 12, 5)).astype("float32")
    slots = [image[:, row::2, column::2] for row, column in FOCUS_SLOTS]
    focus = np.concatenate(slots, axis=-1)  # (1, 4, 4, 12)
    expected = keras.ops.conv(focus, kernel, padding="same")
    received = keras.ops.conv(image, unfocused(kernel), strides=2, padding="same")
    np.testing.assert_allclose(received, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "megvii"),
    [  # YOLOX, yolox_nano.pth: keys of its state dict
        ("stem", "backbone.backbone.stem.conv"),
        ("dark2_0_dconv", "backbone.backbone.dark2.0.dconv"),
        ("dark3_1_m_2_conv2_pconv", "backbone.backbone.dark3.1.m.2.conv2.pconv"),
        ("dark5_1_conv2", "backbone.backbone.dark5.1.conv2"),
        ("lateral_conv0", "backbone.lateral_conv0"),
        ("C3_p4_m_0_conv1", "backbone.C3_p4.m.0.conv1"),
        ("bu_conv2_dconv", "backbone.bu_conv2.dconv"),
        ("stems_1", "head.stems.1"),
        ("cls_convs_0_1_dconv", "head.cls_convs.0.1.dconv"),
        ("obj_preds_2", "head.obj_preds.2"),
    ],
)
def test_names(ours, megvii):
    assert ours in convolution_names()
    assert _megvii_name(ours) == megvii


def test_state_file_folded_or_normalised_computes_the_same(tmp_path):
    tensors = state(np.random.default_rng(0))
    write_zip(tmp_path / "yolox_nano.pth", state_of(tensors))
    path = str(tmp_path / "yolox_nano.pth")
    stored = weights.read_weights(path).stored
    plain, _ = initialise.initialise_weights(Architecture("yolox_nano", 3), path, [])
    x = keras.Input((64, 64, 3))
    normalised = keras.Model(x, stages(x, None, "batch"))
    assert set(weights.fill(normalised, stored)) == {
        name for name in convolution_names() if not name.startswith(HEADS)
    }
    # by hand, the first convolution that is no Focus
    stem = "backbone.backbone.dark2.0.dconv"
    scale = tensors[f"{stem}.bn.weight"] / np.sqrt(
        tensors[f"{stem}.bn.running_var"] + BN_EPSILON
    )
    kernel, bias = plain.get_layer("dark2_0_dconv").get_weights()
    expected = tensors[f"{stem}.conv.weight"][:, 0] * scale[:, None, None]
    np.testing.assert_allclose(kernel[..., 0], expected.transpose(1, 2, 0), rtol=1e-5)
    expected = tensors[f"{stem}.bn.bias"] - tensors[f"{stem}.bn.running_mean"] * scale
    np.testing.assert_allclose(bias, expected, rtol=1e-4, atol=1e-6)
    image = np.random.default_rng(1).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    same = keras.Model(x, stages(x, None, "none"))
    weights.fill(same, stored)
    for one, two in zip(same(image), normalised(image), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)


def test_what_is_no_yolox_nano(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"\x08\x07nothing")
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="not an ONNX file"):
        weights.read_weights(path)
    tensors = state(np.random.default_rng(0))
    del tensors["head.stems.1.bn.bias"]
    write_zip(tmp_path / "b.pth", state_of(tensors))
    with pytest.raises(ValueError, match=r"no head\.stems\.1\.bn\.bias"):
        weights.read_weights(tmp_path / "b.pth")
    with pytest.raises(ValueError, match="yolox_nano; give other --weights"):
        pretrained_backbone(Architecture("yolox_nano", 3), "imagenet")


@needs_file
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_maps_are_those_of_onnxruntime(norm):
    """At 416x416, the size that the file was exported for."""
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = onnx.load(str(ONNX), load_external_data=False)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    by_name = dict(zip(convolution_names(), convolutions, strict=True))
    outputs = [by_name[f"stems_{level}"].input[0] for level in range(3)]
    model.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in outputs
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = keras.Input((416, 416, 3))
    ours = keras.Model(x, stages(x, None, norm))
    weights.fill(ours, weights.read_weights(ONNX).stored)
    image = np.random.default_rng(0).integers(0, 256, (1, 416, 416, 3))
    image = image.astype("float32")
    theirs = session.run(outputs, {"images": image.transpose(0, 3, 1, 2)})
    for one, other in zip(ours(image), theirs, strict=True):
        np.testing.assert_allclose(one, other.transpose(0, 2, 3, 1), atol=1e-4)


@needs_file
def test_onnx_file_fills_the_extractor_and_survives_saving(tmp_path):
    model, architecture = initialise.initialise_weights(
        Architecture("yolox_nano", 3), str(ONNX), ["a", "b"]
    )
    images, _ = random_images(1)
    description = weights.ModelMetadata(architecture, ["a", "b"])
    weights.save(model, tmp_path / "a.weights.h5", description)
    again, kept = weights.load(tmp_path / "a.weights.h5")
    assert kept.architecture == architecture
    np.testing.assert_array_equal(infer(again, images), infer(model, images))
    plain = weights.fold_batchnorm(model, architecture)
    np.testing.assert_allclose(
        infer(plain, images), infer(model, images), rtol=1e-3, atol=1e-3
    )


YOLOX = Architecture("yolox_nano", 81, neck="yolox", norm="none")


@needs_file
def test_computed_heads_say_what_the_original_says():
    """Boxes and logits at 416x416 against onnxruntime's raw output."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    published = weights.read_weights(ONNX)
    x = keras.Input((416, 416, 3))
    sources = yolox.neck(stages(x, None, "none"), YOLOX)
    outputs = heads.heads(sources, 81, "yolox")
    ours = keras.Model(x, outputs)
    names = {layer.name for layer in ours.layers if layer.weights}
    assert names == set(published.stored) - PREDICTIONS
    weights.fill(ours, {name: published.stored[name] for name in names})
    image = np.random.default_rng(0).integers(0, 256, (1, 416, 416, 3))
    image = image.astype("float32")
    session = onnxruntime.InferenceSession(str(ONNX))
    (theirs,) = session.run(None, {"images": image.transpose(0, 3, 1, 2)})
    raw = np.array(ours(image))[0]  # (3549, 4 + 81)
    shift = raw[:, :2] * 0.1 * 4 + 0.5  # a prior is 4 strides wide
    stretch = raw[:, 2:4] * 0.2 + np.log(4)
    np.testing.assert_allclose(shift, theirs[0, :, :2], atol=1e-3)
    np.testing.assert_allclose(stretch, theirs[0, :, 2:4], atol=1e-3)
    scores = theirs[0, :, 4:].astype(float)
    logits = np.log(scores / (1 - scores))
    factor, more = CALIBRATION
    expected = factor * (logits[:, 1:] + logits[:, :1]) + more
    # onnxruntime's sigmoid in float32 loses what is far from 0
    exact = (scores[:, 1:] > 1e-3) & (scores[:, :1] > 1e-3)
    assert exact.any()
    np.testing.assert_allclose(raw[:, 5:][exact], expected[exact], atol=2e-3)
    assert not raw[:, 4].any()  # background


@needs_file
def test_cli_writes_a_detector_of_80_classes(tmp_path, capsys):
    output = tmp_path / "coco80.weights.h5"
    assert main([str(ONNX), str(output)]) == 0
    assert "person, bicycle, car" in capsys.readouterr().out
    description = weights.read_detector(output).metadata
    assert len(description.class_names) == 80
    assert description.architecture.layout == "yolox"
    assert "Apache" in description.licence


@needs_file
def test_classes_go_over_by_their_names_in_either_list():
    architecture = Architecture("yolox_nano", 4, neck="yolox", pretrained=True)
    model = build(architecture)
    rows = transfer.transfer(model, ["sofa", "cat", "gnu"], weights.read_weights(ONNX))
    parts = [row for row in rows if row.outcome == transfer.PARTLY]
    assert {row.detail for row in parts} == {"3 classes; as any object: gnu"}
    source = weights.read_weights(ONNX)
    theirs, _ = source.stored["p3_mbox_conf"]
    couch = source.class_names.index("couch") + 1
    kernel, bias = model.get_layer("p3_mbox_conf").get_weights()
    np.testing.assert_array_equal(kernel[..., 1], theirs[..., couch])
    expected = theirs[..., 1:].mean(axis=-1)
    np.testing.assert_allclose(kernel[..., 3], expected, rtol=1e-5, atol=1e-6)
    expected = source.stored["p3_mbox_conf"][1][1:].mean() + transfer.OBJECT_SHIFT
    assert bias[3] == pytest.approx(expected, rel=1e-5)


def test_first_stages_never_learn_where_they_are_published():
    architecture = Architecture("yolox_nano", 3, neck="yolox", pretrained=True)
    model = build(architecture)
    initialise.freeze(model)
    initialise.thaw(model, architecture)
    fixed = {layer.name for layer in model.layers if not layer.trainable}
    assert {"stem", "dark2_1_conv3", "dark3_1_m_2_conv1"} <= fixed
    assert not {"dark4_0_dconv", "C3_p3_conv1", "stems_0", "p3_mbox_loc"} & fixed
    fresh = build(Architecture("yolox_nano", 3, neck="yolox"))
    assert all(layer.trainable for layer in fresh.layers)


def test_neck_yolox_folds_and_belongs_to_its_backbone():
    architecture = Architecture("yolox_nano", 3, neck="yolox")
    model = build(architecture)
    assert model.output.shape == (None, 1905, 4 + 3)
    images, _ = random_images(1)
    plain = weights.fold_batchnorm(model, architecture)
    np.testing.assert_allclose(
        infer(plain, images), infer(model, images), rtol=1e-3, atol=1e-3
    )
    with pytest.raises(ValueError, match="goes with yolox_nano only"):
        Architecture("squeezenet", 3, neck="yolox")
    with pytest.raises(ValueError, match="belong together"):
        Architecture("yolox_nano", 3, neck="yolox", layout="voc")


@pytest.mark.parametrize("backbone", ["small", "squeezenet", "MobileNet"])
def test_another_backbone_has_its_own_neck_behind_a_file_of_yolox_nano(backbone):
    file = weights.read_weights(DEFAULT)
    form = initialise.form_of(file, backbone)
    architecture = Architecture(backbone, 21, **form)
    assert architecture == Architecture(backbone, 21, norm=file.architecture.norm)


def test_a_file_of_yolox_nano_of_which_nothing_fits_is_refused():
    file = weights.read_weights(DEFAULT)
    with pytest.raises(ValueError, match="none of its layers fits small"):
        initialise.initialise_weights(Architecture("small", 21), file, file.class_names)
