"""A comparison's trainings: plans, and runs as they lie on the disk."""

import json

import pytest

from benchmarks.shapes.dataset import draw_shapes
from comparison import plan
from comparison.runs import find_runs, learned, list_runs, read_run
from data import read_dataset
from tests.helpers import comparisons
from training.options import parse

# plans


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"backbones": []}, ""),
        ({"backbones": ["small"]}, "small-seed0"),
        (
            {"backbones": ["small/light", "MobileNet@0.25"], "seeds": 2},
            "small-light-seed0 MobileNet-0.25-seed0 "
            "small-light-seed1 MobileNet-0.25-seed1",
        ),
        (
            {"backbones": ["vgg16"], "adapter_filters": (256, 512), "freeze": "both"},
            "vgg16-seed0 vgg16-frozen-seed0 vgg16-512-seed0 vgg16-512-frozen-seed0",
        ),
        ({"backbones": ["vgg16"], "freeze": "yes"}, "vgg16-frozen-seed0"),
    ],
)
def test_combinations(options, names):
    assert [c.name for c in plan.combine(**options)] == names.split()


def test_combinations_are_what_train_py_is_told():
    combinations = plan.combine(
        ["squeezenet/ssd", "MobileNet@0.25", "small"],
        (256, 512),
        "both",
        seeds=2,
        weights=["none", "MobileNet=a=b.h5"],
    )
    assert len({c.name for c in combinations}) == len(combinations) == 24
    for combination in combinations:
        args = parse(combination.options())
        assert args.backbone == combination.backbone
        assert args.alpha == (combination.width or 1)
        assert args.neck == combination.neck
        assert (args.adapter_filters or 256) == combination.adapter_filters
        assert bool(args.freeze) == combination.freeze
        assert args.seed == combination.seed
        wanted = "a=b.h5" if combination.backbone == "MobileNet" else "none"
        assert args.weights == wanted


@pytest.mark.parametrize(
    ("backbones", "weights", "words"),
    [
        (["MobileNet@wide"], [], "MobileNet@wide"),
        (["small"], ["vgg16=none"], "--weights vgg16"),
    ],
)
def test_plans_that_cant_be_read(backbones, weights, words):
    with pytest.raises(ValueError, match=words):
        plan.combine(backbones, weights=weights)


def test_a_plan_keeps_what_was_begun(tmp_path):
    folder = tmp_path / "comparison"
    plan.keep_plan(folder, {"a": ["--epochs", "3"]})
    plan.keep_plan(folder, {"a": ["--epochs", "3"], "b": ["--epochs", "3"]})
    with pytest.raises(ValueError, match=r"--epochs 3.*--epochs 4"):
        plan.keep_plan(folder, {"a": ["--epochs", "4"]})
    assert json.loads((folder / plan.NAME).read_text()).keys() == {"a", "b"}


# runs


@pytest.mark.parametrize("more", [[], ["--no-ema"]])
def test_a_runs_command_is_the_run(more, tmp_path):
    given = ["--data", "my images", "b", "--freeze", "--epochs", "4", "--lr", "0.01"]
    options = vars(parse([*given, *more]))
    run = read_run(comparisons.write_run(tmp_path / "run", "small", **options))
    words = run.command().replace("'my images'", "my+images").split()
    assert words[:2] == ["python", "train.py"]
    again = vars(parse([word.replace("+", " ") for word in words[2:]]))
    assert again == options


@pytest.mark.parametrize("kind", ["empty", "no history", "no json", "other json"])
def test_what_is_no_run_is_named(kind, tmp_path):
    folder = comparisons.write_run(tmp_path / "run", "small")
    if kind != "other json":
        (folder / "summary.json").write_text("no json")
    else:
        (folder / "summary.json").write_text('{"options": {}}')
    if kind == "empty":
        (folder / "summary.json").unlink()
    if kind == "no history":
        (folder / "history.csv").unlink()
    with pytest.raises(ValueError, match=str(folder)):
        read_run(folder)


def test_list_shows_all_runs(tmp_path):
    comparisons.write_run(tmp_path / "deep" / "er", "small", freeze=True)
    torn = comparisons.write_run(tmp_path / "torn", "vgg16")
    (torn / "summary.json").unlink()
    assert find_runs(tmp_path) == [tmp_path / "deep" / "er", torn]
    head, line, complaint = list_runs(tmp_path).splitlines()
    assert head.split()[:3] == ["run", "model", "data"]
    assert line.startswith("deep/er")
    assert "small light, frozen" in line
    assert "0.500" in line
    assert line.endswith("finished")
    assert complaint.startswith(str(torn))
    assert list_runs(tmp_path / "none") == f"{tmp_path / 'none'}: no runs there."


def test_images_that_were_learned_are_told(tmp_path):
    shapes = draw_shapes(tmp_path / "shapes", num_images=20)
    train_set, val_set = (read_dataset(shapes, split) for split in ("train", "val"))
    data = [str(shapes)]
    runs = [
        read_run(comparisons.write_run(tmp_path / name, "small", **options))
        for name, options in (
            ("fair", {"data": data}),
            ("gone", {"data": ["elsewhere"]}),
            ("unfair", {"data": data, "train_split": "trainval"}),
        )
    ]
    assert learned(runs[:2], val_set) == []
    assert learned(runs, val_set) == [p.path for p in val_set.samples]
    assert len(learned(runs[:1], train_set)) == len(train_set)
