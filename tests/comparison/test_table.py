"""A comparison's entries, verdicts and tables."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from comparison import intervals, verdict
from comparison.entries import Entry, make_entries
from comparison.page import table
from comparison.runs import read_run
from comparison.scores import Detected, score
from tests.helpers import comparisons


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
    dataset = comparisons.dataset(tmp_path / "images")
    found = comparisons.detections(dataset.samples, 0.8, 0)
    one = score(Detected(found, 0.5, 0.3), dataset.samples, comparisons.NAMES)
    runs = [
        read_run(comparisons.write_run(tmp_path / name, "small", lr=lr))
        for name, lr in (("slow", 1e-4), ("fast", 1e-2))
    ]
    entries = make_entries(runs, [one, one], intervals.draw_images(len(dataset), 9))
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
