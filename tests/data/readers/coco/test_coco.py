"""COCO JSON: read as pycocotools reads it, scored as COCO scores it."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from data import Batches, read_dataset
from data.readers import recognise
from evaluation import evaluate_coco
from evaluation.coco import AP_NAMES, AR_NAMES
from tests.helpers.voc_files import write_image

WIDTH, HEIGHT = 60, 40
CATEGORIES = [{"id": 3, "name": "dog"}, {"id": 90, "name": "cat"}]  # sparse, unsorted


def annotation(number, image_id, bbox, category_id=90, **more):
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": bbox,
        "iscrowd": 0,
        "area": 20,
        **more,
    }


def write_json(path, names, annotations, categories=CATEGORIES, image_folder=None):
    """A JSON file and its images in `images` (default: beside it)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = []
    for number, name in enumerate(names, start=7):
        images.append(
            {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}
        )
        write_image((image_folder or path.parent) / name, (WIDTH, HEIGHT))
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content), "utf-8")
    return path


BOXES = [
    annotation(1, 7, [10, 4, 30, 16]),
    annotation(2, 7, [0, 0, 60, 40], 3, iscrowd=1),
    annotation(3, 8, [1.25, 2.5, 10.5, 20.25], 3),
]


def stems(dataset):
    return [sample.path.stem for sample in dataset.samples]


PLACES = [  # JSON files by split, folder of the images of a split
    ("annotations/instances_{}2017.json", "{}2017"),
    ("annotations/instances_{}2017.json", "images/{}2017"),
    ("annotations/instances_{}.json", "images"),
    ("annotations/{}.json", "images/{}"),
    ("{}/_annotations.coco.json", "{}"),
    ("{}.json", "images"),
    ("{}_labels.json", "data"),  # FiftyOne
]


@pytest.mark.parametrize(("file", "folder"), PLACES)
def test_each_layout_and_its_splits(tmp_path, file, folder):
    for split in ("train", "val"):
        json_path = tmp_path / file.format(split)
        names = [f"{split} ä.png", f"{split}2.png"]
        write_json(
            json_path, names, BOXES, image_folder=tmp_path / folder.format(split)
        )
    for split in ("train", "val"):
        dataset = read_dataset(tmp_path, split)
        assert stems(dataset) == [f"{split} ä", f"{split}2"] and not dataset.problems
        assert dataset.class_names == ["dog", "cat"] and not dataset.split_was_made
        truth = COCO(str(tmp_path / file.format(split)))
        for sample, image_id in zip(dataset.samples, (7, 8), strict=True):
            wanted = truth.loadAnns(truth.getAnnIds([image_id]))
            boxes = sample.truth[:, :4] * np.tile((WIDTH, HEIGHT), 2)
            boxes[:, 2:] -= boxes[:, :2]
            np.testing.assert_allclose(boxes, [a["bbox"] for a in wanted], rtol=1e-5)
            names = [truth.cats[a["category_id"]]["name"] for a in wanted]
            found = [dataset.class_names[int(i) - 1] for i in sample.truth[:, 4]]
            assert found == names
    assert len(read_dataset(tmp_path, "trainval")) == 4


def test_a_file_alone_is_split_by_hash_and_may_be_named_itself(tmp_path):
    path = write_json(tmp_path / "result.json", [f"{i}.png" for i in range(30)], [])
    both = [read_dataset(path, split) for split in ("train", "val")]
    assert sorted(stems(both[0]) + stems(both[1]), key=int) == [*map(str, range(30))]
    assert both[0].split_was_made and stems(both[1])


@pytest.mark.parametrize("no_parent", ["none", "", None])
def test_roboflow_puts_the_project_before_the_classes(tmp_path, no_parent):
    categories = [
        {"id": 0, "name": "pets", "supercategory": no_parent},
        {"id": 1, "name": "cat", "supercategory": "pets"},
        {"id": 2, "name": "dog", "supercategory": "pets"},
    ]
    boxes = [annotation(0, 7, [1, 1, 9, 9], 1)]
    path = write_json(
        tmp_path / "train" / "_annotations.coco.json", ["a.png"], boxes, categories
    )
    assert read_dataset(tmp_path, "trainval").class_names == ["cat", "dog"]
    boxes += [annotation(1, 7, [1, 1, 9, 9], 0)]  # an object of the parent keeps it
    write_json(path, ["a.png"], boxes, categories)
    assert read_dataset(tmp_path, "trainval").class_names == ["pets", "cat", "dog"]


def test_captions_and_keypoints_beside_instances_are_passed_over(tmp_path):
    folder = tmp_path / "annotations"
    write_json(folder / "instances_val2017.json", ["a.png"], BOXES[:1])
    write_json(folder / "person_keypoints_val2017.json", ["a.png"], BOXES[:1])
    (source,) = recognise.open_dataset(tmp_path).sources
    assert source.keys("val") == ["val/a.png"]
    assert len(source.read("val/a.png").objects) == 1


def test_boxes_come_from_outlines_where_there_are_none(tmp_path):
    from pycocotools import mask

    drawn = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    drawn[5:15, 20:50] = 1
    packed = mask.encode(drawn)
    packed["counts"] = packed["counts"].decode()
    flat = np.concatenate([[0], drawn.flatten(order="F"), [0]]).astype(int)
    ends = np.flatnonzero(np.diff(flat))
    runs = np.diff(np.concatenate([[0], ends, [drawn.size]])).tolist()
    outlines = [
        [[20, 5, 50, 5, 50, 15], [30, 5, 40, 14, 20, 9]],
        packed,
        {"size": [HEIGHT, WIDTH], "counts": runs},
    ]
    boxes = [annotation(i, 7, [], segmentation=s) for i, s in enumerate(outlines, 1)]
    del boxes[1]["bbox"]
    write_json(tmp_path / "a.json", ["a.png"], boxes)
    truth = read_dataset(tmp_path, "trainval").samples[0].truth
    wanted = np.divide((20, 5, 50, 15), (WIDTH, HEIGHT, WIDTH, HEIGHT))
    np.testing.assert_allclose(truth[:, :4], np.tile(wanted, (3, 1)), rtol=1e-6)


def test_crowds_are_not_trained_on(tmp_path):
    write_json(tmp_path / "a.json", ["a.png", "b.png"], BOXES)
    dataset = read_dataset(tmp_path, "trainval")
    assert dataset.samples[0].crowd.tolist() == [False, True]
    _, truth = Batches(dataset, 2, augmented=False).batch(0, 0)
    assert (truth[0, :, 4] > 0).sum() == 1 and truth[0, 0, 4] == 2


BROKEN = [  # a change of the content, words of the one line
    (lambda c: c.update(images=3), r"a.json: not COCO JSON: .*`\$.images`"),
    (lambda c: c["annotations"][1].pop("image_id"), r"annotations\[1\]"),
    (
        lambda c: c["annotations"][2].update(bbox=["x", 1, 2, 3]),
        r"Expected `float . null`, got `str` - at `\$.annotations\[2\].bbox\[0\]`",
    ),
    (lambda c: c["categories"][0].pop("name"), r"missing required field `name`"),
]


@pytest.mark.parametrize(("change", "words"), BROKEN)
def test_a_broken_file_is_refused_in_one_line(tmp_path, change, words):
    path = write_json(tmp_path / "a.json", ["a.png", "b.png"], BOXES)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=words) as error:
        read_dataset(tmp_path, "trainval")
    assert "\n" not in str(error.value)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ValueError, match=r"a\.json: not COCO JSON"):
        read_dataset(tmp_path, "trainval")


@pytest.mark.parametrize("name", ["instances_train.json", "_annotations.coco.json"])
@pytest.mark.parametrize("text", ["", "[]", "{}", "{", "\ufeff", "\ufeff[1]"])
def test_a_file_that_is_called_like_coco_is_told_whatever_it_holds(
    tmp_path, name, text
):
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(ValueError, match=rf"{name}: not COCO JSON: \w.*\.") as error:
        read_dataset(tmp_path, "train")
    assert "\n" not in str(error.value)


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = write_json(tmp_path / "a.json", ["a.png", "b.png"], BOXES)
    path.write_text(path.read_text("utf-8"), "utf-8-sig")
    assert len(read_dataset(path, "trainval")) == 2


def test_backslashes_split_as_slashes_do(tmp_path):
    names = [f"images/{i}.png" for i in range(30)]
    path = write_json(tmp_path / "result.json", names, [])
    wanted = stems(read_dataset(path, "val"))
    path.write_text(path.read_text().replace("images/", r"images\\"))
    assert stems(read_dataset(path, "val")) == wanted and len(wanted) < 30


LEFT_OUT = [  # an annotation, words of its problem
    (annotation(1, 7, [1, 1, 0, 5]), "no area"),
    (annotation(1, 7, [1, 1, 5]), "missing"),
    (annotation(1, 7, None), "missing"),
    (annotation(1, 7, [1, None, 5, 5]), "missing"),
    (annotation(1, 7, [70, 1, 5, 5]), "outside"),
    (annotation(1, 7, [50, 1, 20, 5]), "box 50 1 20 5 reaches out of the image"),
    (annotation(1, 7, [5, 1, 20, 5], 55), "objects of class 'id 55'"),
]


@pytest.mark.parametrize(("box", "words"), LEFT_OUT)
def test_a_bad_object_costs_only_itself(tmp_path, box, words):
    write_json(tmp_path / "a.json", ["a.png"], [box, annotation(2, 7, [1, 1, 5, 5])])
    dataset = read_dataset(tmp_path, "trainval")
    (line,) = dataset.problems
    assert words in line and ("55" in words or "annotations[0] (cat)" in line)
    assert dataset.num_objects_left_out == ("reaches out" not in words)


@pytest.mark.parametrize(
    "outline",
    [[[]], [1, 2, 3, 4, 5, 6], [["a", "b"]], "x", {"counts": "!!!", "size": [40, 60]}],
)
def test_a_broken_outline_costs_only_its_object(tmp_path, outline):
    broken = annotation(3, 7, None, segmentation=outline)
    write_json(tmp_path / "a.json", ["a.png"], [BOXES[0], broken])
    dataset = read_dataset(tmp_path, "trainval")
    assert len(dataset.samples[0].truth) == dataset.num_objects_left_out == 1
    assert "annotations[1] (cat): a number is missing" in dataset.problems[0]
    assert "outline" in dataset.problems[0]


NO_SIZES = [(None, 80), (80, None), (0, 0), (-1, -1), (60, 0.5)]


@pytest.mark.parametrize("size_wh", NO_SIZES)
def test_a_size_that_is_none_is_that_of_the_image(tmp_path, size_wh):
    path = write_json(tmp_path / "a.json", ["a.png"], BOXES[:1])
    content = json.loads(path.read_text())
    content["images"][0].update(width=size_wh[0], height=size_wh[1])
    path.write_text(json.dumps(content))
    dataset = read_dataset(path, "trainval")
    corners = np.divide((10, 4, 40, 20), (WIDTH, HEIGHT, WIDTH, HEIGHT))
    np.testing.assert_allclose(dataset.samples[0].truth, [[*corners, 2]], rtol=1e-6)
    assert dataset.samples[0].size_wh == (WIDTH, HEIGHT) and not dataset.problems


def test_images_that_are_not_there_are_counted_in_one_line(tmp_path):
    path = write_json(tmp_path / "a.json", ["a.png", "b.png", "c.png"], BOXES)
    (tmp_path / "b.png").unlink()
    (tmp_path / "c.png").unlink()
    dataset = read_dataset(path, "trainval")
    assert len(dataset) == 1 and dataset.num_images_left_out == 2
    (line,) = dataset.problems
    assert "2 images of a.json are not there, the first is 'b.png'" in line


def test_figures_are_those_of_pycocotools_on_the_file_itself(tmp_path):
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(0)
    boxes = []
    for number in range(1, 61):
        low, sides = rng.integers(0, 20, 2), rng.integers(5, 20, 2)
        bbox = [int(v) for v in (*low, *sides)]
        crowd = int(number % 9 == 0)
        area = float(rng.uniform(0.3, 100) * 200)  # outlines: small, medium and large
        ids = (int(rng.integers(7, 11)), int(rng.choice([3, 90])))
        boxes.append(annotation(number, ids[0], bbox, ids[1], iscrowd=crowd, area=area))
    path = write_json(tmp_path / "a.json", [f"{c}.png" for c in "abcd"], boxes)
    dataset = read_dataset(path, "trainval")
    ours, theirs = [], []
    for image_id, sample in enumerate(dataset.samples, start=7):
        found = sample.truth[rng.random(len(sample.truth)) < 0.8]
        corners = np.clip(found[:, :4] + rng.normal(0, 0.02, (len(found), 4)), 0, 1)
        scores = rng.random(len(found))
        ours.append(np.column_stack([found[:, 4], scores, corners]))
        for row in ours[-1]:
            left, top, right, bottom = row[2:] * (WIDTH, HEIGHT, WIDTH, HEIGHT)
            theirs.append(
                {
                    "image_id": image_id,
                    "category_id": (3, 90)[int(row[0]) - 1],
                    "score": row[1],
                    "bbox": [left, top, right - left, bottom - top],
                }
            )
    truth = COCO(str(path))
    oracle = COCOeval(truth, truth.loadRes(theirs), "bbox")
    oracle.evaluate()
    oracle.accumulate()
    oracle.summarize()
    figures = evaluate_coco(
        ours,
        [p.truth for p in dataset.samples],
        [p.difficult for p in dataset.samples],
        [p.size_wh for p in dataset.samples],
        dataset.class_names,
        [p.areas_px for p in dataset.samples],
    )
    found = [figures[name] for name in AP_NAMES + AR_NAMES]
    assert all(np.isfinite(found)) and 0.1 < figures["AP"] < 0.9
    np.testing.assert_allclose(found, oracle.stats, atol=1e-6)


def test_images_of_one_name_in_two_splits_stay_two(tmp_path):
    for split, edge in (("train", 9), ("valid", 5)):
        boxes = [annotation(1, 7, [0, 0, edge, edge])]
        write_json(tmp_path / split / "_annotations.coco.json", ["a.png"], boxes)
    source = recognise.open_dataset(tmp_path).sources[0]
    keys = {split: source.keys(split) for split in ("train", "val")}
    edges = [source.read(*keys[s]).objects[0].edges_px[2] for s in ("train", "val")]
    assert edges == [9, 5]
    assert len(read_dataset(tmp_path, "trainval")) == 2


def test_trainval_beside_train_leaves_val(tmp_path):
    for split, names in (("trainval", ["a.png", "b.png"]), ("train", ["a.png"])):
        path = tmp_path / "annotations" / f"instances_{split}.json"
        write_json(path, names, BOXES[:2], image_folder=tmp_path / "images")
    for split, wanted in (("train", ["a"]), ("val", ["b"]), ("trainval", ["a", "b"])):
        dataset = read_dataset(tmp_path, split)
        assert stems(dataset) == wanted and not dataset.split_was_made


def test_a_image_in_two_files_of_one_split_is_refused(tmp_path):
    for name in ("cats.json", "dogs.json"):
        write_json(tmp_path / name, ["a.png"], BOXES[:2])
    with pytest.raises(ValueError, match=r"a.png stands in .*cats.json and in .*dogs"):
        read_dataset(tmp_path, "train")
    assert len(read_dataset(tmp_path / "dogs.json", "trainval")) == 1


def test_a_folder_beside_those_of_splits_is_told(tmp_path):
    for folder in ("train", "valid", "holdout", "exam"):
        path = tmp_path / folder / "_annotations.coco.json"
        write_json(path, [f"{folder}.png"], BOXES[:1])
    dataset = read_dataset(tmp_path, "train")
    assert stems(dataset) == ["train"]
    assert "are in none: exam, holdout; --train-split exam" in dataset.problems[0]
    assert stems(read_dataset(tmp_path, "exam")) == ["exam"]
