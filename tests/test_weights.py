"""Weights files: whole or not at all, understood or refused in one line."""

import errno
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import applications

from models import Architecture, build, start, weights
from models.__main__ import main
from models.weights import Description

LAYERS = ("squeeze1x1", "expand1x1", "expand3x3")  # of each of SqueezeNet's modules
ARCHITECTURE = Architecture("squeezenet", 3)
IMAGE = np.random.default_rng(0).integers(0, 255, (1, 300, 300, 3), dtype="uint8")


@pytest.fixture(scope="module")
def model():
    return build(ARCHITECTURE)


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    """A weights file that tests only read."""
    path = tmp_path_factory.mktemp("saved") / "best.weights.h5"
    weights.save(model, path, Description(ARCHITECTURE, ["cat", "dog"], 0.4, 0.7))
    return path


def infer(model):
    return keras.ops.convert_to_numpy(model(IMAGE, training=False))


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


# the description


UNSOUND = [  # what a file's description says, and what the error names
    ({"class_names": ["cat"]}, "1 class names for 3"),
    ({"class_names": 5}, "list of names"),
    ({"threshold": "high"}, "threshold"),
    ({"threshold": 1.5}, "threshold"),
    ({"colour": "red"}, "colour"),
    ({"architecture": {"backbone": "vgg16"}}, "num_classes"),
    ({"architecture": {**ARCHITECTURE.to_dict(), "num_classes": "3"}}, "classes"),
]


@pytest.mark.parametrize(("change", "named"), UNSOUND)
def test_description_that_does_not_fit_together_is_refused(change, named):
    fields = json.loads(Description(ARCHITECTURE, ["cat", "dog"]).to_json())
    with pytest.raises(ValueError, match=named):
        Description.from_json(json.dumps(fields | change))


def test_half_precision_keeps_what_float16_cannot_hold(model, tmp_path):
    norm = model.get_layer("conv4_0_batchnorm")
    before = norm.get_weights()
    norm.set_weights([*before[:3], np.full_like(before[3], 1e6)])
    path = tmp_path / "half.weights.h5"
    weights.save(model, path, Description(ARCHITECTURE, ["cat", "dog"]), half=True)
    norm.set_weights(before)
    loaded, _ = weights.load(path)
    variance = loaded.get_layer("conv4_0_batchnorm").get_weights()[3]
    np.testing.assert_array_equal(variance, 1e6)


@pytest.fixture
def full_disk():
    """No file grows beyond 1 MiB. (Python ignores the signal that comes with it.)"""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="Linux only")
def test_full_disk_is_an_error_not_a_crash(model, saved, tmp_path, request):
    path = tmp_path / "best.weights.h5"
    path.write_bytes(saved.read_bytes())
    request.getfixturevalue("full_disk")  # from here on
    with pytest.raises(OSError, match=r"best\.weights\.h5") as error:
        weights.save(model, path, Description(ARCHITECTURE, ["cat", "dog"]))
    one_line(error)
    assert path.read_bytes() == saved.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_is_halved(saved, tmp_path, capsys):
    output = tmp_path / "half.weights.h5"
    assert main([str(saved), "--half", "--output", str(output)]) == 0
    assert capsys.readouterr().out == f"{output}: cat, dog\n"
    assert output.stat().st_size < 0.6 * saved.stat().st_size
    assert weights.load(output)[1] == weights.describe(saved)
    assert main([str(saved), "--half", "--output", str(output)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_the_command_speaks_without_the_backends_greeting(tmp_path):
    command = [sys.executable, "-m", "models", str(tmp_path / "gone")]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 2 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("python -m models.weights: ") and "no such file" in line


def test_description_there_and_back():
    description = Description(
        Architecture("vgg16", 4, 512, "light", "none", "coco", True),
        ["Katze", "наука", 'quo"te'],
        threshold=0.123,
        f1=0.5,
        training={"epochs": 3},
    )
    text = description.to_json()
    assert Description.from_json(text) == description
    assert set(json.loads(text)["versions"]) == {"keras", "backend"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "3",
        '{"architecture": {}}',
        '{"architecture": {"backbone": "vgg16"}, "class_names": []}',
        '{"architecture": {"backbone": "xyz", "num_classes": 2}, "class_names": ["a"]}',
        '{"class_names": ["a"]}',
        '{"architecture": {"backbone": "vgg16", "num_classes": 2}, "surprise": 1}',
    ],
)
def test_description_that_is_none(text, tmp_path):
    with pytest.raises(ValueError):
        Description.from_json(text)
    path = tmp_path / "odd.weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs[weights.ATTRIBUTE] = text
    with pytest.raises(ValueError, match=r"odd\.weights\.h5: ") as error:
        weights.load(path)
    one_line(error)


@pytest.mark.core
def test_saved_file_says_what_it_is(model, saved):
    loaded, description = weights.load(saved)
    assert description == Description(ARCHITECTURE, ["cat", "dog"], 0.4, 0.7)
    assert np.abs(infer(loaded) - infer(model)).max() == 0
    assert weights.is_detector(saved)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_keep_threshold_changes_nothing_else(model, saved, tmp_path):
    path = tmp_path / "copy.weights.h5"
    path.write_bytes(saved.read_bytes())
    weights.keep_threshold(path, 0.25, 0.9)
    loaded, description = weights.load(path)
    assert description == Description(ARCHITECTURE, ["cat", "dog"], 0.25, 0.9)
    assert np.abs(infer(loaded) - infer(model)).max() == 0
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_half_precision_is_half_the_size_and_loads(model, saved, tmp_path):
    path = tmp_path / "half.weights.h5"
    description = Description(ARCHITECTURE, ["cat", "dog"])
    weights.save(model, path, description, half=True)
    assert path.stat().st_size < 0.6 * saved.stat().st_size
    loaded, received = weights.load(path)
    assert received == description
    for weight, expected in zip(loaded.weights, model.weights, strict=True):
        narrow = np.array(expected).astype("float16").astype("float32")
        np.testing.assert_array_equal(np.array(weight), narrow, err_msg=weight.path)
    weights.keep_threshold(path, 0.1, 0.2)
    assert path.stat().st_size < 0.6 * saved.stat().st_size


# files that don't serve


def cut_short(path, source):
    data = source.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def no_hdf5(path, source):
    path.write_text("<html>404: not found</html>")


def empty(path, source):
    path.write_bytes(b"")


def no_detector(path, source):
    with h5py.File(path, "w") as file:
        file["kernel"] = np.zeros(3)


def folder(path, source):
    path.mkdir()


def missing(path, source):
    pass


def other_backbone(path, source):
    """The description of one detector, the arrays of another."""
    path.write_bytes(source.read_bytes())
    description = Description(Architecture("small", 3, trunk="light"), ["a", "b"])
    with h5py.File(path, "r+") as file:
        file.attrs[weights.ATTRIBUTE] = description.to_json()


def lacks_a_layer(path, source):
    path.write_bytes(source.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["layers/conv2d_5"]


def other_classes(path, source):
    path.write_bytes(source.read_bytes())
    description = Description(Architecture("squeezenet", 5), list("abcd"))
    with h5py.File(path, "r+") as file:
        file.attrs[weights.ATTRIBUTE] = description.to_json()


@pytest.mark.parametrize(
    "spoil",
    [
        cut_short,
        no_hdf5,
        empty,
        no_detector,
        folder,
        missing,
        other_backbone,
        other_classes,
        lacks_a_layer,
    ],
)
def test_file_that_does_not_serve(spoil, saved, tmp_path):
    path = tmp_path / "spoiled.weights.h5"
    spoil(path, saved)
    refused = pytest.raises(ValueError, match=r"spoiled\.weights\.h5: ")
    # warnings go to the screen as well
    with warnings.catch_warnings(action="error"), refused as error:
        weights.load(path)
    assert len(one_line(error)) < 500


def test_load_into_another_model(saved):
    other = build(Architecture("small", 3, trunk="light"))
    with pytest.raises(ValueError, match="does not fit small") as error:
        weights.load_into(other, saved)
    assert str(saved) in one_line(error)


def disk_full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_a_bit_then_fail(model, path, **_):
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"a part of the file")
    disk_full()


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    ("owner", "name", "failure"),
    [
        (os, "fsync", disk_full),
        (keras.Model, "save_weights", disk_full),
        (keras.Model, "save_weights", write_a_bit_then_fail),
    ],
)
def test_failing_write_leaves_what_was_there(
    model, saved, tmp_path, monkeypatch, owner, name, failure, old
):
    path = tmp_path / "best.weights.h5"
    if old:
        path.write_bytes(saved.read_bytes())
    monkeypatch.setattr(owner, name, failure)
    with pytest.raises(OSError, match=r"best\.weights\.h5.*No space left") as error:
        weights.save(model, path, Description(ARCHITECTURE, ["x", "y"]))
    one_line(error)
    assert [file.name for file in tmp_path.iterdir()] == [path.name] * old
    if old:
        assert path.read_bytes() == saved.read_bytes()


def test_failing_threshold_leaves_what_was_there(saved, tmp_path, monkeypatch):
    path = tmp_path / "best.weights.h5"
    path.write_bytes(saved.read_bytes())
    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError):
        weights.keep_threshold(path, 0.9, 0.9)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == saved.read_bytes()


def test_file_is_on_disk_before_it_takes_its_place(model, saved, tmp_path, monkeypatch):
    path = tmp_path / "best.weights.h5"
    events = []
    fsync, replace = os.fsync, os.replace

    def record_fsync(handle):
        events.append("fsync")
        fsync(handle)

    def record_replace(source, target):
        events.append("replace")
        assert weights.is_detector(source)  # whole, description and all
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "replace", record_replace)
    weights.save(model, path, Description(ARCHITECTURE, ["x", "y"]))
    assert events[:2] == ["fsync", "replace"]


# ImageNet files of extractors


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
def test_extractor_file_fills_extractor_and_light_trunk(text, tmp_path):
    arrays = squeezenet_arrays(np.random.default_rng(1))
    write_legacy(tmp_path / "squeezenet.h5", arrays, text=text)
    architecture = Architecture("squeezenet", 3, pretrained=True)
    model = build(architecture, str(tmp_path / "squeezenet.h5"))
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


def test_extractor_file_with_trunk_ssd_fills_the_extractor_only(tmp_path):
    arrays = squeezenet_arrays(np.random.default_rng(2))
    path = tmp_path / "squeezenet.h5"
    write_legacy(path, arrays)
    architecture = Architecture("squeezenet", 3, trunk="ssd", pretrained=True)
    model = build(architecture)
    assert set(weights.fill_by_name(model, path)) == conv_names(range(2, 6))
    check_filled(model, {k: v for k, v in arrays.items() if k[4:5] in ("1", *"2345")})


def test_wide_adapter_lets_fire6_start_from_nothing(tmp_path):
    arrays = squeezenet_arrays(np.random.default_rng(4))
    path = tmp_path / "squeezenet.h5"
    write_legacy(path, arrays)
    model = build(Architecture("squeezenet", 3, 512, pretrained=True), str(path))
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
    model = build(architecture)
    assert set(weights.fill_by_name(model, path)) == conv_names(range(2, 10))
    check_filled(model, arrays)
    model, received = start.start(ARCHITECTURE, str(path), ["cat", "dog"])
    assert received.pretrained
    del arrays["fire9/squeeze1x1"], arrays["fire9/expand1x1"], arrays["fire9/expand3x3"]
    check_filled(model, arrays)


@pytest.mark.parametrize("pretrained", [True, False])
def test_file_of_another_extractor_is_refused(shared, pretrained):
    path = shared / "weights/mobilenet_2_5_224_tf_no_top.h5"
    architecture = Architecture("squeezenet", 3, pretrained=pretrained)
    with pytest.raises(ValueError, match="does not fit squeezenet: layer conv1") as e:
        build(architecture, str(path))
    assert path.name in one_line(e)


@pytest.mark.parametrize("spoil", [cut_short, no_hdf5, empty, missing, no_detector])
def test_extractor_file_that_does_not_serve(spoil, saved, tmp_path):
    path = tmp_path / "spoiled.h5"
    spoil(path, saved)
    with pytest.raises(ValueError, match=r"spoiled\.h5") as error:
        start.start(ARCHITECTURE, str(path), ["cat", "dog"])
    one_line(error)


def test_extractor_file_without_known_layers(tmp_path):
    write_legacy(tmp_path / "x.h5", {"block1": [np.zeros((1, 1, 3, 4)), np.zeros(4)]})
    with pytest.raises(ValueError, match="no layer of it is one of squeezenet's"):
        build(ARCHITECTURE, str(tmp_path / "x.h5"))


@pytest.mark.parametrize("name", ["vgg16", "ssd300"])
def test_file_of_keras_applications_fills_the_extractor(name, tmp_path):
    keras.utils.set_random_seed(3)
    published = applications.VGG16(include_top=False, weights=None)
    path = tmp_path / "vgg16.weights.h5"
    published.save_weights(path)
    keras.utils.set_random_seed(4)
    wanted = Architecture(name, 3, trunk="light")
    model, architecture = start.start(wanted, str(path), ["cat", "dog"])
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
def test_keras_applications_file_that_does_not_serve(name, spoil, saved, tmp_path):
    path = tmp_path / "spoiled.weights.h5"
    spoil(path, saved)
    refused = pytest.raises(ValueError, match=rf"spoiled\.weights\.h5.*{name}")
    with warnings.catch_warnings(action="error"), refused as error:
        build(Architecture(name, 3, trunk="light", pretrained=True), str(path))
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
        build(Architecture(name, 3, trunk="light", pretrained=True), "imagenet")
    text = one_line(error)
    assert "Name or service not known" in text
    assert "go online" in text
    assert "--weights none" in text


# download


class Server:
    """A folder over HTTP on this machine."""

    def __init__(self, folder):
        def handler(*args):
            return Quiet(*args, directory=folder)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A server of a folder with extractor.h5; Keras keeps downloads in tmp_path."""
    from keras.src.utils import file_utils

    folder = tmp_path / "served"
    folder.mkdir()
    write_legacy(folder / "extractor.h5", squeezenet_arrays(np.random.default_rng(6)))
    (tmp_path / "keras").mkdir()  # Keras takes another folder where it is missing
    monkeypatch.setattr(
        file_utils.config, "keras_home", lambda: str(tmp_path / "keras")
    )
    server = Server(folder)
    yield server, folder / "extractor.h5"
    server.close()


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_download_comes_once(served, tmp_path):
    server, source = served
    url = f"{server.url}/extractor.h5"
    received = weights.download(url, md5(source))
    assert received == str(tmp_path / "keras" / "models" / "extractor.h5")
    with open(received, "rb") as file:  # noqa: PTH123
        assert file.read() == source.read_bytes()
    expected = md5(source)
    server.close()
    assert weights.download(url, expected) == received  # from the cache


def check_download_fails(url, hash_of_file):
    with pytest.raises(ValueError, match="could not be fetched") as error:
        weights.download(url, hash_of_file)
    text = one_line(error)
    assert url in text
    assert "--weights FILE" in text


def test_download_of_another_file(served):
    server, _ = served
    check_download_fails(f"{server.url}/extractor.h5", "0" * 32)


def test_download_of_a_missing_file(served):
    server, source = served
    check_download_fails(f"{server.url}/gone.h5", md5(source))


def test_download_without_a_server(served):
    server, source = served
    server.close()
    check_download_fails(f"{server.url}/extractor.h5", md5(source))


def test_imagenet_of_squeezenet_is_downloaded_and_fills(served, monkeypatch):
    server, source = served
    module = ARCHITECTURE.module
    address = (f"{server.url}/extractor.h5", md5(source))
    monkeypatch.setattr(module, "IMAGENET", address)
    model, architecture = start.start(ARCHITECTURE, "imagenet", ["cat", "dog"])
    assert architecture.pretrained
    arrays = squeezenet_arrays(np.random.default_rng(6), modules=range(2, 9))
    check_filled(model, arrays)


# where a training starts from


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_start_from_a_detector(model, saved, norm):
    wanted = Architecture("squeezenet", 3, norm=norm)
    received, architecture = start.start(wanted, str(saved), ["cat", "dog"])
    assert architecture == wanted
    expected = infer(model)
    tolerance = 0 if norm == "batch" else 1e-4 * np.abs(expected).max()  # rounding
    assert np.abs(infer(received) - expected).max() <= tolerance


def test_start_from_a_detector_keeps_its_plain_extractor(tmp_path):
    theirs = Architecture("squeezenet", 3, pretrained=True)
    path = tmp_path / "pretrained.weights.h5"
    weights.save(build(theirs), path, Description(theirs, ["cat", "dog"]))
    assert start.start(ARCHITECTURE, str(path), ["cat", "dog"])[1] == theirs


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        (Architecture("vgg16", 3), ["cat", "dog"]),
        (ARCHITECTURE, ["dog", "cat"]),
        (Architecture("squeezenet", 2), ["cat"]),
        (Architecture("squeezenet", 3, 512), ["cat", "dog"]),
        (Architecture("squeezenet", 3, trunk="ssd"), ["cat", "dog"]),
        (Architecture("squeezenet", 3, layout="coco"), ["cat", "dog"]),
    ],
)
def test_start_from_another_detector_is_refused(saved, architecture, names):
    with pytest.raises(ValueError, match=r"expected .*received") as error:
        start.start(architecture, str(saved), names)
    one_line(error)
