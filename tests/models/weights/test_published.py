"""Published SSD300s: recognised by content, every layer at its place."""

import h5py
import keras
import numpy as np
import pytest

from models import Architecture, build, weights
from models.weights import initialise, transfer
from models.weights.arrays import fill, folded_arrays
from models.weights.published.class_names import COCO, COCO_BY_ID, VOC
from models.weights.published.ssd300s import CONVOLUTIONS, HEADS
from ssd_utils import make_priors
from tests.helpers.torch_files import state_of, write_older, write_zip

PRIORS = (4, 6, 6, 6, 4, 4)
# torchvision's and amdegroot's names, as their state dicts list them
TORCHVISION = [
    *(f"backbone.features.{n}" for n in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21)),
    *("backbone.extra.0.1", "backbone.extra.0.3", "backbone.extra.0.5"),
    *("backbone.extra.0.7.1", "backbone.extra.0.7.3"),
    *(f"backbone.extra.{block}.{n}" for block in (1, 2, 3, 4) for n in (0, 2)),
]
AMDEGROOT = [
    *(f"vgg.{n}" for n in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28, 31, 33)),
    *(f"extras.{n}" for n in range(8)),
]


def state_dict(names, norm, offsets, logits, num_classes, arrays=None):
    """Kernels of one number each, the layer's place; or a model's arrays."""
    state = {norm: np.float32([20.0])} if arrays is None else {}
    heads = [(offsets, 4), (logits, num_classes)]
    ours = [f"{source}_mbox_{part}" for part in ("loc", "conf") for source in HEADS]
    theirs = [pattern.format(n) for pattern, _ in heads for n in range(6)]
    sizes = [count * size for _, size in heads for count in PRIORS]
    places = [*zip(names, CONVOLUTIONS, [2] * len(names), strict=True)]
    places += zip(theirs, ours, sizes, strict=True)
    for number, (name, layer, size) in enumerate(places):
        if arrays is None:
            kernel = np.full((size, 1, 1, 1), number, "float32")
            bias = np.full(size, -number, "float32")
        else:
            kernel, bias = arrays[layer]
            kernel = kernel.transpose(3, 2, 0, 1)
        state |= {f"{name}.weight": kernel, f"{name}.bias": bias}
    if arrays is not None:
        state[norm] = arrays[HEADS[0]][0]
    return state


def torchvision_state(num_classes, arrays=None):
    head = "head.{}_head.module_list.{{}}"
    return state_dict(
        TORCHVISION,
        "backbone.scale_weight",
        head.format("regression"),
        head.format("classification"),
        num_classes,
        arrays,
    )


def amdegroot_state(num_classes, arrays=None):
    names = (AMDEGROOT, "L2Norm.weight", "loc.{}", "conf.{}")
    return state_dict(*names, num_classes, arrays)


@pytest.mark.parametrize(
    ("state", "write", "origin", "layout", "count"),
    [
        (torchvision_state, write_zip, "torchvision", "coco", 91),
        (torchvision_state, write_zip, "torchvision", "coco", 5),
        (amdegroot_state, write_older, "amdegroot", "voc_clipped", 21),
    ],
)
def test_state_dicts(state, write, origin, layout, count, tmp_path):
    write(tmp_path / "mine.bin", state_of(state(count)))
    published = weights.read_weights(tmp_path / "mine.bin")
    assert published.origin == origin
    assert published.architecture.layout == layout
    assert published.architecture.num_classes == count == len(published.class_names) + 1
    ours = [f"{source}_mbox_{part}" for part in ("loc", "conf") for source in HEADS]
    for number, name in enumerate([*CONVOLUTIONS, *ours]):
        kernel, bias = published.stored[name]
        assert kernel.ravel()[0] == number
        assert bias[0] == -number
    assert published.stored["conv4_3_norm"][0].tolist() == [20.0]


def test_names_of_classes():
    assert VOC.split(", ")[14] == "person"
    assert len(COCO.split(", ")) == 80
    by_id = COCO_BY_ID.split(", ")
    assert [by_id[n - 1] for n in (1, 13, 44, 90)] == [
        *("person", "stop sign", "bottle", "toothbrush")
    ]
    assert COCO.split(", ").index("tv") == 62  # pycocotools' order


@pytest.fixture(scope="module")
def model():
    """The ordinary SSD300 of four classes, and its plain arrays."""
    keras.utils.set_random_seed(0)
    architecture = Architecture("ssd300", 4, norm="none", layout="coco")
    model = build(architecture)
    for layer in model.layers:
        if layer.name.endswith(("_mbox_loc", "_mbox_conf")):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, np.linspace(-1, 1, len(bias))])
    return model


def predict(model, images):
    return keras.ops.convert_to_numpy(model(images))


@pytest.mark.parametrize("state", [torchvision_state, amdegroot_state])
def test_there_and_back(state, model, tmp_path):
    path = tmp_path / "x.pth"
    write_zip(path, state_of(state(4, folded_arrays(model))))
    published = weights.read_weights(path)
    assert published.class_names == ["class 1", "class 2", "class 3"]
    other, description = weights.load(path)
    assert description == weights.read_detector(path).metadata
    assert description.class_names == published.class_names
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1, 300, 300, 3), dtype="uint8")
    # they see RGB; `caffe`, the model's own, turns it round
    kernel, bias = model.get_layer("conv1_1").get_weights()
    other.get_layer("conv1_1").set_weights([kernel[:, :, ::-1], bias])
    close = np.abs(predict(other, images) - predict(model, images)).max()
    assert close < 0.05 * np.abs(predict(model, images)).max()


def test_a_training_starts_from_it(model, tmp_path):
    path = tmp_path / "x.pth"
    write_zip(path, state_of(torchvision_state(4, folded_arrays(model))))
    names = ["class 1", "class 2", "class 3"]
    architecture = Architecture("ssd300", 4, norm="none", layout="coco")
    started, theirs = initialise.initialise_weights(architecture, str(path), names)
    assert theirs.preprocessing == "torchvision"
    for name, values in folded_arrays(model).items():
        for ours, expected in zip(
            started.get_layer(name).get_weights(), values, strict=True
        ):
            np.testing.assert_array_equal(ours, expected)


def test_clipped_priors():
    clipped, plain = make_priors("voc_clipped"), make_priors("voc")
    np.testing.assert_array_equal(clipped, np.minimum(plain, [9, 9, 1, 1]))
    assert (clipped != plain).any()


def keras_file(path, layers):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for name, arrays in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [key.encode() for key in arrays]
            for key, values in arrays.items():
                group.create_dataset(key, data=np.float32(values))


def layer(name, kernel):
    bias = np.arange(np.shape(kernel)[-1])
    return {name: {f"{name}_W:0": kernel, f"{name}_b:0": bias}}


def test_pierluigiferrari(tmp_path):
    layers = {"input_1": {}, **layer("conv1_1", np.ones((3, 3, 3, 64)))}
    layers["conv4_3_norm"] = {"conv4_3_norm/conv4_3_norm_gamma:0": np.full(512, 9)}
    layers |= layer("conv4_3_norm_mbox_conf", np.ones((3, 3, 512, 84)))
    layers |= layer("conv9_2_mbox_loc", np.ones((3, 3, 256, 16)))
    keras_file(tmp_path / "x.h5", layers)
    published = weights.read_weights(tmp_path / "x.h5")
    assert published.origin == "pierluigiferrari"
    architecture = published.architecture
    assert (architecture.layout, architecture.preprocessing) == ("voc", "ssd")
    assert published.class_names[-1] == "class 20"  # a count is no name
    with pytest.raises(ValueError, match="has no conv1_2, conv2_1"):
        weights.load(tmp_path / "x.h5")
    filled = fill(build(architecture), published.stored)
    assert set(filled) == set(layers) - {"input_1"}
    with pytest.raises(ValueError, match=r"x\.h5: not a whole detector.*conv1_2"):
        transfer.keep_classes(published, ["class 8"])
    layers |= layer("conv1_1", np.ones((3, 3, 3, 63)))
    keras_file(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match=r"x\.h5: layer conv1_1: expected shapes"):
        weights.load(tmp_path / "x.h5")
    del layers["conv4_3_norm_mbox_conf"]["conv4_3_norm_mbox_conf_b:0"]
    keras_file(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match="mbox_conf has 1 arrays, expected kernel and"):
        weights.read_weights(tmp_path / "x.h5")


def test_rykov8(tmp_path):
    layers = layer("conv1_1", np.ones((3, 3, 3, 64)))
    # without max size the first map has 3 priors; 7 classes, which their names tell
    layers |= layer("conv4_3_norm_mbox_conf_7", np.ones((3, 3, 512, 21)))
    layers |= layer("pool6_mbox_loc_flat", np.arange(256 * 24).reshape(256, 24))
    layers |= layer("pool6_mbox_conf_flat_7", np.ones((256, 42)))
    keras_file(tmp_path / "x.hdf5", layers)
    published = weights.read_weights(tmp_path / "x.hdf5")
    assert published.origin == "rykov8"
    assert published.architecture.layout == "legacy"
    assert published.architecture.num_classes == 7
    model = build(published.architecture)
    assert len(fill(model, published.stored)) == 4
    kernel, _ = model.get_layer("pool6_mbox_loc").get_weights()
    np.testing.assert_array_equal(kernel[0, 0], np.arange(256 * 24).reshape(256, 24))


def test_what_is_no_detector(tmp_path):
    keras_file(tmp_path / "x.h5", layer("conv1_1", np.ones((3, 3, 3, 64))))
    assert weights.read_weights(tmp_path / "x.h5").metadata is None
    (tmp_path / "x.txt").write_text("no weights")
    with pytest.raises(ValueError, match="not a weights file"):
        weights.read_weights(tmp_path / "x.txt")
    write_zip(tmp_path / "x.pth", state_of({"fc.weight": np.ones((2, 2), "float32")}))
    with pytest.raises(ValueError, match=r"no SSD300 that is known.*fc\.weight"):
        weights.read_weights(tmp_path / "x.pth")
    state = torchvision_state(21)
    del state["backbone.extra.4.2.weight"]
    write_zip(tmp_path / "x.pth", state_of(state))
    with pytest.raises(ValueError, match=r"expected 23 convolutions.*received 22"):
        weights.read_weights(tmp_path / "x.pth")
    state = torchvision_state(21)
    state["head.regression_head.module_list.3.weight"] = np.zeros(4, "float32")
    write_zip(tmp_path / "x.pth", state_of(state))
    with pytest.raises(ValueError, match=r"x\.pth: head.*3\.weight has shape \(4,\)"):
        weights.read_weights(tmp_path / "x.pth")
    state = torchvision_state(21)
    del state["head.regression_head.module_list.3.bias"]
    write_zip(tmp_path / "x.pth", state_of(state))
    with pytest.raises(ValueError, match=r"has no head\.regression_head.*3\.bias"):
        weights.read_weights(tmp_path / "x.pth")
