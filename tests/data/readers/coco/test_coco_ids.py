"""Ids of COCO JSON that are twice, mixed, or of nothing; names and encodings."""

import json

import numpy as np
import pytest

from data import read_dataset
from tests.data.readers.coco.test_coco import (
    BOXES,
    CATEGORIES,
    annotation,
    stems,
    write_json,
)
from tests.helpers.findings import all_findings

SPLITS = ("train", "val", "test")


def change(path, function, encoding="utf-8"):
    content = json.loads(path.read_text("utf-8"))
    function(content)
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode(encoding))
    return path


def two_images(tmp_path, function=lambda content: None, encoding="utf-8"):
    path = write_json(tmp_path / "a.json", ["a.png", "b.png"], BOXES)
    return change(path, function, encoding)


@pytest.mark.parametrize("number", [7, "7", 7.0, " 7"])
def test_two_images_of_one_id_are_refused(tmp_path, number):
    path = two_images(tmp_path, lambda c: c["images"][1].update(id=number))
    with pytest.raises(
        ValueError, match=r"images 'a.png' and 'b.png' have one id"
    ) as e:
        read_dataset(path, "trainval")
    assert "\n" not in str(e.value) and "a.json" in str(e.value)


@pytest.mark.parametrize("number", [3, "3"])
def test_two_categories_of_one_id_are_refused(tmp_path, number):
    path = two_images(tmp_path, lambda c: c["categories"][1].update(id=number))
    with pytest.raises(ValueError, match="categories 'dog' and 'cat' have one id"):
        read_dataset(path, "trainval")


def test_an_image_of_two_ids_is_a_warning(tmp_path):
    path = two_images(tmp_path, lambda c: c["images"][1].update(file_name="a.png"))
    found = {f.id: f for f in all_findings(path)}["image-twice"]
    assert (found.severity, found.count) == ("warning", 1)
    assert "1 images stand in it under several ids, the first is" in found.examples[0]


def test_an_entry_that_is_there_twice_is_no_contradiction(tmp_path):
    def double(content):
        content["images"].append(content["images"][0])
        content["categories"].append(content["categories"][0])

    dataset = read_dataset(two_images(tmp_path, double), "trainval")
    assert stems(dataset) == ["a", "b"] and dataset.class_names == ["dog", "cat"]


@pytest.mark.parametrize("texts", ["images", "annotations"])
@pytest.mark.parametrize("key", ["id", "category_id"])
def test_ids_that_are_texts_here_and_numbers_there(tmp_path, texts, key):
    def mix(content):
        if key == "id":
            for item in content[texts]:
                name = "id" if texts == "images" else "image_id"
                item[name] = str(item[name])
        else:
            for item in content["categories" if texts == "images" else "annotations"]:
                name = "id" if texts == "images" else "category_id"
                item[name] = str(item[name])

    wanted = read_dataset(
        write_json(tmp_path / "w.json", ["a.png", "b.png"], BOXES), "trainval"
    )
    dataset = read_dataset(two_images(tmp_path, mix), "trainval")
    assert dataset.class_names == wanted.class_names and not dataset.problems
    for sample, other in zip(dataset.samples, wanted.samples, strict=True):
        np.testing.assert_array_equal(sample.truth, other.truth)


@pytest.mark.parametrize("number", [99, None])
def test_an_annotation_of_no_image_costs_itself(tmp_path, number):
    path = two_images(tmp_path, lambda c: c["annotations"][1].update(image_id=number))
    dataset = read_dataset(path, "trainval")
    assert [len(p.truth) for p in dataset.samples] == [1, 1]
    assert dataset.num_objects_left_out == 1
    (line,) = dataset.problems
    assert "1 annotations of images that are not in it" in line
    assert f"annotations[1], image_id {number}" in line
    assert {f.id: f.severity for f in all_findings(path)}["image-id"] == "error"


@pytest.mark.parametrize("name", [None, "", "NaN", " None ", "\u200b"])
def test_a_category_without_a_name(tmp_path, name):
    path = two_images(tmp_path, lambda c: c["categories"][0].update(name=name))
    dataset = read_dataset(path, "trainval")
    assert dataset.class_names == ["cat"] and dataset.num_objects_left_out == 2
    assert {line.id for line in dataset.problems} == {"name-missing"}


def test_nan_as_python_writes_it(tmp_path):
    path = two_images(tmp_path, lambda c: c["categories"][0].update(name=float("nan")))
    assert "NaN" in path.read_text() and read_dataset(path, "trainval").class_names == [
        "cat"
    ]


@pytest.mark.parametrize("name", ["cat\n", "\tcat", "cat\u00a0", "\ufeffcat"])
def test_white_space_around_a_category(tmp_path, name):
    path = two_images(tmp_path, lambda c: c["categories"][1].update(name=name))
    dataset = read_dataset(path, "trainval")
    assert dataset.class_names == ["dog", "cat"] and not dataset.problems


@pytest.mark.parametrize("name", ["c\u0000t", "\u0007bell", "b\ufffdr"])
def test_a_category_that_is_no_text_is_refused(tmp_path, name):
    path = two_images(tmp_path, lambda c: c["categories"][1].update(name=name))
    for names in (None, ["cat"]):
        with pytest.raises(ValueError, match=r"a.json: the class name "):
            read_dataset(path, "trainval", names)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_encodings(tmp_path, encoding):
    def rename(content):
        content["categories"][1]["name"] = "säge"

    dataset = read_dataset(two_images(tmp_path, rename, encoding).parent, "trainval")
    assert dataset.class_names == ["dog", "säge"] and len(dataset) == 2


def test_an_image_under_two_ids_has_the_boxes_of_both(tmp_path):
    boxes = [annotation(1, 7, [10, 4, 30, 16]), annotation(2, 8, [1, 1, 9, 9])]
    path = write_json(tmp_path / "a.json", ["a.png", "a.png"], boxes)
    dataset = read_dataset(path, "trainval")
    assert [len(p.truth) for p in dataset.samples] == [2]
    assert "'a.png'; their boxes are put together" in dataset.problems[0]


@pytest.mark.parametrize(
    "names",
    [
        ("instances_Train.json", "instances_Validation.json", "instances_Test.json"),
        ("annotations/TRAINING.json", "annotations/VALID.json", "annotations/tst.json"),
        ("Train/a.json", "Valid/b.json", "Testing/c.json"),
    ],
)
def test_splits_in_other_words(tmp_path, names):
    for name, image in zip(names, ("a.png", "b.png", "c.png"), strict=True):
        write_json(tmp_path / name, [image], BOXES[:1])
    found = {split: stems(read_dataset(tmp_path, split)) for split in SPLITS}
    assert found == {"train": ["a"], "val": ["b"], "test": ["c"]}


def test_a_file_that_tells_no_split_is_told_and_may_be_asked_for(tmp_path):
    for name in ("train", "val", "holdout"):
        write_json(tmp_path / f"instances_{name}.json", [f"{name}.png"], BOXES[:1])
    dataset = read_dataset(tmp_path, "train")
    assert stems(dataset) == ["train"]
    assert "are in none: holdout" in dataset.problems[0]
    assert stems(read_dataset(tmp_path, "holdout")) == ["holdout"]


def test_files_that_all_tell_no_split_count_together(tmp_path):
    for name in ("fold1", "fold2"):
        write_json(tmp_path / f"{name}.json", [f"{name}{i}.png" for i in "ab"], [])
    write_json(tmp_path / "fold3.json", ["x.png"], BOXES[:1])
    dataset = read_dataset(tmp_path, "trainval")
    assert len(dataset) == 5 and any("count together" in line for line in dataset.notes)
    assert stems(read_dataset(tmp_path, "fold3")) == ["x"]


def test_the_image_ids_stay_with_the_images(tmp_path):
    dataset = read_dataset(two_images(tmp_path), "trainval")
    assert [p.image_id for p in dataset.samples] == [7, 8]
    assert dataset.category_ids == {c["id"]: c["name"] for c in CATEGORIES}


@pytest.mark.parametrize(
    ("ids", "number", "stem"),
    [
        (("1", "01"), 1, "a"),
        (("01", "1"), 1, "b"),
        (("1", "01"), "01", "b"),
        (("01", "2"), 1, "a"),
        (("01", "001"), 1, None),  # which of them can't be known
    ],
)
def test_ids_that_are_one_number(tmp_path, ids, number, stem):
    def mix(content):
        for image, text in zip(content["images"], ids, strict=True):
            image["id"] = text
        content["annotations"] = [annotation(1, number, (15, 2, 30, 16))]

    dataset = read_dataset(two_images(tmp_path, mix), "trainval")
    with_boxes = [image.path.stem for image in dataset.samples if len(image.truth)]
    assert with_boxes == ([stem] if stem else [])
    assert [line.id for line in dataset.problems] == ([] if stem else ["image-id"])
