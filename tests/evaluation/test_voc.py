"""VOC average precision: numbers by hand, a slow plain loop, edges, real data."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import (
    average_precision_07,
    average_precision_area,
    evaluate_voc,
    mean_ap,
    measure_fps,
    race,
    speed,
)
from evaluation.average_precision import match_detections

SHARED = Path(__file__).resolve().parents[3] / "shared"
EASY = np.zeros(1, bool)
LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]
NOTHING = np.zeros((0, 6))


def truth(*rows):
    return np.array(rows, np.float32).reshape(-1, 5)


def found(*rows):
    return np.array(rows, np.float32).reshape(-1, 6)


def one_class(detections, boxes, difficult=None, **options):
    rows = truth(*([*box, 1] for box in boxes))
    hard = np.zeros(len(rows), bool) if difficult is None else np.array(difficult)
    return evaluate_voc([detections], [rows], [hard], ["cat"], **options)[0]


@pytest.mark.parametrize(
    ("recall", "precision", "ap07", "area"),
    [
        ([], [], 0, 0),
        ([0.0], [0.0], 0, 0),
        ([1.0], [1.0], 1, 1),
        # 11 points: 1 up to 0.5 (six of them), then 2/3 (five); area 0.5 + 0.5 * 2/3
        ([0.5, 0.5, 1], [1, 0.5, 2 / 3], (6 + 5 * 2 / 3) / 11, 0.5 + 0.5 * 2 / 3),
        # the dip to 1/2 at recall 0 is lifted to 2/3: 0.5 * 2/3 to recall 0.5, then 0
        ([0, 0.25, 0.5], [0, 0.5, 2 / 3], 6 * 2 / 3 / 11, 0.5 * 2 / 3),
        # recall 3/10 reaches the point 0.3 although 3 * 0.1 > 0.3 in floats
        ([0.1, 0.2, 3 / 10], [1, 1, 1], 4 / 11, 0.3),
        ([0.7], [1], 8 / 11, 0.7),
    ],
)
def test_average_precision_by_hand(recall, precision, ap07, area):
    recall, precision = np.array(recall, float), np.array(precision, float)
    assert average_precision_07(recall, precision) == pytest.approx(ap07)
    assert average_precision_area(recall, precision) == pytest.approx(area)


def test_which_truth_each_detection_belongs_to():
    images = [truth([*LEFT, 1]), truth([*LEFT, 2], [*RIGHT, 1])]
    detections = [NOTHING, found([1, 0.9, *RIGHT], [1, 0.8, *LEFT])]
    hard = [np.zeros(len(rows), bool) for rows in images]
    matched = match_detections(detections, images, hard, 3)
    # the second image's own rows: RIGHT is its row 1; LEFT is no object of class 1
    assert matched.truth.tolist() == [1, -1] and matched.image.tolist() == [1, 1]
    assert matched.truth.dtype.kind == "i"
    assert matched.num_truth.tolist() == [[1, 0], [1, 1]]  # images by classes


@pytest.mark.parametrize(
    ("rows", "boxes", "difficult", "num_truth", "precision", "recall"),
    [
        ([], [], None, 0, [], []),
        ([], [LEFT], None, 1, [], []),
        ([[1, 0.9, *LEFT]], [], None, 0, [0], [0]),
        ([[0, 0.9, *LEFT], [0, 0, 0, 0, 0, 0]], [LEFT], None, 1, [], []),  # padding
        ([[1, 0.9, *LEFT]], [LEFT], None, 1, [1], [1]),
        # found twice: the better score is right, the other wrong
        ([[1, 0.5, *LEFT], [1, 0.9, *LEFT]], [LEFT], None, 1, [1, 1 / 2], [1, 1]),
        # wrong first, then two right: 0/1, 1/2, 2/3
        (
            [[1, 0.9, 0, 0, 0.1, 0.1], [1, 0.8, *LEFT], [1, 0.7, *RIGHT]],
            [LEFT, RIGHT],
            None,
            2,
            [0, 1 / 2, 2 / 3],
            [0, 1 / 2, 1],
        ),
        # both detections of a difficult object are ignored, it is not in the recall
        ([[1, 0.9, *LEFT], [1, 0.8, *LEFT]], [LEFT], [True], 0, [], []),
        (
            [[1, 0.9, *LEFT], [1, 0.8, *RIGHT]],
            [LEFT, RIGHT],
            [True, False],
            1,
            [1],
            [1],
        ),
        # two equally good truths: the first, here difficult, so it is ignored
        ([[1, 0.9, *LEFT]], [LEFT, LEFT], [True, False], 1, [], []),
        ([[1, 0.9, *LEFT]], [LEFT, LEFT], [False, True], 1, [1], [1]),
        # IoU exactly 0.5 is enough: the half of the object is found
        ([[1, 0.9, 0, 0, 0.5, 0.5]], [LEFT], None, 1, [1], [1]),
        ([[1, 0.9, 0, 0, 0.5, 0.49]], [LEFT], None, 1, [0], [0]),
        # a detection has one truth, the best: taken means wrong, no second choice
        (
            [[1, 0.9, *LEFT], [1, 0.8, 0, 0, 0.5, 0.9]],
            [LEFT, [0, 0, 0.5, 0.6]],
            None,
            2,
            [1, 1 / 2],
            [1 / 2, 1 / 2],
        ),
        # a box turned inside out, an empty one
        (
            [[1, 0.9, 0.5, 1, 0, 0], [1, 0.8, 0.2, 0.2, 0.2, 0.2]],
            [LEFT],
            None,
            1,
            [0, 0],
            [0, 0],
        ),
    ],
)
def test_matching_by_hand(rows, boxes, difficult, num_truth, precision, recall):
    curve = one_class(found(*rows), boxes, difficult)
    assert (curve.class_name, curve.num_truth) == ("cat", num_truth)
    np.testing.assert_allclose(curve.precision, precision)
    np.testing.assert_allclose(curve.recall, recall)
    assert np.isnan(curve.ap07) == (num_truth == 0) == np.isnan(curve.ap_area)
    assert (np.diff(curve.scores) <= 0).all()


def test_equal_scores_keep_the_order_of_images_and_rows():
    right, wrong = found([1, 0.5, *LEFT]), found([1, 0.5, *RIGHT])
    objects, none = truth([*LEFT, 1]), truth()
    flags = [EASY, EASY[:0]]
    first = evaluate_voc([right, wrong], [objects, none], flags, ["cat"])[0]
    last = evaluate_voc([wrong, right], [none, objects], flags[::-1], ["cat"])[0]
    assert first.precision.tolist() == [1, 0.5]
    assert last.precision.tolist() == [0, 0.5]


def test_images_and_classes_do_not_mix():
    objects = [truth([*LEFT, 1], [*LEFT, 2]), truth()]
    flags = [np.zeros(2, bool), np.zeros(0, bool)]
    detections = [found([2, 0.9, *LEFT]), found([1, 0.8, *LEFT])]
    cat, dog, cow = evaluate_voc(detections, objects, flags, ["cat", "dog", "cow"])
    assert (cat.ap_area, dog.ap_area) == (0, 1)
    assert (cat.num_images, dog.num_images, cow.num_images) == (1, 1, 0)
    # cow has no objects: left out, so the mean is (0 + 1) / 2
    assert mean_ap([cat, dog, cow]) == {"mAP07": 0.5, "mAP50": 0.5}


def test_no_images_at_all():
    (curve,) = evaluate_voc([], [], [], ["cat"])
    assert curve.num_truth == 0
    assert np.isnan(mean_ap([curve])["mAP50"])


@pytest.mark.parametrize(
    ("detections", "truths", "difficult", "message"),
    [
        ([], [truth()], [EASY], "one array per image"),
        ([np.zeros((2, 5))], [truth()], [EASY[:0]], r"Image 0: .*\(any, 6\)"),
        ([NOTHING], [np.zeros(5)], [EASY], r"Image 0: expected truth"),
        ([found([1, np.nan, *LEFT])], [truth()], [EASY[:0]], "nan or infinity"),
        ([found([2, 0.5, *LEFT])], [truth()], [EASY[:0]], "class 0 to 1. Received: 2"),
        ([NOTHING], [truth([*LEFT, 0])], [EASY], "class 1 to 1. Received: 0"),
        ([NOTHING], [truth([*LEFT, 1])], [EASY[:0]], "1 objects, but 0 flags"),
    ],
)
def test_what_cannot_be_scored_is_named(detections, truths, difficult, message):
    with pytest.raises(ValueError, match=message):
        evaluate_voc(detections, truths, difficult, ["cat"])


def slow_voc(detections, truths, difficult, class_id, threshold):
    # VOCevaldet.m, line by line
    rows = [
        (image, row)
        for image, part in enumerate(detections)
        for row in part
        if row[0] == class_id
    ]
    rows.sort(key=lambda pair: -pair[1][1])
    taken, right, wrong, curve = set(), 0, 0, []
    total = sum(
        int(row[4] == class_id and not hard)
        for part, flags in zip(truths, difficult, strict=True)
        for row, hard in zip(part, flags, strict=True)
    )
    for image, row in rows:
        best, best_j = -np.inf, None
        for j, obj in enumerate(truths[image]):
            if obj[4] == class_id and slow_iou(row[2:], obj[:4]) > best:
                best, best_j = slow_iou(row[2:], obj[:4]), j
        if best >= threshold and difficult[image][best_j]:
            continue
        if best >= threshold and (image, best_j) not in taken:
            taken.add((image, best_j))
            right += 1
        else:
            wrong += 1
        curve.append((right / max(total, 1), right / (right + wrong)))
    return total, curve


def slow_iou(a, b):
    a, b = [float(x) for x in a], [float(x) for x in b]
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return wide * high / (area - wide * high)


def slow_ap07(curve):
    points = [max([p for r, p in curve if r >= k / 10], default=0) for k in range(11)]
    return sum(points) / 11


def slow_area(curve):
    total, before = 0.0, 0.0
    for i, (recall, _) in enumerate(curve):
        total += (recall - before) * max(p for _, p in curve[i:])
        before = recall
    return total


# corners on a grid of eighths: overlaps, ties in IoU and IoU exactly 1/2 are frequent
EDGE = st.integers(0, 6)
BOX = st.tuples(EDGE, EDGE, st.integers(1, 4), st.integers(1, 4)).map(
    lambda t: [t[0] / 8, t[1] / 8, (t[0] + t[2]) / 8, (t[1] + t[3]) / 8]
)
OBJECT = st.tuples(BOX, st.integers(1, 2), st.booleans())
DETECTION = st.tuples(st.integers(0, 2), st.sampled_from([0.25, 0.5, 0.75, 0.875]), BOX)
IMAGE = st.tuples(
    st.lists(OBJECT, max_size=5), st.lists(DETECTION, min_size=0, max_size=8)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(IMAGE, max_size=4), st.sampled_from([0.25, 0.5, 0.75]))
def test_against_a_slow_loop(images, threshold):
    truths = [truth(*([*box, c] for box, c, _ in objects)) for objects, _ in images]
    difficult = [np.array([hard for *_, hard in objs], bool) for objs, _ in images]
    detections = [found(*([c, s, *box] for c, s, box in rows)) for _, rows in images]
    curves = evaluate_voc(detections, truths, difficult, ["a", "b"], threshold)
    for class_id, curve in enumerate(curves, start=1):
        total, slow = slow_voc(detections, truths, difficult, class_id, threshold)
        assert curve.num_truth == total
        np.testing.assert_allclose(curve.recall, [r for r, _ in slow])
        np.testing.assert_allclose(curve.precision, [p for _, p in slow])
        np.testing.assert_array_equal(
            curve.true_positives,
            np.rint(np.array([r for r, _ in slow]) * total)
            if total
            else np.zeros(len(slow)),
        )
        if total:
            assert curve.ap07 == pytest.approx(slow_ap07(slow))
            assert curve.ap_area == pytest.approx(slow_area(slow))


def test_truth_shown_as_detections_scores_one():
    folder = SHARED / "data" / "bccd"
    if not folder.is_dir():
        pytest.skip(f"{folder.name}: shared data set not here")
    names = ["Platelets", "RBC", "WBC"]
    truths = [
        read_objects(path, names)
        for path in sorted((folder / "Annotations").glob("*.xml"))[:60]
    ]
    detections = [
        np.concatenate([part[:, 4:], np.ones((len(part), 1)), part[:, :4]], axis=1)
        for part in truths
    ]
    flags = [np.zeros(len(part), bool) for part in truths]
    curves = evaluate_voc(detections, truths, flags, names)
    assert all(curve.num_truth > 10 for curve in curves)
    # objects marked twice in the data may cost a match, nothing else can
    assert mean_ap(curves)["mAP50"] > 0.97


def read_objects(path, names):
    root = ElementTree.parse(path).getroot()
    size = [float(root.findtext(f"size/{key}")) for key in ("width", "height")] * 2
    rows = []
    for obj in root.iter("object"):
        corners = [
            float(obj.findtext(f"bndbox/{key}"))
            for key in ("xmin", "ymin", "xmax", "ymax")
        ]
        rows.append([*np.divide(corners, size), names.index(obj.findtext("name")) + 1])
    return truth(*rows)


def test_speed_counts_images_of_the_median_call(monkeypatch):
    # ticks: calls of 0.5, 0.5, 2.0 seconds; median 0.5 s for 4 images = 8 per second
    ticks = iter([0, 0.5, 1, 1.5, 2, 4])
    monkeypatch.setattr("evaluation.speed.time.perf_counter", lambda: next(ticks))
    shapes = []
    images = np.zeros((3, 300, 300, 3), np.uint8)
    figures = measure_fps(lambda x: shapes.append(x.shape), 4, rounds=3, images=images)
    assert figures["fps"] == 8
    assert figures["latency_ms_p50"] == 500
    # 99% between the middle (0.5 s) and the slowest (2 s): 0.5 + 0.98 * 1.5
    assert figures["latency_ms_p99"] == pytest.approx(1970)
    assert set(shapes) == {(4, 300, 300, 3)}


def test_speeds_side_by_side(monkeypatch):
    # a clock that each call moves on: by 1 s for the first, 2 s for the second
    now, calls = [0.0], []
    monkeypatch.setattr("evaluation.speed.time.perf_counter", lambda: now[0])

    def detector(seconds):
        def detect(images):
            calls.append(seconds)
            now[0] += seconds

        return detect

    one, other = race([detector(1), detector(2)], 4, rounds=20)
    assert (one["fps"], other["fps"]) == (4, 2)
    assert one["fps_low"] == one["fps"] == one["fps_high"]
    timed = [calls[i : i + 2] for i in range(len(calls) - 40, len(calls), 2)]
    assert all(sorted(pair) == [1, 2] for pair in timed)  # each once a round
    assert {pair[0] for pair in timed} == {1, 2}  # and not always first


def test_a_slow_network_is_called_a_few_times_only(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr("evaluation.speed.time.perf_counter", lambda: now[0])

    def detect(images):
        calls.append(len(images))
        now[0] += 10

    assert measure_fps(detect, 8, rounds=30)["fps"] == 0.8
    assert len(calls) == speed.WARM_UP + speed.FEWEST


def test_the_interval_of_the_median_covers_it():
    rng = np.random.default_rng(0)
    covered = 0
    for seconds in rng.exponential(1, (1000, 30)):  # median ln 2: 1 / ln 2 a second
        figures = speed._figures(seconds, 1)
        covered += figures["fps_low"] <= 1 / np.log(2) <= figures["fps_high"]
    assert 920 <= covered <= 980


@pytest.mark.parametrize(("batch_size", "rounds"), [(0, 1), (1, 0)])
def test_speed_of_nothing_is_refused(batch_size, rounds):
    with pytest.raises(ValueError, match="at least 1"):
        measure_fps(len, batch_size, rounds)
