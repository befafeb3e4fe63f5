"""Layer by layer and class by class: what is taken, what is left, and the table."""

import dataclasses
import functools
import json

import h5py
import keras
import numpy as np
import pytest

from models import Architecture, backbone_layers, build, weights
from models.weights import transfer
from models.weights.__main__ import main
from models.weights.arrays import folded_arrays
from models.weights.initialise import brings_backbone, form_of
from models.weights.metadata import ModelMetadata
from models.weights.transfer import ABSENT, DIFFERS, PARTLY, TAKEN
from training.options import parse
from training.prepare import load_model

ANIMALS = ["cat", "dog", "fox"]
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (1, 300, 300, 3), dtype="uint8")


def disturbed(architecture):
    """A model whose weights, statistics too, are all its own."""
    keras.utils.set_random_seed(1)
    model = build(architecture)
    for layer in model.layers:
        values = [w * RNG.uniform(0.8, 1.2, w.shape) for w in layer.get_weights()]
        layer.set_weights([value + 0.01 for value in values])
    return model


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A detector of animals: its model and file."""
    architecture = Architecture("squeezenet", 4)
    model = disturbed(architecture)
    path = tmp_path_factory.mktemp("weights") / "animals.weights.h5"
    weights.save(model, path, ModelMetadata(architecture, ANIMALS))
    return model, path


def predict(model):
    return keras.ops.convert_to_numpy(model(IMAGES))


def outcomes(rows):
    return {row.layer: row.outcome for row in rows}


def test_the_same_architecture_takes_all(file):
    model, path = file
    other = build(Architecture("squeezenet", 4))
    rows = transfer.transfer(other, ANIMALS, weights.read_weights(path))
    assert set(outcomes(rows).values()) == {TAKEN}
    for ours, theirs in zip(other.weights, model.weights, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
        )


@pytest.mark.parametrize(("there", "here"), [("batch", "none"), ("none", "batch")])
def test_normalised_and_plain_take_each_other(there, here, tmp_path):
    architecture = Architecture("squeezenet", 4, norm=there)
    model, path = disturbed(architecture), tmp_path / "x.weights.h5"
    weights.save(model, path, ModelMetadata(architecture, ANIMALS))
    other = build(Architecture("squeezenet", 4, norm=here))
    rows = transfer.transfer(other, ANIMALS, weights.read_weights(path))
    assert set(outcomes(rows).values()) == {TAKEN}
    expected = predict(model)
    np.testing.assert_allclose(predict(other), expected, atol=1e-3 * expected.std())


def test_another_extractor_keeps_the_detection_half(file):
    other = build(Architecture("MobileNet", 4, neck="light", width=0.25))
    before = {layer.name: layer.get_weights() for layer in other.layers}
    rows = transfer.transfer(other, ANIMALS, weights.read_weights(file[1]))
    outcome = outcomes(rows)
    assert outcome["conv_pw_1"] == ABSENT
    assert outcome["conv4_0"] == DIFFERS
    assert {outcome[n] for n in ("fire6_squeeze1x1", "conv9_2", "fc7_mbox_conf")} == {
        TAKEN
    }
    row = next(row for row in rows if row.layer == "conv4_0")
    assert row.detail == "(3, 3, 256, 256) there, (2, 2, 256, 64) here"
    for name in ("conv_pw_1", "conv4_0", "conv4_0_batchnorm"):
        for a, b in zip(other.get_layer(name).get_weights(), before[name], strict=True):
            np.testing.assert_array_equal(a, b)


def test_nothing_that_fits_is_refused(file):
    source = weights.read_weights(file[1])
    other = build(Architecture("vgg16", 4, norm="none"))
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"animals\.weights\.h5: none of its layers"):
        transfer.transfer(other, ANIMALS, source)
    for a, b in zip(other.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_classes_by_name(file):
    model, path = file
    names = ["dog", "cow", "cat"]
    other = build(Architecture("squeezenet", 4))
    fresh = other.get_layer("fc7_mbox_conf").get_weights()
    rows = transfer.transfer(other, names, weights.read_weights(path))
    assert outcomes(rows)["fc7_mbox_conf"] == PARTLY
    assert next(r for r in rows if r.layer == "fc7_mbox_conf").detail == (
        "3 classes; afresh: cow"
    )
    # per prior: background, dog, cow, cat here; background, cat, dog, fox there
    for ours, theirs, start in zip(
        other.get_layer("fc7_mbox_conf").get_weights(),
        model.get_layer("fc7_mbox_conf").get_weights(),
        fresh,
        strict=True,
    ):
        for prior in range(6):
            at, there = ours[..., 4 * prior :], theirs[..., 4 * prior :]
            for here, from_ in [(0, 0), (1, 2), (3, 1)]:
                np.testing.assert_array_equal(at[..., here], there[..., from_])
            np.testing.assert_array_equal(at[..., 2], start[..., 4 * prior + 2])


def test_kept_classes_have_the_same_logits(file):
    model, path = file
    source = weights.read_detector(path)
    source.metadata = dataclasses.replace(source.metadata, training={"tile_px": 640})
    smaller, description = transfer.keep_classes(source, ["fox", "cat"])
    assert description.class_names == ["fox", "cat"]
    assert description.tile_px == 640  # what detect.py --tile cuts
    whole, part = predict(model), predict(smaller)
    assert part.shape[-1] == 4 + 3
    # offsets, background, fox, cat
    expected = whole[..., [0, 1, 2, 3, 4, 7, 5]]
    np.testing.assert_allclose(part, expected, atol=1e-5 * np.abs(expected).max())


def test_keep_of_the_command_line(file, tmp_path, capsys):
    out = tmp_path / "fox.weights.h5"
    a = str(tmp_path / "a.weights.h5")
    keep = [str(file[1]), "--keep", "fox, dog, fox", "--output", str(out)]
    assert main(keep) == 0
    last = tmp_path / "last.weights.h5"
    assert main([*keep[:3], str(last)]) == 0  # OUT after an option
    assert weights.read_detector(last).class_names == ["fox", "dog"]
    assert weights.read_detector(out).metadata.class_names == ["fox", "dog"]
    for options, message in [
        (keep, "exists already"),
        ([*keep[:-1], str(tmp_path / "a.h5")], "ending in .weights.h5"),
        ([str(file[1]), "--keep", "cow", "--output", a], "no cow"),
        ([str(file[1]), "--keep", "fox"], "need --output"),
        ([str(file[1]), "--keep", ""], "need --output"),
        ([str(file[1]), "--keep", "fox,", "--output", a], "A,B"),
        ([str(tmp_path / "gone")], "no such file"),
    ]:
        capsys.readouterr()
        assert main(options) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert message in lines[0]


def test_an_extractors_file_fills_what_it_can(shared):
    path = shared / "weights/squeezenet_imagenet_notop.h5"
    model = build(Architecture("squeezenet", 4))
    rows = transfer.transfer(model, ANIMALS, weights.read_weights(path))
    outcome = outcomes(rows)
    assert outcome["conv1"] == outcome["fire9_expand3x3"] == TAKEN
    assert outcome["conv4_0"] == ABSENT
    with pytest.raises(ValueError, match="knows no classes"):
        weights.read_detector(path)


def test_what_a_file_fits(file, capsys):
    source = weights.read_weights(file[1])
    fits = {
        name: taken for name, taken, _ in transfer.which_fit(source, ["squeezenet"])
    }
    assert fits == {"squeezenet": len([n for n in source.folded])}
    assert main([str(file[1])]) == 0
    text = capsys.readouterr().out
    described, _ = json.JSONDecoder().raw_decode(text)
    assert described["class_names"] == ANIMALS
    assert "conv4_0" in text
    assert "--backbone vgg16" in text


def test_the_table(file):
    names = ["dog", "cow", "cat"]
    other = build(Architecture("squeezenet", 4, 512))
    rows = transfer.transfer(other, names, weights.read_weights(file[1]))
    lines = transfer.table(rows).splitlines()
    taken = sum(row.outcome == TAKEN for row in rows)
    assert lines[0] == f"{taken} of {len(rows)} layers taken"
    assert len(lines) == 1 + len(rows) - taken
    (row,) = [line.split(None, 1) for line in lines if "conv4_0" in line]
    assert row[1].startswith("shape differs")
    assert "(3, 3, 256, 256) there, (3, 3, 512, 256) here" in row[1]


@pytest.mark.parametrize(
    ("options", "neck", "norm"),
    [([], "light", "none"), (["--norm=batch"], "light", "batch")],
)
def test_weights_of_the_command_line(options, neck, norm, tmp_path, capsys, offline):
    architecture = Architecture("squeezenet", 4, norm="none")
    model, path = disturbed(architecture), tmp_path / "x.weights.h5"
    weights.save(model, path, ModelMetadata(architecture, ANIMALS))
    args = ["--backbone=MobileNet", "--alpha=0.25", f"--weights={path}", *options]
    taker, form, _ = load_model(parse(args), ["fox", "cow"])
    assert (form.neck, form.norm, form.pretrained) == (neck, norm, True)
    ours, theirs = folded_arrays(taker), folded_arrays(model)
    np.testing.assert_allclose(
        ours["fire6_squeeze1x1"][0], theirs["fire6_squeeze1x1"][0]
    )
    # per prior: background, fox, cow here; background, cat, dog, fox there
    kernels = ours["conv9_2_mbox_conf"][0], theirs["conv9_2_mbox_conf"][0]
    np.testing.assert_array_equal(kernels[0][..., 1::3], kernels[1][..., 3::4])
    assert "2 classes; afresh: cow" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"x\.weights\.h5: none of its layers fits"):
        load_model(parse([*args, "--neck=ssd"]), ["fox", "cow"])


@pytest.fixture
def offline(monkeypatch):
    """Keras' classifiers start from nothing where ImageNet's weights are asked for."""
    for name in ("MobileNet", "MobileNetV2"):
        make = getattr(keras.applications, name)

        @functools.wraps(make)
        def from_nothing(weights, make=make, **options):
            return make(weights=None, **options)

        monkeypatch.setattr(keras.applications, name, from_nothing)


def test_another_width_brings_no_backbone(tmp_path, offline):
    """Some layers of a MobileNetV2 of another width have the same name and shape."""
    theirs = Architecture("MobileNetV2", 4, width=0.35)
    path = tmp_path / "x.weights.h5"
    weights.save(disturbed(theirs), path, ModelMetadata(theirs, ANIMALS))
    args = ["--backbone=MobileNetV2", "--freeze", "--alpha=0.5", f"--weights={path}"]
    model, *_ = load_model(parse(args), ANIMALS)
    source = weights.read_weights(path).trained
    for layer in backbone_layers(model):
        if layer.weights and layer.name in source:
            pairs = zip(layer.get_weights(), source[layer.name], strict=True)
            assert not any(a.shape == b.shape and (a == b).all() for a, b in pairs)


@pytest.mark.parametrize("freeze", ["--freeze", "--freeze=1"])
def test_part_of_an_extractor_is_not_frozen(freeze, tmp_path):
    theirs = Architecture("small", 4, neck="light")
    path = tmp_path / "x.weights.h5"
    weights.save(build(theirs), path, ModelMetadata(theirs, ANIMALS))
    args = ["--backbone=yolox_nano", "--neck=light", f"--weights={path}"]
    load_model(parse(args), ANIMALS)
    with pytest.raises(ValueError, match="stem would stay as it begins, from nothing"):
        load_model(parse([*args, freeze]), ANIMALS)


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (
            Architecture("small", 4, neck="light"),
            "add --backbone small, or --neck light",
        ),
        (Architecture("MobileNet", 4, width=0.25), "--backbone MobileNet --alpha 0.25"),
    ],
)
def test_a_detector_of_another_backbone_names_it(theirs, expected, tmp_path, offline):
    path = tmp_path / "x.weights.h5"
    weights.save(build(theirs), path, ModelMetadata(theirs, ANIMALS))
    with pytest.raises(ValueError, match=expected):
        load_model(parse([f"--weights={path}"]), ANIMALS)


def test_part_of_an_extractors_file_is_refused(tmp_path):
    with h5py.File(path := tmp_path / "y.h5", "w") as file:  # as Keras 2 wrote them
        file.attrs["layer_names"] = np.array(["conv1"], "S")
        group = file.create_group("conv1")
        group.attrs["weight_names"] = np.array(["kernel", "bias"], "S")
        group["kernel"], group["bias"] = np.ones((3, 3, 3, 64)), np.zeros(64)
    with pytest.raises(ValueError, match="squeezenet: its fire2_squeeze1x1 is not"):
        load_model(parse(["--backbone=squeezenet", f"--weights={path}"]), ANIMALS)


def test_who_brings_the_extractor(file, shared):
    source = weights.read_weights(file[1])
    assert brings_backbone(source, "squeezenet")
    assert not brings_backbone(source, "vgg16")  # which starts from ImageNet then
    assert not brings_backbone(source, "squeezenet", width=0.5)
    backbone = shared / "weights/squeezenet_imagenet_notop.h5"
    assert brings_backbone(weights.read_weights(backbone), "squeezenet")


def test_the_form_that_fits(file):
    source = weights.read_weights(file[1])
    assert form_of(source, "vgg16") == {
        "norm": "batch",
        "layout": "voc",
        "neck": "light",
    }
    assert form_of(source, "squeezenet", width=0.5) == form_of(source, "vgg16")
    form = form_of(source, "squeezenet")
    model = build(Architecture("squeezenet", 4, **form))
    rows = transfer.transfer(model, ANIMALS, source)
    assert set(outcomes(rows).values()) == {TAKEN}
