"""COCO figures against pycocotools run directly; results files there and back."""

import contextlib
import io
import json
import math

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from evaluation import (
    evaluate_coco,
    read_predictions,
    to_coco,
)
from tests.helpers.results import write_results

NAMES = ["cat", "dog", "bird"]
FIGURES = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"]
FIGURES += ["AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large"]
EASY = np.zeros(1, bool)
LEFT = [0.0, 0.0, 0.5, 1.0]


def random_images(seed, num_images=12, num_names=3):
    rng = np.random.default_rng(seed)
    sizes_wh, truths, difficult, detections = [], [], [], []
    for _ in range(num_images):
        sizes_wh.append((int(rng.integers(60, 500)), int(rng.integers(60, 300))))
        num = rng.integers(0, 6)
        low = rng.uniform(0, 0.6, (num, 2))
        boxes = np.concatenate([low, low + rng.uniform(0.05, 0.4, (num, 2))], axis=1)
        ids = rng.integers(1, num_names + 1, (num, 1))
        truths.append(np.concatenate([boxes, ids], axis=1).astype(np.float32))
        difficult.append(rng.random(num) < 0.25)
        near = np.repeat(truths[-1], 2, axis=0)
        near[:, :4] += rng.normal(0, 0.02, (len(near), 4))
        scores = rng.choice([0.25, 0.5, 0.625, 0.75], (len(near), 1))  # with ties
        rows = np.concatenate([near[:, 4:], scores, near[:, :4]], axis=1)
        detections.append(np.concatenate([rows, np.zeros((3, 6))]).astype(np.float32))
    return detections, truths, difficult, sizes_wh


def reference(detections, truths, difficult, sizes_wh, class_id=None):
    # pycocotools alone: its own dataset and results, nothing of ours
    annotations, results = [], []
    for i, (wide, high) in enumerate(sizes_wh):
        scale = np.array([wide, high, wide, high], float)
        for row, hard in zip(truths[i], difficult[i], strict=True):
            x, y, right, low = (row[:4] * scale).tolist()
            box = [x, y, right - x, low - y]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i + 1,
                    "category_id": int(row[4]),
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": int(hard),
                }
            )
        for row in detections[i][detections[i][:, 0] > 0]:
            x, y, right, low = (row[2:] * scale).tolist()
            results.append([i + 1, x, y, right - x, low - y, row[1], row[0]])
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [
                {"id": i + 1, "width": w, "height": h}
                for i, (w, h) in enumerate(sizes_wh)
            ],
            "annotations": annotations,
            "categories": [{"id": i + 1} for i in range(len(NAMES))],
        }
        coco.createIndex()
        evaluator = COCOeval(coco, coco.loadRes(np.array(results)), "bbox")
        if class_id:
            evaluator.params.catIds = [class_id]
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return [value if value >= 0 else math.nan for value in evaluator.stats]


@pytest.mark.parametrize("seed", range(4))
def test_against_pycocotools(seed, capfd):
    images = random_images(seed)
    scores = evaluate_coco(*images, NAMES)
    assert "".join(capfd.readouterr()) == ""
    np.testing.assert_allclose(
        [scores[name] for name in FIGURES], reference(*images), atol=1e-9
    )
    for class_id, name in enumerate(NAMES, start=1):
        per_class = scores["per_class"][name]
        np.testing.assert_allclose(
            [per_class[key] for key in FIGURES[:3]],
            reference(*images, class_id)[:3],
            atol=1e-9,
        )


@pytest.mark.parametrize(
    ("rows", "objects", "difficult", "expected"),
    [
        ([], [], [], math.nan),
        ([[1, 0.9, *LEFT]], [], [], math.nan),
        ([], [[*LEFT, 1]], [False], 0),
        ([[0, 0, 0, 0, 0, 0]], [[*LEFT, 1]], [False], 0),  # padding only
        ([[1, 0.9, *LEFT]], [[*LEFT, 1]], [False], 1),
        ([[2, 0.9, *LEFT]], [[*LEFT, 1]], [False], 0),
        ([[1, 0.9, *LEFT]], [[*LEFT, 1]], [True], math.nan),
        # IoU 0.5 * 0.74 / 0.5 = 0.74: right at 0.5 .. 0.7, 5 of 10 thresholds
        ([[1, 0.9, 0, 0, 0.5, 0.74]], [[*LEFT, 1]], [False], 0.5),
        # two detections on a difficult object are both ignored, the other is right
        (
            [[1, 0.9, *LEFT], [1, 0.8, *LEFT], [1, 0.7, 0.5, 0, 1, 1]],
            [[*LEFT, 1], [0.5, 0, 1, 1, 1]],
            [True, False],
            1,
        ),
    ],
)
def test_by_hand(rows, objects, difficult, expected):
    detections = [np.array(rows, float).reshape(-1, 6)]
    truths = [np.array(objects, float).reshape(-1, 5)]
    scores = evaluate_coco(
        detections, truths, [np.array(difficult, bool)], [(200, 100)], NAMES
    )
    assert scores["AP"] == pytest.approx(expected, nan_ok=True)
    assert scores["per_class"]["cat"]["AP"] == pytest.approx(expected, nan_ok=True)
    assert math.isnan(scores["per_class"]["bird"]["AP"])


def test_areas_are_pixels_of_a_image_that_is_not_square():
    # half of 100 x 30 pixels = 50 * 30 = 1500: above 32 * 32 = 1024, below 96 * 96
    row, objects = np.array([[1, 0.9, *LEFT]]), np.array([[*LEFT, 1]])
    scores = evaluate_coco([row], [objects], [EASY], [(100, 30)], NAMES)
    assert scores["AP_medium"] == pytest.approx(1)
    assert math.isnan(scores["AP_small"])


def test_dataset_counts_from_one_and_marks_difficult_objects():
    objects = np.array([[*LEFT, 1], [0, 0, 1, 1, 3]])
    coco = to_coco([objects], [np.array([False, True])], [(200, 100)], NAMES)
    assert coco["images"] == [{"id": 1, "width": 200, "height": 100}]
    assert [one["id"] for one in coco["annotations"]] == [1, 2]
    assert [one["iscrowd"] for one in coco["annotations"]] == [0, 1]
    assert coco["annotations"][0]["bbox"] == [0, 0, 100, 100]
    assert [one["id"] for one in coco["categories"]] == [1, 2, 3]
    json.dumps(coco)  # plain numbers only


@pytest.mark.parametrize("named", [False, True])
def test_predictions_there_and_back(tmp_path, named):
    detections, truths, difficult, sizes_wh = random_images(5)
    files = [f"Bild ä {i}.jpg" for i in range(len(sizes_wh))]
    path = tmp_path / "gefunden ü.json"
    write_results(path, detections, sizes_wh, files if named else None)
    back = read_predictions(path, files, sizes_wh, NAMES)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    for before, after in zip(detections, back, strict=True):
        rows = before[before[:, 0] > 0]
        rows = rows[np.argsort(-rows[:, 1], kind="stable")]
        np.testing.assert_allclose(after, rows, atol=1e-5)
    once = evaluate_coco(detections, truths, difficult, sizes_wh, NAMES)
    again = evaluate_coco(back, truths, difficult, sizes_wh, NAMES)
    assert again["AP"] == pytest.approx(once["AP"], abs=1e-6)


GOOD = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 50, 50], "score": 0.5}


@pytest.mark.parametrize(
    ("image_id", "position"),
    [(1, 0), (2, 1), ("a.jpg", 0), ("a", 0), ("000002", 1), ("b.jpg", 2)],
)
def test_image_ids(tmp_path, image_id, position):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{**GOOD, "image_id": image_id}]))
    files = ["a.jpg", "x/000002.png", "b.jpg", "b.png"]
    back = read_predictions(path, files, [(100, 50)] * 4, NAMES)
    assert [len(part) for part in back] == [int(i == position) for i in range(4)]
    assert back[position].tolist() == [[1, 0.5, 0, 0, 0.5, 1]]


def test_images_of_one_name_are_told_apart_by_their_folders(tmp_path):
    path = tmp_path / "results.json"
    files = ["/set/x/a.jpg", "/set/y/a.jpg"]
    for image_id, position in (("x/a.jpg", 0), ("set/y/a.jpg", 1)):
        path.write_text(json.dumps([{**GOOD, "image_id": image_id}]))
        back = read_predictions(path, files, [(100, 50)] * 2, NAMES)
        assert [len(part) for part in back] == [position == 0, position == 1]
    for image_id in ("a.jpg", "a"):
        path.write_text(json.dumps([{**GOOD, "image_id": image_id}]))
        with pytest.raises(ValueError, match=r"entry 0: 2 images are called 'a.*y/a"):
            read_predictions(path, files, [(100, 50)] * 2, NAMES)
    path.write_text(json.dumps([{**GOOD, "image_id": "z/a.jpg"}]))
    with pytest.raises(ValueError, match=r"Received: 'z/a.jpg'"):
        read_predictions(path, files, [(100, 50)] * 2, NAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 3}, "image_id of 1 to 2"),
        ({"image_id": 0}, "image_id"),
        ({"image_id": True}, "image_id"),
        ({"image_id": "c.jpg"}, "c.jpg"),
        ({"image_id": [1]}, "image_id"),
        ({"category_id": 0}, "category_id of 1 to 3"),
        ({"category_id": 4}, "category_id"),
        ({"category_id": 1.0}, "category_id"),
        ({"bbox": [0, 0, 1]}, "bbox of 4"),
        ({"bbox": "0011"}, "bbox of 4"),
        ({"bbox": [0, 0, -1, 5]}, "width and height"),
        ({"bbox": [0, 0, math.inf, 5]}, "finite"),
        ({"bbox": [0, 0, 10**400, 5]}, "int too large"),
        ({"score": None}, "finite"),
        ({"score": math.nan}, "finite"),
    ],
)
def test_wrong_entries_are_named(tmp_path, change, message):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([GOOD, {**GOOD, **change}]))
    with pytest.raises(ValueError, match=rf"results\.json: entry 1: .*{message}") as e:
        read_predictions(path, ["a.jpg", "b.jpg"], [(100, 50)] * 2, NAMES)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a JSON file"),
        ("[" * 100_000, "not a JSON file"),
        ('{"images": []}', "expected a list"),
        ("[1]", "entry 0"),
        ('[{"image_id": 1}]', "entry 0: no 'category_id'"),
    ],
)
def test_wrong_files_are_named(tmp_path, text, message):
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"results\.json: {message}"):
        read_predictions(path, ["a.jpg"], [(100, 50)], NAMES)


def test_an_empty_list_is_an_answer(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("[]")
    back = read_predictions(path, ["a.jpg", "b.jpg"], [(100, 50)] * 2, NAMES)
    assert [part.shape for part in back] == [(0, 6), (0, 6)]
