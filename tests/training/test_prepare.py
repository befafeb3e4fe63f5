"""What train.py makes of its options."""

import dataclasses
from shutil import copytree

import numpy as np
import pytest

from data import read_dataset
from data.readers import recognise
from models import weights
from models.weights import hub
from training import TrainingConfig
from training.options import parse, resumed
from training.prepare import (
    class_weights,
    load_data,
    load_model,
    settings_of,
)

DEFAULT = TrainingConfig(60)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {}),
        ("--epochs 9", {"epochs": 9}),
        ("--minutes 2.5", {"epochs": None, "minutes": 2.5}),
        ("--batch-size 2 --accumulate 4", {"batch_size": 2, "accumulate": 4}),
        ("--lr 0.5", {"lr": 0.5}),
        ("--optimizer sgd", {"optimiser": "sgd", "lr": 1e-2}),
        ("--optimizer sgd --lr 0.5", {"optimiser": "sgd", "lr": 0.5}),
        ("--freeze", {}),
        ("--freeze 5", {"freeze_epochs": 5}),
        ("--freeze-epochs 1", {"freeze_epochs": 1}),
        ("--backbone-lr-scale 0.1", {"backbone_lr_scale": 0.1}),
        ("--no-ema", {"ema": False}),
        ("--skip-non-finite", {"skip_non_finite": True}),
        ("--seed 7", {"seed": 7}),
    ],
)
def test_options_reach_the_training(options, expected, shapes):
    train_set = read_dataset(shapes, "train")
    args = parse(["--data", str(shapes), *options.split()])
    assert settings_of(args, train_set) == dataclasses.replace(DEFAULT, **expected)


@pytest.mark.parametrize(
    ("options", "starts", "lr", "scale"),
    [
        ("", True, 2e-3, 0.3),
        ("--classes circle,cat", True, 1e-3, 0.1),  # cat is one of VOC's
        ("--classes circle,couch", True, 1e-3, 0.1),  # VOC's sofa
        ("--optimizer sgd", True, 2e-2, 0.3),
        ("--backbone-lr-scale 1", True, 2e-3, 1),
        ("--lr 1e-4", True, 1e-4, 0.3),
        ("--weights none --neck yolox", False, 1e-3, 1),
        ("--weights none", False, 1e-3, 1),
        ("--backbone squeezenet --weights none", False, 1e-3, 1),
    ],
)
def test_a_training_of_yolox_nano_starts_from_the_detector_in_weights(
    options, starts, lr, scale, shapes, capsys
):
    train_set = read_dataset(shapes, "train")
    args = parse(["--data", str(shapes), *options.split()])
    names = args.classes.split(",") if args.classes else train_set.class_names
    model, architecture, _ = load_model(args, names)
    settings = settings_of(args, train_set)
    assert (settings.lr, settings.backbone_lr_scale) == (lr, scale)
    assert (architecture.neck == "yolox" and architecture.pretrained) == starts
    taken = "taken" in capsys.readouterr().out
    assert taken == starts
    if starts:
        stem = model.get_layer("stem")
        theirs, _ = weights.load(hub.DEFAULT)
        received = (stem.get_weights()[0], theirs.get_layer("stem").get_weights()[0])
        np.testing.assert_array_equal(*received)
        assert not stem.trainable


@pytest.mark.parametrize(
    ("form", "neck", "layout"),
    [
        ("--neck native", "native", "voc"),
        ("--neck light --priors coco", "light", "coco"),
        ("--priors coco", "native", "coco"),
        (f"--neck native --freeze --weights {hub.DEFAULT}", "native", "voc"),
    ],
)
def test_another_neck_stands_behind_the_detectors_backbone(form, neck, layout, shapes):
    args = parse(["--data", str(shapes), *form.split()])
    model, architecture, _ = load_model(args, ["circle"])
    assert (architecture.neck, architecture.layout) == (neck, layout)
    theirs, _ = weights.load(hub.DEFAULT)
    for name in ("stem", "C3_p3_conv3"):
        received, *_ = model.get_layer(name).get_weights()
        np.testing.assert_array_equal(received, theirs.get_layer(name).get_weights()[0])
    # heads of its own learn as any new ones do
    assert (args.lr, args.backbone_lr_scale) == (None, 0.3)


@pytest.mark.parametrize(
    ("options", "licence"),
    [
        ("", "Apache License 2.0"),
        ("--neck native", "Apache License 2.0"),
        ("--weights none", "MIT"),
        ("--backbone squeezenet", "MIT"),
    ],
)
def test_a_run_carries_the_licence_of_what_it_starts_from(options, licence):
    assert licence in load_model(parse(options.split()), ["a"])[2]


def test_classes_are_weighed_by_the_training_images(shapes):
    train_set = read_dataset(shapes, "train")
    args = parse(["--data", str(shapes), "--weigh-classes"])
    received = settings_of(args, train_set).loss["class_weights"]
    assert list(received) == list(class_weights(train_set))


def test_the_demo_set_is_there_without_a_network(capsys):
    train_set, val_set = load_data(None, ("train", "val"), None, None)
    assert (len(train_set), len(val_set)) == (120, 40)
    assert train_set.class_names == ["Platelets", "RBC", "WBC"]
    assert not (train_set.problems or val_set.problems)
    assert "no --data: the demo set" in capsys.readouterr().out


def test_images_in_both_splits_are_told(shapes, capsys):
    load_data([str(shapes)], ("trainval", "val"), None, None)
    assert "images in both splits: 4;" in capsys.readouterr().err
    load_data([str(shapes)], ("train", "val"), None, None)
    assert "both splits" not in capsys.readouterr().err


def test_many_problems_are_told_in_short(shapes, tmp_path, capsys):
    data = copytree(shapes, tmp_path / "data")
    for sample in read_dataset(data, "train").samples[:15]:
        sample.path.unlink()
    load_data([str(data)], ("train", "val"), None, None)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert "Left out." in lines[0] and "... and 6 lines more" in lines[-1]


@pytest.mark.parametrize(
    ("run", "more", "expected"),
    [
        ("--minutes 20", "", 20),
        ("--minutes 20", "--minutes 30", 30),
        ("--minutes 20", "--minutes 10", "takes --minutes above 20"),
        ("--minutes 20", "--epochs 90", "takes --minutes above 20"),
        ("--epochs 9", "--epochs 10", 10),
        ("", "--epochs 15", 15),  # the demo set's 14
        ("", "--epochs 10", "takes --epochs above 14"),
        ("--data D", "--epochs 59", "takes --epochs above 60"),
        ("--epochs 9", "--minutes 500", "takes --epochs above 9"),
    ],
)
def test_a_run_that_goes_on_only_grows(run, more, expected):
    options = vars(parse(run.split()))
    args = parse(["--resume", "R", *more.split()])
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=expected):
            resumed(args, options)
    else:
        taken = resumed(args, options)
        assert expected in (taken.epochs, taken.minutes)
        assert None in (taken.epochs, taken.minutes)


def test_the_demo_set_has_its_own_length(shapes):
    assert settings_of(parse([]), read_dataset(shapes, "train")).epochs == 14


@pytest.mark.parametrize(
    ("options", "is_told"),
    [
        ("--freeze --backbone-lr-scale 0.5", True),
        ("--freeze --backbone-lr-scale 1", True),
        ("--freeze", False),
        ("--freeze 2 --backbone-lr-scale 0.5", False),
        ("--backbone-lr-scale 0.5", False),
    ],
)
def test_a_rate_of_what_is_frozen_is_told(options, is_told, capsys):
    parse(options.split())
    told = capsys.readouterr().err
    expected = "--backbone-lr-scale has no effect: --freeze\n"
    assert told == (expected if is_told else "")


def test_folders_are_scanned_once_for_both_splits(shapes, monkeypatch):
    scans, find = [], recognise._find
    monkeypatch.setattr(recognise, "_find", lambda p: scans.append(p) or find(p))
    train_set, val_set = load_data([str(shapes)], ("train", "val"), None, None)
    assert len(train_set) == 21 and len(val_set) == 4 and scans == [shapes]


def test_a_run_of_an_earlier_version_goes_on():
    options = vars(parse([]))
    for name in ("priors", "alpha", "ema", "skip_non_finite"):
        del options[name]
    options |= {"layout": "coco", "width": 0.5, "average": True, "freeze": False}
    options |= {"skip_bad_batches": True, "freeze_epochs": 3, "init_from": "coco"}
    options |= {"tile": True, "tile_size": None, "schedule": "cosine", "box_loss": None}
    taken = resumed(parse(["--resume", "R"]), dict(options))
    assert (taken.priors, taken.alpha, taken.ema) == ("coco", 0.5, True)
    assert (taken.skip_non_finite, taken.freeze, taken.tile) == (True, 3, 300)
    assert taken.weights == "coco"
    del options["average"]
    assert not resumed(parse(["--resume", "R"]), dict(options)).ema
    with pytest.raises(ValueError, match="--schedule is gone"):
        resumed(parse(["--resume", "R"]), {**options, "schedule": "steps"})
