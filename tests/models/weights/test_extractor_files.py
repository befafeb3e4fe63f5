"""ImageNet files of backbones: read, fetched, refused in one line."""

import hashlib
import warnings
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from keras import applications

from models import Architecture, ssd300SqueezeNet_alt
from models.weights import initialise
from models.weights.initialise import pretrained_backbone
from models.weights.published.keras_legacy import download
from tests.helpers.file_server import make_server
from tests.helpers.spoiled_files import (
    cut_short,
    empty,
    missing,
    no_detector,
    no_hdf5,
    one_line,
)

LAYERS = ("squeeze1x1", "expand1x1", "expand3x3")  # of each of SqueezeNet's modules
ARCHITECTURE = Architecture("squeezenet", 3)


def squeezenet_arrays(rng, modules=range(2, 10)):
    """Kernel and bias by published name, of the shapes of SqueezeNet v1.1."""
    widths = {2: 16, 3: 16, 4: 32, 5: 32, 6: 48, 7: 48, 8: 64, 9: 64}
    shapes, channels = {"conv1": (3, 3, 3, 64)}, 64
    for number, width in widths.items():
        expand = width * 4
        shapes[f"fire{number}/squeeze1x1"] = (1, 1, channels, width)
        shapes[f"fire{number}/expand1x1"] = (1, 1, width, expand)
        shapes[f"fire{number}/expand3x3"] = (3, 3, width, expand)
        channels = 2 * expand
    return {
        name: [
            rng.normal(0, 0.1, shape).astype("float32"),
            rng.normal(0, 0.1, shape[-1]).astype("float32"),
        ]
        for name, shape in shapes.items()
        if name == "conv1" or int(name[4]) in modules
    }


def write_legacy(path, arrays, without_weights=("input_1", "drop9"), text=np.bytes_):
    """A Keras 1 file: layer names with slashes, the kernel first.

    `text` np.bytes_ is the published way; h5py gives str where it was a list of bytes.
    """
    with h5py.File(path, "w") as file:
        names = [*without_weights, *arrays]
        file.attrs["layer_names"] = as_attribute(names, text)
        for number, name in enumerate(names):
            group = file.create_group(name)
            values = arrays.get(name, [])
            inner = [f"uniform{number}", f"{name}_b"][: len(values)]
            group.attrs["weight_names"] = as_attribute(inner, text)
            for weight_name, value in zip(inner, values, strict=True):
                group[weight_name] = value


def as_attribute(names, text):
    return np.array(names, "S") if text is np.bytes_ else [n.encode() for n in names]


def check_filled(model, arrays):
    for name, values in arrays.items():
        layer = model.get_layer(name.replace("/", "_"))
        for weight, value in zip(layer.get_weights(), values, strict=True):
            np.testing.assert_array_equal(weight, value, err_msg=name)


def conv_names(modules):
    return {"conv1", *(f"fire{m}_{layer}" for m in modules for layer in LAYERS)}


@pytest.mark.core
@pytest.mark.parametrize("text", [np.bytes_, str])
def test_extractor_file_fills_extractor_and_light_neck(text, tmp_path):
    arrays = squeezenet_arrays(np.random.default_rng(1))
    write_legacy(tmp_path / "squeezenet.h5", arrays, text=text)
    architecture = Architecture("squeezenet", 3, pretrained=True)
    model = pretrained_backbone(architecture, str(tmp_path / "squeezenet.h5"))
    last = {name: arrays.pop(name) for name in list(arrays) if "fire9" in name}
    check_filled(model, arrays)
    for name, (kernel, bias) in last.items():  # normalised: identity statistics
        name = name.replace("/", "_")
        (received,) = model.get_layer(name).get_weights()
        np.testing.assert_array_equal(received, kernel)
        gamma, beta, mean, variance = model.get_layer(f"{name}_batchnorm").get_weights()
        np.testing.assert_array_equal(beta, bias)
        assert (gamma == 1).all()
        assert (mean == 0).all()
        assert variance == pytest.approx(np.full_like(variance, 1 - 1e-3))


def test_extractor_file_with_neck_ssd_fills_the_extractor_only(tmp_path):
    arrays = squeezenet_arrays(np.random.default_rng(2))
    path = tmp_path / "squeezenet.h5"
    write_legacy(path, arrays)
    architecture = Architecture("squeezenet", 3, neck="ssd", pretrained=True)
    model = pretrained_backbone(architecture, str(path))
    check_filled(model, {k: v for k, v in arrays.items() if k[4:5] in ("1", *"2345")})


def test_wide_adapter_lets_fire6_start_from_nothing(tmp_path):
    arrays = squeezenet_arrays(np.random.default_rng(4))
    path = tmp_path / "squeezenet.h5"
    write_legacy(path, arrays)
    architecture = Architecture("squeezenet", 3, 512, pretrained=True)
    model = pretrained_backbone(architecture, str(path))
    assert model.get_layer("fire6_squeeze1x1").kernel.shape == (1, 1, 512, 48)
    assert model.get_layer("fire6_squeeze1x1_batchnorm")
    rest = {k: v for k, v in arrays.items() if k[:5] not in ("fire6", "fire9")}
    check_filled(model, rest)


def test_published_squeezenet_file(shared):
    path = shared / "weights/squeezenet_imagenet_notop.h5"
    with h5py.File(path) as file:
        arrays = {}
        for name in file.attrs["layer_names"]:
            inner = file[name].attrs["weight_names"]
            if len(inner):
                arrays[name.decode()] = [file[name][text][()] for text in inner]
    assert sum(v.size for values in arrays.values() for v in values) == 722_496
    architecture = Architecture("squeezenet", 3, norm="none", pretrained=True)
    model = pretrained_backbone(architecture, str(path))
    check_filled(model, arrays)
    model, received = initialise.initialise_weights(
        ARCHITECTURE, str(path), ["cat", "dog"]
    )
    assert received.pretrained
    del arrays["fire9/squeeze1x1"], arrays["fire9/expand1x1"], arrays["fire9/expand3x3"]
    check_filled(model, arrays)


@pytest.mark.parametrize("pretrained", [True, False])
def test_file_of_another_extractor_is_refused(shared, pretrained):
    path = shared / "weights/mobilenet_2_5_224_tf_no_top.h5"
    architecture = Architecture("squeezenet", 3, pretrained=pretrained)
    with pytest.raises(ValueError, match="none of its layers fits squeezenet") as e:
        pretrained_backbone(architecture, str(path))
    assert path.name in one_line(e)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "whole.h5"
    write_legacy(path, squeezenet_arrays(np.random.default_rng(7)))
    return path


@pytest.mark.parametrize("spoil", [cut_short, no_hdf5, empty, missing, no_detector])
def test_extractor_file_that_does_not_serve(spoil, whole, tmp_path):
    path = tmp_path / "spoiled.h5"
    spoil(path, whole)
    with pytest.raises(ValueError, match=r"spoiled\.h5") as error:
        initialise.initialise_weights(ARCHITECTURE, str(path), ["cat", "dog"])
    one_line(error)


def test_extractor_file_without_known_layers(tmp_path):
    write_legacy(tmp_path / "x.h5", {"block1": [np.zeros((1, 1, 3, 4)), np.zeros(4)]})
    with pytest.raises(ValueError, match="none of its layers fits squeezenet"):
        pretrained_backbone(ARCHITECTURE, str(tmp_path / "x.h5"))


@pytest.mark.parametrize("name", ["vgg16", "ssd300"])
def test_file_of_keras_applications_fills_the_extractor(name, tmp_path):
    keras.utils.set_random_seed(3)
    published = applications.VGG16(include_top=False, weights=None)
    path = tmp_path / "vgg16.weights.h5"
    published.save_weights(path)
    keras.utils.set_random_seed(4)
    wanted = Architecture(name, 3, neck="light")
    model, architecture = initialise.initialise_weights(
        wanted, str(path), ["cat", "dog"]
    )
    assert architecture.pretrained
    for block, count in ((1, 2), (2, 2), (3, 3)):
        for number in range(1, count + 1):
            source = published.get_layer(f"block{block}_conv{number}")
            own = source.name if name == "vgg16" else f"conv{block}_{number}"
            received = model.get_layer(own).get_weights()
            for value, expected in zip(received, source.get_weights(), strict=True):
                np.testing.assert_array_equal(value, expected, err_msg=own)


@pytest.mark.parametrize("name", ["vgg16", "ssd300"])
@pytest.mark.parametrize("spoil", [cut_short, no_hdf5, missing, no_detector])
def test_keras_applications_file_that_does_not_serve(name, spoil, whole, tmp_path):
    path = tmp_path / "spoiled.weights.h5"
    spoil(path, whole)
    refused = pytest.raises(ValueError, match=r"spoiled\.weights\.h5")
    with warnings.catch_warnings(action="error"), refused as error:
        pretrained_backbone(
            Architecture(name, 3, neck="light", pretrained=True), str(path)
        )
    one_line(error)


@pytest.mark.parametrize(
    "name", ["vgg16", "vgg19", "resnet50", "inceptionv3", "ssd300"]
)
def test_imagenet_without_a_network_says_what_to_do(name, tmp_path, monkeypatch):
    from keras.src.utils import file_utils

    def offline(origin, *_):
        raise file_utils.urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(file_utils, "urlretrieve", offline)
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    assert file_utils.get_file.__globals__["urlretrieve"] is offline
    with pytest.raises(ValueError, match="--weights imagenet") as error:
        pretrained_backbone(
            Architecture(name, 3, neck="light", pretrained=True), "imagenet"
        )
    text = one_line(error)
    assert "Name or service not known" in text
    assert "go online" in text
    assert "--weights none" in text


# fetched


@pytest.fixture
def served(server, tmp_path, monkeypatch):
    """Address and MD5 of a file on the server; Keras keeps what it fetched in home."""
    from keras.src.utils import file_utils

    home = tmp_path / "home"
    home.mkdir()  # Keras takes another folder where it is missing
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(home))
    path = tmp_path / "backbone.h5"
    write_legacy(path, squeezenet_arrays(np.random.default_rng(6)))
    content = server.files["/extractor.h5"] = path.read_bytes()
    return f"{server.url}/extractor.h5", hashlib.md5(content).hexdigest()


def test_download_comes_once(served, server, tmp_path):
    path = tmp_path / "home/models/extractor.h5"
    assert download(*served) == str(path)
    assert path.read_bytes() == server.files["/extractor.h5"]
    server.files.clear()
    assert download(*served) == str(path)  # from the cache
    assert len(server.ranges) == 1


def check_download_fails(url, hash_of_file):
    with pytest.raises(ValueError, match="could not be fetched") as error:
        download(url, hash_of_file)
    text = one_line(error)
    assert url in text
    assert "--weights FILE" in text


def test_download_of_another_file(served):
    check_download_fails(served[0], "0" * 32)


def test_download_of_a_missing_file(served, server):
    check_download_fails(f"{server.url}/gone.h5", served[1])


def test_download_without_a_server(served):
    gone = make_server()
    gone.server_close()
    check_download_fails(f"{gone.url}/extractor.h5", served[1])


def test_imagenet_of_squeezenet_is_downloaded_and_fills(served, monkeypatch):
    backbone = replace(ssd300SqueezeNet_alt.BACKBONE, imagenet=served)
    monkeypatch.setattr(ssd300SqueezeNet_alt, "BACKBONE", backbone)
    model, architecture = initialise.initialise_weights(
        ARCHITECTURE, "imagenet", ["cat", "dog"]
    )
    assert architecture.pretrained
    arrays = squeezenet_arrays(np.random.default_rng(6), modules=range(2, 9))
    check_filled(model, arrays)
