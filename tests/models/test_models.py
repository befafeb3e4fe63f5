"""Every backbone builds the same detector; folding, freezing, filling keep it exact.

A new backbone is tested by being in models.BACKBONES.
"""

import keras
import numpy as np
import pytest

from evaluation.cost import count_gflops, describe_cost
from models import BACKBONES, NECKS, Architecture, backbone_layers, build, weights
from models.layers import L2Norm, Preprocess
from models.weights.initialise import pretrained_backbone
from ssd_utils import LAYOUTS, MAP_SIZES, decode, make_priors
from tests.helpers.each_backbone import EACH, NUM_CLASSES, infer, numpy, random_images

SOURCES = ("conv4_3_norm", "fc7", "conv6_2", "conv7_2", "conv8_2", "conv9_2")
# DESIGN.md's table: map at 300x300, adapter's kernel
FEATURES = {
    "vgg16": ((37, 37, 256), 2),
    "vgg19": ((37, 37, 256), 2),
    "resnet50": ((38, 38, 512), 1),
    "inceptionv3": ((35, 35, 288), 4),
    "small": ((38, 38, 256), None),
    "ssd300": ((38, 38, 256), None),
    "squeezenet": ((36, 36, 256), 3),
    "yolox_nano": ((38, 38, 64), None),
}
BatchNorm = keras.layers.BatchNormalization


@pytest.fixture(scope="module", params=EACH)
def detector(request):
    """Architecture and model of a backbone with its default neck, as if trained."""
    architecture = Architecture(request.param, NUM_CLASSES)
    keras.utils.set_random_seed(1)
    model = build(architecture)
    seem_trained(model, random_images(2)[0], np.random.default_rng(2))
    return architecture, model


def width_of(backbone):
    """Filters of the 38x38 map: the adapter's, or the map's own."""
    (*_, width), kernel = FEATURES.get(backbone, ((256,), 0))
    return width if kernel is None else 256


def shape_of(model, layer, side="output"):
    return tuple(getattr(model.get_layer(layer), side).shape[1:])


def layer_names(model):
    return {layer.name for layer in model.layers}


def seem_trained(model, images, rng):
    """Statistics and offsets as after a long training, moderately disturbed."""
    norms = [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0  # the moving statistics become those of this batch
    model(images, training=True)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
        for variable in layer.weights:
            value = np.array(variable)
            if variable.name == "moving_variance":
                value = 0.05 + value * rng.uniform(0.8, 1.2, value.shape)
            else:
                value = value + rng.uniform(-0.1, 0.1, value.shape)
            if variable.name == "gamma":
                value = value * rng.choice([0.7, 1.3], value.shape)
            variable.assign(value)
    for layer in model.layers:
        if layer.name.endswith("_mbox_loc"):  # offsets of some tenths, not of tens
            layer.kernel.assign(0.1 * np.array(layer.kernel))


# what is built


def check_structure(model, filters, layout="voc", sources=SOURCES):
    """The contract of every detector; n and the kernel are read from the model."""
    priors = len(make_priors(layout))
    assert model.input.shape == (None, 300, 300, 3)
    assert model.output.shape == (None, priors, 4 + NUM_CLASSES)
    n = shape_of(model, "features")[0]
    assert n <= 38
    junction = "features"
    if "conv4_0" in layer_names(model):
        junction = "conv4_0"
        adapter = model.get_layer("conv4_0")
        assert isinstance(adapter, keras.layers.Conv2DTranspose)
        assert adapter.kernel_size == (38 - n + 1,) * 2
        assert (adapter.strides, adapter.padding) == ((1, 1), "valid")
    assert shape_of(model, junction) == (38, 38, filters)
    counts = LAYOUTS[layout].priors_per_cell
    for source, size, count in zip(sources, MAP_SIZES, counts, strict=True):
        for part, values in (("loc", 4), ("conf", NUM_CLASSES)):
            name = f"{source}_mbox_{part}"
            assert shape_of(model, name, "input")[:2] == (size, size)
            assert shape_of(model, name) == (size, size, count * values)


def test_structure(detector):
    architecture, model = detector
    check_structure(model, width_of(architecture.backbone))
    assert architecture.neck in NECKS
    if architecture.backbone in FEATURES:
        features, kernel = FEATURES[architecture.backbone]
        assert shape_of(model, "features") == features
        assert ("conv4_0" in layer_names(model)) == (kernel is not None)
        if kernel:
            assert model.get_layer("conv4_0").kernel_size == (kernel, kernel)


def test_table_holds_no_backbone_that_is_gone():
    assert set(FEATURES) <= set(BACKBONES)


@pytest.mark.parametrize("name", EACH)
def test_the_other_neck(name):
    default = Architecture(name, NUM_CLASSES).neck
    for other in {"ssd", "light"} - {default}:
        model = build(Architecture(name, NUM_CLASSES, neck=other))
        check_structure(model, width_of(name))


@pytest.mark.parametrize("name", ["squeezenet", "vgg16", "resnet50"])
def test_adapter_of_512(name):
    model = build(Architecture(name, NUM_CLASSES, 512))
    check_structure(model, 512)


@pytest.mark.core
def test_neck_ssd_is_the_published_one():
    """What makes a published SSD300's detection half load: names and shapes."""
    model = build(Architecture("ssd300", 21, norm="none"))
    kernels = {
        "conv1_1": (3, 3, 3, 64),
        "conv3_3": (3, 3, 256, 256),
        "conv4_1": (3, 3, 256, 512),
        "conv4_3": (3, 3, 512, 512),
        "conv5_3": (3, 3, 512, 512),
        "fc6": (3, 3, 512, 1024),
        "fc7": (1, 1, 1024, 1024),
        "conv6_1": (1, 1, 1024, 256),
        "conv6_2": (3, 3, 256, 512),
        "conv7_1": (1, 1, 512, 128),
        "conv7_2": (3, 3, 128, 256),
        "conv8_1": (1, 1, 256, 128),
        "conv8_2": (3, 3, 128, 256),
        "conv9_1": (1, 1, 256, 128),
        "conv9_2": (3, 3, 128, 256),
        "conv4_3_norm_mbox_loc": (3, 3, 512, 4 * 4),
        "fc7_mbox_conf": (3, 3, 1024, 6 * 21),
    }
    received = {name: tuple(model.get_layer(name).kernel.shape) for name in kernels}
    assert received == kernels
    assert model.get_layer("fc6").dilation_rate == (6, 6)
    gamma = np.array(model.get_layer("conv4_3_norm").gamma)
    assert gamma.tolist() == [20] * 512
    assert model.count_params() == 26_285_486  # amdegroot/ssd.pytorch, VOC
    assert count_gflops(model) == pytest.approx(62.8, abs=0.3)  # DESIGN.md, sec. 6


@pytest.mark.core
def test_legacy_layout():
    model = build(Architecture("ssd300", NUM_CLASSES, layout="legacy"))
    check_structure(model, 256, "legacy", (*SOURCES[:-1], "pool6"))
    assert model.output.shape[1] == 7308
    assert model.get_layer("pool6_mbox_loc").kernel_size == (1, 1)


def test_light_is_light():
    light = build(Architecture("squeezenet", 21))
    other = build(Architecture("squeezenet", 21, neck="ssd"))
    assert light.count_params() < other.count_params() / 5
    assert count_gflops(light) < count_gflops(other) / 8


def test_cost_by_hand():
    x = keras.Input((10, 8, 3))
    y = keras.layers.Conv2D(5, 3, padding="same", name="a")(x)  # (10, 8, 5)
    y = keras.layers.Conv2DTranspose(7, 2, name="b")(y)  # (11, 9, 7)
    model = keras.Model(x, y)
    # 2 * (3 * 3 * 3 * 5) * 80 + 2 * (2 * 2 * 5 * 7) * 80, each input cell once
    assert count_gflops(model) * 1e9 == pytest.approx(21600 + 22400)
    model.get_layer("a").trainable = False  # 3 * 3 * 3 * 5 + 5 = 140; b: 140 + 7
    line = describe_cost(model)
    assert line == "0.00 M parameters, 0.00 M of them trained, 0.0 GFLOPs an image"


def test_norm_batch_is_in_all_that_starts_from_nothing(detector):
    _, model = detector
    names, backbone = layer_names(model), backbone_layers(model)
    for layer in model.layers:
        is_convolution = isinstance(
            layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose
        )
        if layer in backbone or not is_convolution or "_mbox_" in layer.name:
            continue
        assert f"{layer.name}_batchnorm" in names
        assert not layer.use_bias


@pytest.mark.parametrize("neck", ["ssd", "light"])
def test_norm_none_has_no_norms(neck):
    model = build(Architecture("squeezenet", NUM_CLASSES, neck=neck, norm="none"))
    assert not [layer for layer in model.layers if isinstance(layer, BatchNorm)]
    assert model.get_layer("conv6_1").use_bias
    check_structure(model, 256)


def test_pretrained_extractor_is_the_published_plain_one():
    model = build(Architecture("squeezenet", NUM_CLASSES, pretrained=True))
    names = layer_names(model)
    assert model.get_layer("fire5_squeeze1x1").use_bias
    assert (
        not {
            "conv1_batchnorm",
            "fire5_squeeze1x1_batchnorm",
            "fire8_squeeze1x1_batchnorm",
        }
        & names
    )
    assert {
        "conv4_0_batchnorm",
        "fire9_squeeze1x1_batchnorm",
        "conv6_2_batchnorm",
    } <= names


def test_layer_names_hold_when_built_again(detector):
    architecture, model = detector
    names = [layer.name for layer in model.layers]
    assert names == [layer.name for layer in build(architecture).layers]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "vgg_16"}, "vgg_16.*Did you mean vgg16"),
        ({"backbone": "resnet"}, "resnet.*Did you mean resnet50"),
        ({"neck": "lihgt"}, "lihgt.*Did you mean light"),
        ({"norm": "bacth"}, "bacth.*Did you mean batch"),
        ({"layout": "cooc"}, "cooc.*Did you mean coco"),
        ({"layout": "legacy"}, "legacy goes with --neck ssd"),
        ({"backbone": "xyzzy"}, "choose from vgg16, vgg19"),
        ({"backbone": "MobilNet"}, "such as MobileNetV3Large. Did you mean MobileNet"),
        ({"neck": "native"}, "squeezenet is no classifier of keras.applications"),
        ({"width": 0.5}, "--alpha 0.5: squeezenet has one width"),
    ],
)
def test_unknown_names(options, message):
    with pytest.raises(ValueError, match=message):
        Architecture(**{"backbone": "squeezenet", "num_classes": 3, **options})


def test_weights_for_a_backbone_without():
    with pytest.raises(ValueError, match="none for small"):
        pretrained_backbone(Architecture("small", 3), "imagenet")


# layers


@pytest.mark.core
def test_preprocessing_by_hand():
    image = np.uint8([[[[10, 20, 30]]]])  # R, G, B
    caffe = numpy(Preprocess("caffe")(image))[0, 0, 0]
    # keras.applications.imagenet_utils: B, G, R minus their means
    assert caffe == pytest.approx([30 - 103.939, 20 - 116.779, 10 - 123.68], abs=1e-4)
    torch = numpy(Preprocess("torch")(image))[0, 0, 0]
    # PyTorch's ImageNet: 0..1, minus its means, by its standard deviations
    expected = np.array([10, 20, 30]) / 255 - [0.485, 0.456, 0.406]
    assert torch == pytest.approx(expected / [0.229, 0.224, 0.225], abs=1e-4)
    tf = numpy(Preprocess("tf")(np.uint8([[[[0, 127, 255]]]])))[0, 0, 0]
    assert tf == pytest.approx([-1, 127 / 127.5 - 1, 1], abs=1e-6)


MEANS = {  # colours (R, G, B) of a pixel; what each detector's authors subtract
    # torchvision/models/detection/ssd.py: image_mean of 0..1, image_std 1/255
    "torchvision": [10 - 255 * 0.48235, 20 - 255 * 0.45882, 30 - 255 * 0.40784],
    # weiliu89/caffe ssd_pascal.py: mean_value 104, 117, 123 of B, G, R
    "ssd": [30 - 104, 20 - 117, 10 - 123],
    # amdegroot/ssd.pytorch data/__init__.py: the same means, RGB
    "ssd_rgb": [10 - 123, 20 - 117, 30 - 104],
    "bgr": [30, 20, 10],
    "none": [10, 20, 30],
}


@pytest.mark.core
@pytest.mark.parametrize("mode", MEANS)
def test_preprocessing_of_published_detectors(mode):
    colours = numpy(Preprocess(mode)(np.uint8([[[[10, 20, 30]]]])))[0, 0, 0]
    assert colours == pytest.approx(MEANS[mode], abs=1e-4)


@pytest.mark.core
def test_l2norm_by_hand():
    features = np.float32([[[[3, 4], [0, 0]]]])
    assert numpy(L2Norm()(features)) == pytest.approx(
        np.array([[[[12, 16], [0, 0]]]]), abs=1e-4
    )
    large = L2Norm(dtype="float16")(np.float16([[[[3000, 4000]]]]))
    assert numpy(large).astype("float32") == pytest.approx(
        np.array([[[[12, 16]]]]), rel=1e-2
    )


# what it computes


def test_save_then_load_is_identical(detector, tmp_path):
    architecture, model = detector
    images, _ = random_images(2)
    path = tmp_path / "x.weights.h5"
    names = [f"class{number}" for number in range(1, NUM_CLASSES)]
    weights.save(model, path, weights.ModelMetadata(architecture, names))
    loaded, description = weights.load(path)
    assert description.architecture == architecture
    expected = infer(model, images)
    assert np.isfinite(expected).all()
    assert np.ptp(expected) > 0.1
    assert np.abs(infer(loaded, images) - expected).max() == 0


def boxes_and_scores(model, images):
    predictions = infer(model, images)
    boxes = numpy(decode(predictions[..., :4], make_priors()))
    logits = predictions[..., 4:]
    scores = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return boxes, scores / scores.sum(axis=-1, keepdims=True)


def test_folded_model_computes_the_same(detector):
    architecture, model = detector
    images, _ = random_images(2, seed=3)
    plain = weights.fold_batchnorm(model, architecture)
    assert not [
        name for name in layer_names(plain) if name.startswith("conv4_1_batchnorm")
    ]
    assert "conv9_2_batchnorm" not in layer_names(plain)
    boxes, scores = boxes_and_scores(model, images)
    plain_boxes, plain_scores = boxes_and_scores(plain, images)
    assert np.abs(plain_boxes - boxes).max() < 1e-4
    assert np.abs(plain_scores - scores).max() < 1e-4


@pytest.mark.core
@pytest.mark.parametrize("neck", ["ssd", "light"])
def test_plain_weights_are_exact_in_a_normalised_model(neck):
    architecture = Architecture("squeezenet", NUM_CLASSES, neck=neck)
    images, _ = random_images(2, seed=4)
    plain, normalised = build(architecture.without_batchnorm()), build(architecture)
    for layer in plain.layers:  # biases start at 0, which would hide them
        if getattr(layer, "use_bias", False):
            bias = np.random.default_rng(5).normal(0, 0.1, layer.bias.shape)
            layer.bias.assign(bias)
    arrays = weights.folded_arrays(plain)
    filled = weights.fill(normalised, arrays)
    assert set(filled) == {layer.name for layer in plain.layers if layer.weights}
    expected = infer(plain, images)
    received = infer(normalised, images)
    assert np.abs(received - expected).max() < 1e-5 * np.abs(expected).max()
    for name, values in weights.folded_arrays(normalised).items():  # and back
        for value, before in zip(values, arrays[name], strict=True):
            np.testing.assert_allclose(value, before, rtol=1e-5, atol=1e-6)


def test_fill_refuses_another_shape():
    model = build(Architecture("squeezenet", NUM_CLASSES, norm="none"))
    with pytest.raises(ValueError, match=r"layer conv1: .*\(3, 3, 3, 64\)"):
        weights.fill(model, {"conv1": [np.zeros((3, 3, 3, 8)), np.zeros(8)]})
