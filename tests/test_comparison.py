"""A comparison's parts: plans, intervals, mistakes, verdicts, tables."""

import csv
import io
import json
from dataclasses import replace

import comparisons
import numpy as np
import pytest

from comparison import errors, intervals, plan, table, verdict
from comparison.entries import Entry, make_entries
from comparison.runs import find_runs, learned, list_runs, read_run
from comparison.scores import Detected, score
from data import Picture, draw_shapes, read_dataset
from evaluation import at_threshold, evaluate_voc, match_detections, mean_ap
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
        assert args.width == (combination.width or 1)
        assert args.trunk == combination.trunk
        assert args.adapter_filters == combination.adapter_filters
        assert args.freeze == combination.freeze
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


def test_a_runs_command_is_the_run(tmp_path):
    given = ["--data", "my pictures", "b", "--freeze", "--epochs", "4", "--lr", "0.01"]
    options = vars(parse(given))
    run = read_run(comparisons.write_run(tmp_path / "run", "small", **options))
    words = run.command().replace("'my pictures'", "my+pictures").split()
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


def test_pictures_that_were_learned_are_told(tmp_path):
    shapes = draw_shapes(tmp_path / "shapes", num_pictures=20)
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
    assert learned(runs, val_set) == [p.path for p in val_set.pictures]
    assert len(learned(runs[:1], train_set)) == len(train_set)


# intervals


def scored(folder, skill=0.8, seed=0, **options):
    dataset = comparisons.dataset(folder, **options)
    found = comparisons.detections(dataset.pictures, skill, seed)
    return dataset, found


@pytest.mark.parametrize("skill", [0.0, 0.3, 0.8, 1.0])
def test_resampling_is_scoring_the_list_again(skill, tmp_path):
    dataset, found = scored(tmp_path, skill)
    truths = [picture.truth for picture in dataset.pictures]
    difficult = [picture.difficult for picture in dataset.pictures]
    counts = intervals.draw_pictures(len(dataset), 50)
    matched = match_detections(found, truths, difficult, 3)
    expected = []
    for times in counts:
        chosen = np.repeat(np.arange(len(dataset)), times)
        lists = ([items[i] for i in chosen] for items in (found, truths, difficult))
        expected.append(mean_ap(evaluate_voc(*lists, dataset.class_names))["mAP50"])
    received = intervals.resampled_map(matched, counts)
    np.testing.assert_allclose(received, expected, rtol=1e-12)
    assert received.std() > 0 or skill in (0, 1)


def test_resampling_in_blocks(tmp_path, monkeypatch):
    dataset, found = scored(tmp_path)
    truths = [picture.truth for picture in dataset.pictures]
    difficult = [picture.difficult for picture in dataset.pictures]
    matched = match_detections(found, truths, difficult, 3)
    counts = intervals.draw_pictures(len(dataset), 30)
    expected = intervals.resampled_map(matched, counts)
    monkeypatch.setattr(intervals, "BLOCK", 7)
    received = intervals.resampled_map(matched, counts)
    np.testing.assert_allclose(received, expected, rtol=1e-12)


def test_a_draw_without_objects_is_no_number(tmp_path):
    dataset, found = scored(tmp_path)  # the third picture is empty
    truths = [picture.truth for picture in dataset.pictures]
    difficult = [picture.difficult for picture in dataset.pictures]
    counts = np.zeros((1, len(dataset)), int)
    counts[0, 2] = len(dataset)
    matched = match_detections(found, truths, difficult, 3)
    assert np.isnan(intervals.resampled_map(matched, counts)).all()
    assert np.isnan(intervals.interval(np.array([np.nan]))).all()


def test_the_interval_of_a_share():
    # one class, a picture is found whole or not at all: mAP50 is the share of pictures
    # found, whose draws are binomial: sd sqrt(0.5 * 0.5 / 400) = 0.025
    truth = np.array([[0, 0, 0.5, 0.5, 1]])
    found = np.array([[1, 0.9, 0, 0, 0.5, 0.5]])
    nothing = np.zeros((0, 6))
    lists = [found] * 200 + [nothing] * 200, [truth] * 400, [np.zeros(1, bool)] * 400
    values = intervals.resampled_map(
        match_detections(*lists, 2), intervals.draw_pictures(400)
    )
    low, high = intervals.interval(values)
    assert low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.005)
    assert high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.005)


@pytest.mark.parametrize(
    ("shift", "points", "expected"),
    [
        (0.0, ([0.5], [0.5]), False),
        (0.001, ([0.5], [0.499]), True),  # small, but the same on all pictures
        (0.1, ([0.5, 0.6], [0.4, 0.45]), True),
        (0.1, ([0.5, 0.6], [0.4, 0.55]), False),  # a seed reaches the other's
        (-0.1, ([0.4, 0.45], [0.5, 0.6]), True),
        (0.1, ([0.5, 0.6], [0.55]), True),  # one seed has no spread to tell
    ],
)
def test_what_can_be_told_apart(shift, points, expected):
    draws = np.random.default_rng(0).normal(0.5, 0.1, 500)
    assert intervals.is_told_apart((draws, draws - shift), points) == expected


# mistakes

LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]


def judged(found, truth, difficult=None, threshold=0.5):
    truth = np.array(truth, np.float32).reshape(-1, 5)
    hard = np.zeros(len(truth), bool) if difficult is None else np.array(difficult)
    picture = Picture("x", (10, 10), truth, hard)
    rows = np.array(found, float).reshape(-1, 6)
    (boxes,) = errors.judge(Detected([rows], 0, threshold), [picture], 3)
    return boxes


@pytest.mark.parametrize(
    ("found", "truth", "difficult", "kinds"),
    [
        ([], [], None, []),
        ([], [[*LEFT, 1]], None, ["missed"]),
        ([], [[*LEFT, 1]], [True], []),
        ([[1, 0.9, *LEFT]], [], None, ["false"]),
        ([[1, 0.4, *LEFT]], [], None, []),  # below the threshold
        ([[0, 0.9, *LEFT]], [], None, []),  # padding
        ([[1, 0.9, *LEFT]], [[*LEFT, 1]], None, ["right"]),
        ([[1, 0.9, *LEFT]], [[*LEFT, 1]], [True], []),
        ([[1, 0.9, *LEFT], [1, 0.8, *LEFT]], [[*LEFT, 1]], None, ["right", "false"]),
        ([[2, 0.9, *LEFT]], [[*LEFT, 1]], None, ["confused"]),
        ([[2, 0.9, *LEFT]], [[*RIGHT, 1]], None, ["false", "missed"]),
        # the surer box of the wrong class does not take what the right one finds
        ([[2, 0.9, *LEFT], [1, 0.6, *LEFT]], [[*LEFT, 1]], None, ["false", "right"]),
        # an object is confused once
        ([[2, 0.9, *LEFT], [2, 0.8, *LEFT]], [[*LEFT, 1]], None, ["confused", "false"]),
    ],
)
def test_mistakes_of_a_picture(found, truth, difficult, kinds):
    assert [box.kind for box in judged(found, truth, difficult)] == kinds


def test_confusion_by_hand():
    boxes = judged(
        [[1, 0.9, *LEFT], [2, 0.8, *RIGHT], [2, 0.7, 0, 0, 0.1, 0.1]],
        [[*LEFT, 1], [*RIGHT, 1], [0.4, 0.4, 0.6, 0.6, 2]],
    )
    expected = [[0, 0, 1], [0, 1, 1], [1, 0, 0]]  # nothing, class 1, class 2
    assert errors.confusion([boxes], 3).tolist() == expected


def test_what_is_right_is_what_voc_counts(tmp_path):
    dataset, found = scored(tmp_path, num_pictures=40)
    pictures = dataset.pictures
    boxes = errors.judge(Detected(found, 0, 0.4), pictures, 3)
    counts = errors.confusion(boxes, 3)
    curves = evaluate_voc(
        found,
        [p.truth for p in pictures],
        [p.difficult for p in pictures],
        dataset.class_names,
    )
    for class_id, curve in enumerate(curves, start=1):
        precision, recall = at_threshold(curve, 0.4)
        right = counts[class_id, class_id]
        assert right == pytest.approx(recall * curve.num_truth)
        assert right == pytest.approx(precision * counts[:, class_id].sum())
        assert counts[class_id].sum() == curve.num_truth
    assert counts[1, 2] + counts[2, 1] > 0


def test_the_worst_pictures_come_first():
    good = judged([[1, 0.9, *LEFT]], [[*LEFT, 1]])
    unsure = judged([[1, 0.6, *LEFT]], [])
    sure = judged([[1, 0.9, *LEFT]], [])
    two = judged([], [[*LEFT, 1], [*RIGHT, 1]])
    assert errors.worst([good, unsure, sure, two], 6) == [3, 2, 1]
    assert errors.worst([good, unsure, sure, two], 1) == [3]


# entries, verdicts, tables


def test_seeds_are_one_line(tmp_path):
    skills = [("small", 0.9), ("small", 0.7), ("vgg16", 0.8)]
    entries, _ = comparisons.entries(tmp_path, skills)
    by_name = {entry.name: entry for entry in entries}
    small = by_name["small light"]
    assert [run.options["seed"] for run in small.runs] == [0, 1]
    assert small.mAP50 == pytest.approx(np.mean([s.mAP50 for s in small.scores]))
    figures = small.figures()
    assert figures["mAP50_seed_sd"] == pytest.approx(np.std(small.points, ddof=1))
    assert figures["mAP50_low"] < small.mAP50 < figures["mAP50_high"]
    assert np.isnan(by_name["vgg16 light"].figures()["mAP50_seed_sd"])
    assert "±" in table.as_text(entries)


def test_runs_of_one_name_are_told_by_their_folder(tmp_path):
    dataset = comparisons.dataset(tmp_path / "pictures")
    found = comparisons.detections(dataset.pictures, 0.8, 0)
    one = score(Detected(found, 0.5, 0.3), dataset.pictures, comparisons.NAMES)
    runs = [
        read_run(comparisons.write_run(tmp_path / name, "small", lr=lr))
        for name, lr in (("slow", 1e-4), ("fast", 1e-2))
    ]
    entries = make_entries(runs, [one, one], intervals.draw_pictures(len(dataset), 9))
    names = {entry.name for entry in entries}
    assert names == {"small light (slow)", "small light (fast)"}
    assert not entries[0].differs_from(entries[1])


def stub(name, score, fps, spread=0.05):
    """An Entry with these figures, its draws all around them."""

    class Stub(Entry):
        points = (score,)
        mAP50 = score

    draws = np.random.default_rng(len(name)).normal(score, spread, 100)
    speed = {"fps": fps, "fps_low": 0.95 * fps, "fps_high": 1.05 * fps}
    return Stub(name, [], [], draws, speed=speed if fps else {})


def test_which_to_take(monkeypatch):
    monkeypatch.setattr(Entry, "figures", lambda _: {"mAP50_low": 0, "mAP50_high": 1})
    entries = [
        stub("best", 0.90, 5),
        stub("near", 0.86, 20, spread=0.2),
        stub("half", 0.50, 90),
        stub("less", 0.49, 91),  # no faster than chance
        stub("bad", 0.40, 200),
    ]
    picks = verdict.pick(entries)
    assert [(p.purpose, p.entry.name) for p in picks] == [
        ("for accuracy", "best"),
        ("for speed", "half"),
        ("in between", "near"),
    ]
    assert "can't be told from it: near" in picks[0].reason
    assert "half" not in picks[0].reason
    assert verdict.sentence(picks) == (
        "Take best for accuracy; half for speed; near in between."
    )
    assert verdict.sentence(picks[:1] * 2) == "Take best for accuracy, for accuracy."
    unmeasured = [replace(entry, speed={}) for entry in entries]
    assert [p.purpose for p in verdict.pick(unmeasured)] == ["for accuracy"]
    alone = verdict.pick(entries[:1])
    assert [p.entry.name for p in alone] == ["best"] * 3


def test_the_pareto_front():
    entries = [
        stub("a", 0.9, 5),
        stub("b", 0.8, 4),  # a is better in both
        stub("c", 0.7, 9),
        stub("d", 0.7, 8),  # as good as c and slower
        stub("e", 0.8, 0),  # not measured
        stub("f", 0.6, 9.1),  # faster than c by chance
        stub("g", 0.1, 20),
    ]
    assert [entry.name for entry in verdict.front(entries)] == ["a", "c", "g"]
    assert verdict.front([]) == []


def test_tables_hold_the_same(tmp_path):
    entries, _ = comparisons.entries(tmp_path)
    text, markdown = table.as_text(entries), table.as_markdown(entries)
    rows = list(csv.DictReader(io.StringIO(table.as_csv(entries))))
    assert [row["model"] for row in rows] == [entry.name for entry in entries]
    for line, row, entry in zip(text.splitlines()[1:], rows, entries, strict=True):
        assert float(row["mAP50"]) == entry.mAP50
        assert f"{entry.mAP50:.3f}" in line
        assert f"| {entry.name} | {entry.mAP50:.3f} |" in markdown
        assert float(row["AP cat"]) == entry.per_class("AP")["cat"]
    assert rows[0]["same_as_best"] == "True"
    assert [row["same_as_best"] for row in rows][-1] == "False"
    assert "seeds" not in text  # one each tells nothing
    for entry in entries:
        entry.speed = {}
    assert "fps" not in table.as_text(entries)
