"""Another backbone before a trained detection half: what is copied, what learns."""

import cv2
import keras
import numpy as np
import pytest

import graft
from benchmarks.shapes.dataset import draw_shapes
from data.unlabelled import read_unlabelled
from models import Architecture, backbone_layers, build, weights
from models.weights.initialise import pretrained_backbone
from models.weights.metadata import ModelMetadata
from tests.helpers.slim import slim
from training.distillation import DISTANCES, TARGETS, check_hints, hint_layer, targets

NAMES = ["a", "b"]


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A teacher, a backbone's weights, images: their paths."""
    folder = tmp_path_factory.mktemp("graft")
    keras.utils.set_random_seed(0)
    architecture = Architecture("squeezenet", 3)
    with slim():
        teacher = build(architecture)
    for layer in teacher.layers:  # statistics as after a training
        if layer.name.endswith("_batchnorm"):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([gamma, beta + 0.1, mean, variance])
    metadata = ModelMetadata(
        architecture, NAMES, training={"tile_px": 640}, licence="L"
    )
    weights.save(teacher, folder / "teacher.weights.h5", metadata)
    mobilenet = keras.applications.MobileNet(
        input_shape=(300, 300, 3), alpha=0.25, include_top=False, weights=None
    )
    mobilenet.save_weights(folder / "mobilenet.weights.h5")
    images = folder / "images" / "deeper"
    images.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(4):
        image = cv2.resize(rng.integers(0, 256, (6, 8, 3), dtype="uint8"), (80, 60))
        assert cv2.imwrite(str(images / f"{number}.png"), image)
    return {
        "teacher": folder / "teacher.weights.h5",
        "weights": folder / "mobilenet.weights.h5",
        "images": folder / "images",
    }


def options(files, output, *more):
    flags = [f"--{name}={path}" for name, path in files.items()]
    size = ["--backbone=MobileNet", "--alpha=0.25", "--batch-size=2"]
    return [*flags, *size, "--minutes=0.02", f"--output={output}", *more]


def half_of(model):
    """The arrays of the detection half, the adapter left out."""
    own = {layer.name for layer in backbone_layers(model)}
    return {
        layer.name: layer.get_weights()
        for layer in model.layers
        if layer.name not in own and not layer.name.startswith("conv4_0")
    }


@pytest.mark.parametrize("trains", [False, True])
def test_graft(trains, files, slim_squeezenet, tmp_path, capsys):
    out = tmp_path / "graft.weights.h5"
    more = ["--train-backbone"] if trains else []
    assert graft.main(options(files, out, *more)) == 0
    model, description = weights.load(out)
    assert description.class_names == NAMES
    assert description.architecture.backbone == "MobileNet"
    assert description.tile_px == 640  # what detect.py --tile cuts
    assert description.licence == "L"
    teacher, _ = weights.load(files["teacher"])
    ours, theirs = half_of(model), half_of(teacher)
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        for a, b in zip(ours[name], values, strict=True):
            np.testing.assert_array_equal(a, b)
    start = pretrained_backbone(description.architecture, str(files["weights"]))
    kernel = model.get_layer("conv_pw_3").get_weights()[0]
    same = (kernel == start.get_layer("conv_pw_3").get_weights()[0]).all()
    assert same == (not trains)
    assert "distance" in capsys.readouterr().out


YOLOX = ("--backbone=yolox_nano", "--alpha=1")


def test_it_refuses(files, slim_squeezenet, tmp_path, capsys):
    out = tmp_path / "graft.weights.h5"
    out.write_text("mine")
    a = tmp_path / "a.weights.h5"
    native = Architecture("MobileNet", 3, width=0.25)
    weights.save(
        build(native), tmp_path / "native.weights.h5", ModelMetadata(native, NAMES)
    )
    cases = [
        (options(files, out), "exists already"),
        (options(files, tmp_path / "a.h5"), "ending in .weights.h5"),
        (options(files | {"teacher": files["weights"]}, a), "mobilenet"),
        (
            options(files | {"teacher": tmp_path / "native.weights.h5"}, a),
            "hint_layer",
        ),
        (options(files | {"images": tmp_path / "gone"}, a), "a folder"),
        (
            options(files | {"weights": "imagenet"}, a, *YOLOX),
            "there are none for yolox_nano; give other --weights",
        ),
    ]
    for arguments, message in cases:
        capsys.readouterr()
        assert graft.main(arguments) == 2
        (line,) = [x for x in capsys.readouterr().err.splitlines() if "graft.py" in x]
        assert message in line
    assert out.read_text() == "mine"


def test_no_junction_in_native():
    with pytest.raises(ValueError, match="only ssd and light"):
        hint_layer(build(Architecture("MobileNet", 3, width=0.25)))


def test_a_student_can_learn_the_hint_layer():
    light = Architecture("squeezenet", 3, neck="light")
    teacher = build(light)
    check_hints(build(light), teacher, trains_backbone=False)
    small = build(Architecture("small", 3, neck="light"))  # its map is the backbone's
    check_hints(small, teacher, trains_backbone=True)
    with pytest.raises(ValueError, match=r"small: it has no adapter .* --train-backbo"):
        check_hints(small, teacher, trains_backbone=False)
    narrow = build(Architecture("yolox_nano", 3, neck="light"))
    with pytest.raises(ValueError, match=r"yolox_nano: .* \(38, 38, 64\), the teacher"):
        check_hints(narrow, teacher, trains_backbone=True)


@pytest.mark.parametrize(
    ("backbone", "shapes"),
    [("squeezenet", [(38, 38, 256)])],
)
def test_targets(backbone, shapes):
    model = build(Architecture(backbone, 3))
    assert [
        tuple(o.shape[1:]) for o in targets(model, ["hint_layer"]).outputs
    ] == shapes
    maps = [o.shape[1] for o in targets(model, ["maps"]).outputs]
    assert maps == [38, 19, 10, 5, 3, 1]
    assert len(targets(model, TARGETS).outputs) == 1 + 6 + 12


def test_distances_by_hand():
    found = np.float32([[[[3.0, 0.0], [0.0, 2.0]]]])
    wanted = np.float32([[[[1.0, 0.0], [0.0, 4.0]]]])
    # channel sizes: (1 + 0) / 2 and (0 + 16) / 2; squares 4, 0, 0, 4
    expected = (4 / 0.501 + 4 / 8.001) / 4
    assert float(numpy(DISTANCES["l2"](found, wanted))) == pytest.approx(expected)
    assert float(numpy(DISTANCES["cosine"](found, wanted))) == pytest.approx(
        1 - (3 / 3.001 + 8 / 8.001) / 2, abs=1e-6
    )
    for distance in DISTANCES.values():
        assert float(numpy(distance(wanted, wanted))) == pytest.approx(0, abs=1e-3)


def test_unlabelled_images(tmp_path):
    root = draw_shapes(tmp_path / "shapes", num_images=6)
    (root / "JPEGImages" / "broken.jpg").write_bytes(b"no image")
    dataset = read_unlabelled(root)
    assert len(dataset) == 6
    assert not any(len(sample.truth) for sample in dataset.samples)
    assert len(dataset.problems) == 1
    assert "broken.jpg" in dataset.problems[0]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no images"):
        read_unlabelled(tmp_path / "empty")
