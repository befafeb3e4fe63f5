"""Any classifier of keras.applications: stages, preprocessing, weights, training."""

import inspect

import keras
import numpy as np
import pytest
from keras import applications, ops

from models import Architecture, backbone_layers, build, weights
from models.keras_applications import backbone, names, stages
from models.layers import Preprocess
from models.weights.initialise import freeze, initialise_weights, pretrained_backbone
from ssd_utils import make_priors
from training.engine import Trainer
from training.optimiser import make_optimiser

# where the stages of 38, 19 and 10 cells end, read in the papers' tables and in Keras
STAGES = {
    "VGG16": ("block4_conv3", "block5_conv3", "block5_pool"),
    "ResNet50": ("conv3_block4_out", "conv4_block6_out", "conv5_block3_out"),
    "InceptionV3": ("mixed2", "mixed7", "mixed10"),
    "MobileNet": ("conv_pw_5_relu", "conv_pw_11_relu", "conv_pw_13_relu"),
    "MobileNetV2": ("block_6_expand_relu", "block_13_expand_relu", "out_relu"),
    "EfficientNetV2B0": (
        *("block4a_expand_activation", "block6a_expand_activation"),
        "top_activation",
    ),
}
# one name of each of their families, no larger than it must be
FAMILIES = [
    *("ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0"),
    *("InceptionResNetV2", "InceptionV3", "MobileNet", "MobileNetV2"),
    *(
        "MobileNetV3Small",
        "NASNetMobile",
        "ResNet50",
        "ResNet50V2",
        "VGG16",
        "Xception",
    ),
]


def numpy(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


@pytest.mark.parametrize("name", STAGES)
def test_stages(name):
    images = keras.Input((300, 300, 3))
    maps = stages(name, 1.0, images, None)
    assert tuple(stage._keras_history.operation.name for stage in maps) == STAGES[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_preprocessing_is_the_classifiers_own(name):
    module = inspect.getmodule(getattr(applications, name))
    image = np.random.default_rng(0).integers(0, 256, (1, 4, 5, 3)).astype("float32")
    expected = module.preprocess_input(image.copy())
    ours = numpy(Preprocess(backbone(name).preprocessing)(image))
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_statistics_follow_within_some_steps():
    """After 40 steps moving means are the batch's; with Keras' 0.99 they are not."""
    model = build(Architecture("MobileNet", 4, width=0.25))
    norms = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    seen = keras.Model(model.input, [model.output, *(norm.input for norm in norms)])
    images = np.random.default_rng(0).uniform(0, 255, (1, 300, 300, 3))
    for _ in range(40):
        _, *features = seen(images, training=True)
    for norm, batch in zip(norms, features, strict=True):
        mean = numpy(batch).mean(axis=(0, 1, 2))
        np.testing.assert_allclose(
            numpy(norm.moving_mean), mean, atol=0.05 * np.abs(mean).max()
        )


@pytest.mark.core
def test_structure():
    model = build(Architecture("MobileNet", 4, width=0.25))
    assert model.output.shape == (None, len(make_priors()), 8)
    maps = {
        name: tuple(model.get_layer(name).output.shape[1:])
        for name in ("features", "features_19", "features_10")
    }
    assert maps == {
        "features": (37, 37, 64),
        "features_19": (18, 18, 128),
        "features_10": (9, 9, 256),
    }
    sources = {
        name: model.get_layer(f"{name}_mbox_loc").input.shape[1:]
        for name in ("conv4_3_norm", "fc7", "conv6_2", "conv7_2", "conv8_2", "conv9_2")
    }
    assert list(sources.values()) == [
        *((38, 38, 256), (19, 19, 256), (10, 10, 256)),
        *((5, 5, 128), (3, 3, 128), (1, 1, 128)),
    ]
    outside = {layer.name for layer in model.layers} - {
        layer.name for layer in backbone_layers(model)
    }
    assert "conv4_0" in outside
    assert "conv_pw_13" not in outside


@pytest.mark.parametrize("neck", ["ssd", "light"])
def test_the_other_necks_take_the_first_stage(neck):
    model = build(Architecture("MobileNetV2", 4, neck=neck))
    assert tuple(model.get_layer("features").output.shape[1:]) == (38, 38, 192)
    assert model.output.shape[1] == len(make_priors())


@pytest.mark.parametrize("name", ["vgg16", "resnet50"])
def test_named_backbones_have_the_neck_too(name):
    model = build(Architecture(name, 4, neck="native"))
    assert model.output.shape == (None, len(make_priors()), 8)


@pytest.mark.parametrize(
    ("name", "width"), [("MobileNetV3Small", 1.0), ("MobileNetV2", 0.35)]
)
def test_weights_file_of_the_classifier(name, width, tmp_path):
    path = tmp_path / "classifier.weights.h5"
    options = {"include_top": False, "weights": None}
    if width != 1:
        options["alpha"] = width
    classifier = getattr(applications, name)(input_shape=(300, 300, 3), **options)
    classifier.save_weights(path)
    architecture = Architecture(name, 3, width=width)
    model = pretrained_backbone(architecture, str(path))
    kernels = [w for w in classifier.weights if w.path.endswith("kernel")]
    ours = [w for layer in backbone_layers(model) for w in layer.weights]
    ours = [w for w in ours if w.path.endswith("kernel")]
    for expected, received in zip(kernels, ours, strict=True):
        np.testing.assert_array_equal(numpy(received), numpy(expected))
    other = Architecture("MobileNetV3Large", 3)
    with pytest.raises(ValueError, match=r"classifier\.weights\.h5 does not fit"):
        pretrained_backbone(other, str(path))


def test_real_imagenet_weights(shared):
    path = shared / "weights/mobilenet_2_5_224_tf_no_top.h5"
    architecture = Architecture("MobileNet", 3, width=0.25)
    model, _ = initialise_weights(architecture, str(path), ["a", "b"])
    classifier = applications.MobileNet(
        input_shape=(300, 300, 3), alpha=0.25, include_top=False, weights=str(path)
    )
    images = np.random.default_rng(0).integers(0, 256, (1, 300, 300, 3), dtype="uint8")
    features = keras.Model(model.input, model.get_layer("features_10").output)
    expected = classifier(images / np.float32(127.5) - 1)
    np.testing.assert_allclose(numpy(features(images)), numpy(expected), atol=1e-4)
    freeze(model)
    assert not any(layer.trainable for layer in backbone_layers(model))


def test_save_load_fold(tmp_path):
    architecture = Architecture("MobileNetV3Small", 3)
    model = build(architecture)
    path = tmp_path / "x.weights.h5"
    weights.save(model, path, weights.ModelMetadata(architecture, ["a", "b"]))
    loaded, description = weights.load(path)
    assert description.architecture == architecture
    images = np.random.default_rng(0).integers(0, 256, (1, 300, 300, 3), dtype="uint8")
    expected = numpy(model(images))
    np.testing.assert_array_equal(numpy(loaded(images)), expected)
    plain = numpy(weights.fold_batchnorm(loaded, architecture)(images))
    np.testing.assert_allclose(plain, expected, atol=1e-3)


def test_layer_names_hold_when_built_again():
    architecture = Architecture("MobileNetV3Small", 3)
    first, second = build(architecture), build(architecture)
    assert [a.name for a in first.layers] == [b.name for b in second.layers]


def check_learns(architecture):
    """Two steps on one image: finite, and nearly all weights move.

    Still are offsets' biases of maps that no box is matched in, and what normalises a
    map of one cell: of one image it leaves zeros. That is 8 of VGG16's 78.
    """
    keras.utils.set_random_seed(0)
    model = build(architecture)
    optimiser = make_optimiser("adamw", model.trainable_variables)
    trainer = Trainer(model, architecture.layout).compile_for(optimiser)
    image = np.random.default_rng(0).integers(0, 256, (1, 300, 300, 3), dtype="uint8")
    truth = np.float32([[[0.2, 0.3, 0.7, 0.9, 1]]])
    before = [numpy(w).copy() for w in model.trainable_weights]
    losses = [trainer.step(image, truth, 1e-3)["loss"] for _ in range(2)]
    assert np.isfinite(losses).all()
    moved = [
        abs(numpy(w) - b).max() > 0
        for w, b in zip(model.trainable_weights, before, strict=True)
    ]
    assert np.mean(moved) > 0.85


def test_learns():
    check_learns(Architecture("MobileNet", 2, width=0.25))


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_classifier_takes_a_step(name):
    check_learns(Architecture(name, 2))
