"""VGG's later blocks and dense layers in the neck `ssd`."""

import h5py
import keras
import numpy as np
import pytest
from keras import applications, ops

from models import Architecture
from models.weights.initialise import freeze, initialise_weights
from models.weights.vgg_blocks import fill_deep, fill_sampled

CONVOLUTIONS = [f"conv{block}_{number}" for block in (4, 5) for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory):
    return with_file(applications.VGG16, tmp_path_factory.mktemp("vgg"))


@pytest.fixture(scope="module")
def vgg19(tmp_path_factory):
    return with_file(applications.VGG19, tmp_path_factory.mktemp("vgg"))


def with_file(kind, folder):
    """A VGG with weights of its own, and their file."""
    keras.utils.set_random_seed(3)
    model = kind(include_top=False, weights=None)
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, bias + np.linspace(-1, 1, len(bias))])
    path = folder / "vgg.weights.h5"
    model.save_weights(path)
    return model, str(path)


def kernels(model, name):
    return [ops.convert_to_numpy(weight) for weight in model.get_layer(name).weights]


@pytest.mark.parametrize(
    ("backbone", "vgg"), [("vgg16", "vgg16"), ("ssd300", "vgg16"), ("vgg19", "vgg19")]
)
def test_blocks_fill_backbone_and_neck(backbone, vgg, request):
    classifier, path = request.getfixturevalue(vgg)
    architecture = Architecture(backbone, 3, reuse="deep")
    model, architecture = initialise_weights(architecture, path, ["a", "b"])
    assert architecture.pretrained
    names = {layer.name for layer in model.layers}
    for block, number in [(1, 1), (3, 3), (4, 1), (4, 3), (5, 3)]:
        theirs, ours = f"block{block}_conv{number}", f"conv{block}_{number}"
        ours = theirs if theirs in names else ours
        for a, b in zip(kernels(model, ours), kernels(classifier, theirs), strict=True):
            np.testing.assert_array_equal(a, b)
    # what ImageNet fills is plain, what begins from nothing is normalised
    assert not {f"{name}_batchnorm" for name in CONVOLUTIONS} & names
    assert {"fc6_batchnorm", "conv6_1_batchnorm"} <= names
    freeze(model)
    assert model.get_layer("conv4_1").trainable


def test_the_ordinary_ssd300_computes_what_vgg16_does(vgg16):
    classifier, path = vgg16
    model, _ = initialise_weights(
        Architecture("ssd300", 3, reuse="deep"), path, ["a", "b"]
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1, 300, 300, 3), dtype="uint8")
    ours = keras.Model(model.input, model.get_layer("conv4_3_relu").output)
    theirs = keras.Model(classifier.input, classifier.get_layer("block4_conv3").output)
    prepared = applications.vgg16.preprocess_input(images.astype("float32"))
    ours, theirs = ours(images), theirs(prepared)
    # pool3 is `same` here, `valid` there: 38 cells and 37
    ours, theirs = (ops.convert_to_numpy(x)[:, :30, :30] for x in (ours, theirs))
    assert np.abs(theirs).max() > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-2)


def full_file(path, classifier):
    """A legacy HDF5 file with the dense layers, constant but for some cells."""
    names = [layer.name for layer in classifier.layers if layer.weights]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [*names, "fc1", "fc2"]
        for name in names:
            kernel, bias = classifier.get_layer(name).get_weights()
            write(file, name, {f"{name}_W": kernel, f"{name}_b": bias})
        cells = np.zeros((7, 7, 512, 4096), "float32")
        cells[3, 6] = np.arange(512)[:, None] + np.arange(4096) / 4096
        kernel = cells.reshape(25088, 4096)
        write(file, "fc1", {"fc1_W": kernel, "fc1_b": np.arange(4096)})
        kernel = np.arange(4096)[:, None] + np.arange(4096) / 4096
        write(file, "fc2", {"fc2_W": kernel, "fc2_b": -np.arange(4096)})


def write(file, name, arrays):
    group = file.create_group(name)
    group.attrs["weight_names"] = list(arrays)
    for key, values in arrays.items():
        group.create_dataset(key, data=np.asarray(values, "float32"))


def test_a_full_file_fills_fc6_and_fc7(vgg16, tmp_path):
    full_file(tmp_path / "full.h5", vgg16[0])
    architecture = Architecture("vgg16", 3, norm="none", reuse="deep")
    path = str(tmp_path / "full.h5")
    model, architecture = initialise_weights(architecture, path, ["a", "b"])
    assert fill_deep(model, architecture.definition.application, path) == [
        *CONVOLUTIONS,
        "fc6",
        "fc7",
    ]
    np.testing.assert_array_equal(
        kernels(model, "block2_conv1")[0], kernels(vgg16[0], "block2_conv1")[0]
    )
    kernel, bias = kernels(model, "fc6")
    assert not kernel[:, :2].any()
    # cell 3, 6 of 7x7 is cell 1, 2 of 3x3; every fourth filter
    expected = np.arange(512)[:, None] + np.arange(1024) / 1024
    np.testing.assert_allclose(kernel[1, 2], expected, rtol=1e-5)
    np.testing.assert_array_equal(bias, 4 * np.arange(1024))
    kernel, bias = kernels(model, "fc7")
    expected = 4 * np.arange(1024)[:, None] + np.arange(1024) / 1024
    np.testing.assert_allclose(kernel[0, 0], expected, rtol=1e-5)
    np.testing.assert_array_equal(bias, -4 * np.arange(1024))


def test_a_normalised_layer_takes_the_kernel_only():
    x = keras.Input((4, 4, 2))
    y = keras.layers.Conv2D(2, 3, use_bias=False, name="fc6")(x)
    y = keras.layers.BatchNormalization(name="fc6_batchnorm")(y)
    model = keras.Model(x, y)
    kernel = np.arange(7 * 7 * 2 * 4).reshape(7 * 7 * 2, 4)
    fill_sampled(model, "fc6", kernel, np.ones(4))
    by_hand = [
        [
            [kernel[(row * 7 + column) * 2 + c][::2] for c in range(2)]
            for column in cells
        ]
        for cells in [(0, 3, 6)]
        for row in (0, 3, 6)
    ]
    np.testing.assert_array_equal(kernels(model, "fc6")[0], by_hand)
    assert not model.get_layer("fc6_batchnorm").get_weights()[1].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "vgg16", "adapter_filters": 512}, "256 adapter filters"),
        ({"backbone": "vgg16", "neck": "light"}, "goes with --neck ssd"),
    ],
)
def test_what_it_does_not_go_with(options, message):
    with pytest.raises(ValueError, match=message):
        Architecture(num_classes=3, reuse="deep", **options)


@pytest.mark.parametrize("name", ["squeezenet", "small", "resnet50", "MobileNet"])
def test_other_backbones_have_no_such_blocks(name, vgg16):
    classifier = Architecture(name, 3, neck="ssd").definition.application
    with pytest.raises(ValueError, match=r"--reuse deep needs VGG.* vgg16"):
        fill_deep(keras.Sequential(), classifier, vgg16[1])


@pytest.mark.parametrize(
    ("file", "expected"),
    [("missing.h5", "missing.h5: no such file"), ("cut.h5", "cut.h5.*block5_conv3 is")],
)
def test_files_without_those_blocks(file, expected, vgg16, tmp_path):
    with h5py.File(tmp_path / "cut.h5", "w") as cut:
        cut.attrs["layer_names"] = ["block1_conv1"]
        kernel, bias = vgg16[0].get_layer("block1_conv1").get_weights()
        write(cut, "block1_conv1", {"a": kernel, "b": bias})
    classifier = Architecture("vgg16", 3, reuse="deep").definition.application
    with pytest.raises(ValueError, match=expected):
        fill_deep(keras.Sequential(), classifier, str(tmp_path / file))
