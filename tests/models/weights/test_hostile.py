"""Weights files from strangers: refused in one line, before they cost memory."""

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from models import Architecture, build, weights
from models.weights import hdf5, hdf5_attributes, initialise
from models.weights.initialise import pretrained_backbone

ARCHITECTURE = Architecture("squeezenet", 2, norm="none")


@pytest.fixture(scope="module")
def model():
    return build(ARCHITECTURE)


@pytest.fixture(scope="module")
def sound(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "sound.weights.h5"
    weights.save(model, path, weights.ModelMetadata(ARCHITECTURE, ["cat"]))
    return path


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.full(4, 42.0, "float32")
    return path


def first_array(file):
    names = []
    file.visititems(lambda n, item: names.append(n) if hasattr(item, "shape") else None)
    return names[0]


def external_link(file, name, secret):
    del file[name]
    file[name] = h5py.ExternalLink(str(secret), "/data")


def soft_link(file, name, secret):
    del file[name]
    file[name] = h5py.SoftLink("/somewhere")


def external_data(file, name, secret):
    shape = file[name].shape
    del file[name]
    external = [(str(secret), 0, h5py.h5f.UNLIMITED)]
    file.create_dataset(name, shape, "float32", external=external)


def virtual_data(file, name, secret):
    del file[name]
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource(str(secret), "data", (4,))
    file.create_virtual_dataset(name, layout)


def absurd_shape(file, name, secret):
    del file[name]
    file.create_dataset(name, (10**6, 10**6), "float32", chunks=(1000, 1000))


def compressed(file, name, secret):
    del file[name]
    file.create_dataset(name, data=np.zeros(10**6, "float32"), compression="gzip")


def objects(file, name, secret):
    del file[name]
    file.create_dataset(name, data=["x" * 9], dtype=h5py.string_dtype())


def twice(file, name, secret):
    file["again"] = file[name]


def circle(file, name, secret):
    file["circle"] = file["/"]


def deep(file, name, secret):
    file.create_group("/".join("abcdefghij" * 10))


CRAFTS = [
    (external_link, "link"),
    (soft_link, "link"),
    (external_data, "another file"),
    (virtual_data, "another file"),
    (absurd_shape, "takes 4000000000000 bytes"),
    (compressed, "takes 4000000 bytes"),
    (objects, "expected numbers"),
    (twice, "there twice"),
    (circle, "twice|deep"),
    (deep, "deep"),
]


@pytest.mark.parametrize(("craft", "words"), CRAFTS)
def test_crafted_files_are_refused(craft, words, model, sound, secret, tmp_path):
    path = tmp_path / "crafted.weights.h5"
    path.write_bytes(sound.read_bytes())
    with h5py.File(path, "r+") as file:
        craft(file, first_array(file), secret)
    before = [array.copy() for array in model.get_weights()]
    ways = (
        lambda file: weights.read_detector(file).fill(model),
        lambda file: pretrained_backbone(Architecture("vgg16", 2), str(file)),
    )
    for read in ways:
        with pytest.raises(ValueError, match=words) as error:
            read(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
    for now, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, value)


def test_a_heap_that_never_ends(sound, tmp_path):
    # found by benchmarks.fuzz: libhdf5 walks free space of no bytes for ever
    path = tmp_path / "endless.weights.h5"
    content = bytearray(sound.read_bytes())
    heap = content.index(b"GCOL")
    first = heap + 16
    size = int.from_bytes(content[first + 8 : first + 16], "little")
    second = first + 16 + -(-size // 8) * 8
    content[second : second + 16] = bytes(16)
    for reserved in (0, 0x76):  # bytes that libhdf5 does not look at
        content[heap + 7] = reserved
        path.write_bytes(content)
        with pytest.raises(ValueError, match="does not end"):
            weights.read_detector(path)


def test_a_block_of_a_driver(sound, tmp_path):
    # found by benchmarks.fuzz: libhdf5 takes as much memory as such a block claims
    path = tmp_path / "driver.weights.h5"
    content = bytearray(sound.read_bytes())
    assert content[8] == 0 and content[48:56] == b"\xff" * 8  # superblock, version 0
    content[48:56] = (96).to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(ValueError, match="address at byte 48"):
        weights.read_detector(path)


def test_a_text_of_unknown_encoding(tmp_path):
    # found by benchmarks.fuzz: h5py's TypeError; fixed-length ASCII texts are
    # class 3, padded by zeros, in the datatype message: HDF5 File Format, IV.A.2.d
    path = tmp_path / "text.weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.bytes_(b"conv1")
    content = path.read_bytes()
    text = b"\x13\x01\x00\x00\x05\x00\x00\x00"
    assert content.count(text) == 1
    path.write_bytes(content.replace(text, b"\x13\x51" + text[2:]))
    with pytest.raises(ValueError, match="not a weights file"):
        weights.read_weights(path)


def test_a_sound_file_passes(sound, model):
    hdf5.read(sound)
    weights.read_detector(sound).fill(model)
    assert weights.read_detector(sound).class_names == ["cat"]


@pytest.mark.parametrize(
    "change",
    [
        {"num_classes": 10**9},
        {"num_classes": -1},
        {"adapter_filters": 10**9},
        {"backbone": "os"},
        {"backbone": "../evil"},
        {"backbone": "__builtins__"},
        {"neck": "exec"},
        {"layout": "none"},
        {"surprise": 1},
    ],
)
def test_descriptions_of_no_detector(change, sound, tmp_path):
    path = tmp_path / "crafted.weights.h5"
    path.write_bytes(sound.read_bytes())
    with h5py.File(path, "r+") as file:
        fields = json.loads(file.attrs[weights.ATTRIBUTE])
        fields["architecture"] |= change
        if change.get("num_classes", 0) > 0:
            fields["class_names"] = ["x"] * 10_001
            fields["architecture"]["num_classes"] = 10_002
        file.attrs[weights.ATTRIBUTE] = json.dumps(fields)
    with pytest.raises(ValueError, match="description not understood"):
        weights.load(path)


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "7", "", np.zeros(3), b"\xff"])
def test_attributes_that_are_no_description(text, sound, tmp_path):
    path = tmp_path / "crafted.weights.h5"
    path.write_bytes(sound.read_bytes())
    with h5py.File(path, "r+") as file:
        text = text if isinstance(text, str) else np.array(text)
        file.attrs[weights.ATTRIBUTE] = text
    with pytest.raises(ValueError, match=r"crafted\.weights\.h5"):
        weights.read_detector(path)


def test_models_with_code_are_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = keras.Input((4,))
    trap = Path("run")
    touch = lambda x: (__import__("pathlib").Path("run").touch(), x)[1]  # noqa: E731
    layer = keras.layers.Lambda(touch, output_shape=(4,))
    model = keras.Model(images, keras.layers.Dense(2)(layer(images)))
    model.save("whole.keras")
    model.save("whole.h5")
    trap.unlink(missing_ok=True)
    for name in ("whole.keras", "whole.h5"):
        with pytest.raises(ValueError, match=name):
            initialise.initialise_weights(Architecture("squeezenet", 2), name, ["cat"])
        with pytest.raises(ValueError, match=name):
            weights.load(name)
    assert not trap.exists()


def test_cut_files(sound, tmp_path):
    content = sound.read_bytes()
    path = tmp_path / "cut.weights.h5"
    for share in (0, 0.001, 0.1, 0.5, 0.999):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(ValueError, match=r"cut\.weights\.h5"):
            weights.read_detector(path)


TEXTS = ["kernel", "ein Bäuchlein", ""]
WRITERS = {  # libhdf5's older and newer headers, and what of them has room for more
    "oldest": {"libver": "earliest"},
    "newest": {"libver": "latest"},
    "in order": {"track_order": True},
}


def file_with_texts(path, options):
    """On file, group and array: texts of free length, one of fixed, numbers."""
    with h5py.File(path, "w", **options) as file:
        group = file.create_group("group")
        group["array"] = np.ones((2, 3), "float32")
        for item in (file, group, group["array"]):
            item.attrs["texts"] = TEXTS
            item.attrs["one"] = "x" * 3000
            item.attrs["number"] = np.arange(3)
            item.attrs["fixed"] = np.array([b"abc", b"de"])
            item.attrs["yes"] = True


@pytest.mark.parametrize("options", WRITERS.values(), ids=WRITERS)
def test_texts_of_sound_files_are_read(options, tmp_path):
    path = tmp_path / "x.h5"
    file_with_texts(path, options)
    contents = hdf5.read(path)
    for name in ("", "group"):
        assert list(contents.attributes[name]["texts"]) == TEXTS


@pytest.mark.parametrize("options", WRITERS.values(), ids=WRITERS)
def test_claims_are_the_texts_lengths(options, tmp_path):
    path = tmp_path / "x.h5"
    file_with_texts(path, options)
    data = path.read_bytes()
    with h5py.File(path) as file:
        for item in (file, file["group"], file["group/array"]):
            address = h5py.h5o.get_info(item.id).addr
            claims = [
                hdf5_attributes._claimed(content)
                for kind, _, content in hdf5_attributes._messages(data, address)
                if kind == hdf5_attributes.ATTRIBUTE
            ]
            texts = sum(len(text.encode()) for text in TEXTS)
            assert sorted(claims) == [0, 0, 0, texts, 3000]


@pytest.mark.parametrize("options", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("claim", [0xFFFFFFFF, 0x10000000])
def test_a_text_that_claims_more_than_the_file(options, claim, tmp_path):
    path = tmp_path / "x.h5"
    file_with_texts(path, options)
    content = path.read_bytes()
    length = np.uint32(3000).tobytes()
    places = [at for at in range(len(content)) if content[at : at + 4] == length]
    refused = 0
    for at in places:
        path.write_bytes(content[:at] + np.uint32(claim).tobytes() + content[at + 4 :])
        try:
            hdf5.read(path)
        except ValueError:
            refused += 1
    # of each of the three texts: its claim; in newer headers a checksum finds it first
    assert refused >= 3
