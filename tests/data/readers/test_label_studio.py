"""Label Studio's JSON and JSON-MIN: percent, rotation, annotations, addresses."""

import base64

import numpy as np
import pytest

from data import read_dataset
from tests.helpers.tool_files import boxes, write

SIZES = {"original_width": 60, "original_height": 40, "image_rotation": 0}
RECT = {"x": 25, "y": 5, "width": 50, "height": 40, "rotation": 0}  # 15, 2, 45, 18
CAT = {**RECT, "rectanglelabels": ["cat"]}


def result(value, kind="rectanglelabels", **more):
    item = {"id": "r1", "from_name": "label", "to_name": "image", "type": kind}
    return {**item, **SIZES, "value": value, **more}


def annotation(results, **more):
    return {"id": 7, "was_cancelled": False, "result": results, **more}


def task(annotations, image="/data/upload/1/0a1b2c3d-a.png", number=1):
    return {"id": number, "data": {"image": image}, "annotations": annotations}


def minimal(regions, image="/data/upload/1/0a1b2c3d-a.png", number=1, **more):
    item = {"image": image, "id": number, "annotator": 1, "annotation_id": 9}
    label = [{**SIZES, **region} for region in regions]
    return {**item, "label": label, "lead_time": 3.1, **more}


SHAPES = {  # value without its label: edges in 60x40
    "rectangle": (RECT, (15, 2, 45, 18)),
    # 18x10 pixels, a quarter turn clockwise about 30, 10: it reaches 10 to the left
    # and 18 down
    "turned": (
        {"x": 50, "y": 25, "width": 30, "height": 25, "rotation": 90},
        (20, 10, 30, 28),
    ),
    # 12x12 pixels turned by 45 degrees about 30, 10: diagonal 16.97
    "diamond": (
        {"x": 50, "y": 25, "width": 20, "height": 30, "rotation": 45},
        (21.51, 10, 38.49, 26.97),
    ),
    "ellipse": (
        {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0},
        (24, 12, 36, 28),
    ),
    "turned ellipse": (
        {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 90},
        (22, 14, 38, 26),
    ),
    "polygon": ({"points": [[25, 5], [75, 20], [50, 45]]}, (15, 2, 45, 18)),
}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("is_min", [False, True])
def test_each_shape(tmp_path, kind, is_min):
    value, edges = SHAPES[kind]
    value = {**value, "polygonlabels": ["cat"]}
    item = minimal([value]) if is_min else task([annotation([result(value)])])
    write(tmp_path, {"images/0a1b2c3d-a.png": None, "project-1.json": [item]})
    assert boxes(tmp_path) == [("0a1b2c3d-a", "cat", edges)]


PROXIED = base64.urlsafe_b64encode(b"s3://bucket/pets/a.png").decode()
ADDRESSES = {  # address: the image's file
    "/data/upload/1/0a1b2c3d-a.png": "images/0a1b2c3d-a.png",
    "/data/upload/1/0a1b2c3d-a.png#": "a.png",  # uploaded from here: without digits
    "/data/local-files/?d=pets/my%20a.png": "pets/my a.png",
    "\\data\\local-files\\?d=pets\\a.png": "pets/a.png",
    "s3://bucket/pets/a.png": "a.png",
    "https://example.com/x/a.png?key=1&d2=3": "images/a.png",
    f"/tasks/1/resolve/?fileuri={PROXIED}": "pets/a.png",
    "a.png": "a.png",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_where_the_image_lies(tmp_path, address):
    name = ADDRESSES[address]
    item = task([annotation([result(CAT)])], address)
    write(tmp_path, {name: None, "export.json": [item]})
    (found,) = read_dataset(tmp_path, "trainval").samples
    assert found.path == tmp_path / name


def test_digits_are_kept_where_a_name_was_uploaded_twice(tmp_path):
    # both are called a.png without them: neither may take it
    items = [
        task([annotation([result(CAT)])], f"/data/upload/1/{digits}-a.png", number)
        for number, digits in enumerate(("0a1b2c3d", "ffffffff"))
    ]
    write(tmp_path, {"a.png": None, "ffffffff-a.png": None, "export.json": items})
    dataset = read_dataset(tmp_path, "trainval")
    assert [p.path.name for p in dataset.samples] == ["ffffffff-a.png"]
    assert (
        "1 images of export.json are not there, the first is 'upload/1/0a1b2c3d"
        in (dataset.problems[0])
    )
    assert dataset.num_images_left_out == 1


DOG = {"id": 8, "result": [result({**RECT, "rectanglelabels": ["dog"]})]}
CHOICES = {  # annotations: class of the one box; None: left out, "": no box
    "predictions": ([], None),
    "cancelled": ([annotation([result(CAT)], was_cancelled=True)], None),
    "cancelled, then done": (
        [annotation([result(CAT)], was_cancelled=True), DOG],
        "dog",
    ),
    "submitted without a box": ([annotation([])], ""),
    "the newest": (
        [
            {**DOG, "created_at": "2024-05-02T10:00:00Z"},
            annotation([result(CAT)], created_at="2024-05-01T10:00:00Z"),
        ],
        "dog",
    ),
    "the newest, last": (
        [
            annotation([result(CAT)], created_at="2024-05-01T10:00:00Z"),
            {**DOG, "created_at": "2024-05-02T10:00:00Z"},
        ],
        "dog",
    ),
    "ground truth": (
        [
            {**DOG, "created_at": "2024-05-02T10:00:00Z"},
            annotation(
                [result(CAT)], created_at="2024-05-01T10:00:00Z", ground_truth=True
            ),
        ],
        "cat",
    ),
    "rectangle and labels apart": (
        [
            annotation(
                [
                    result(RECT, "rectangle"),
                    result({**RECT, "labels": ["cat"]}, "labels"),
                    {"id": "c", "type": "choices", "value": {"choices": ["blurred"]}},
                    {"type": "relation", "from_id": "r1", "to_id": "r1"},
                ]
            )
        ],
        "cat",
    ),
}


@pytest.mark.parametrize("case", CHOICES)
def test_which_annotation_counts(tmp_path, case):
    annotations, expected = CHOICES[case]
    item = {**task(annotations, "a.png"), "predictions": [DOG]}
    other = task([annotation([result(CAT)])], "b.png", 2)  # makes the file readable
    write(tmp_path, {"a.png": None, "b.png": None, "x.json": [item, other]})
    dataset = read_dataset(tmp_path, "trainval")
    found = {p.path.stem: p.truth for p in dataset.samples}
    if expected is None:
        assert "a" not in found and "tasks have no annotation" in dataset.problems[0]
        return
    names = [dataset.class_names[int(row[4]) - 1] for row in found["a"]]
    assert names == [expected] * bool(expected)
    is_told = any("several annotations" in line for line in dataset.problems)
    assert is_told == case.startswith(("the newest", "ground truth"))


def test_completions_before_version_1(tmp_path):
    item = task([], "a.png")
    del item["annotations"]
    item["completions"] = [annotation([result(CAT)])]
    assert boxes(write(tmp_path, {"a.png": None, "x.json": [item]})) == [
        ("a", "cat", (15, 2, 45, 18))
    ]


def test_the_value_called_image_comes_first(tmp_path):
    item = task([annotation([result(CAT)])])
    item["data"] = {"thumbnail": "b.png", "image": "a.png", "text": "c.png"}
    files = {"a.png": None, "b.png": None, "c.png": None, "x.json": [item]}
    assert [stem for stem, *_ in boxes(write(tmp_path, files))] == ["a"]


def test_a_turned_image_s_numbers_are_not_read(tmp_path):
    item = task([annotation([result(CAT, image_rotation=90)])], "a.png")
    other = task([annotation([result(CAT)])], "b.png", 2)
    write(tmp_path, {"a.png": None, "b.png": None, "x.json": [item, other]})
    dataset = read_dataset(tmp_path, "trainval")
    assert [len(image.truth) for image in dataset.samples] == [0, 1]


def test_json_min_without_and_with_several_annotations(tmp_path):
    dog = {**RECT, "rectanglelabels": ["dog"]}
    items = [
        minimal([CAT], "a.png", created_at="2024-05-02T10:00:00Z"),
        minimal([dog], "a.png", created_at="2024-05-01T10:00:00Z"),
        minimal([], "b.png", 2),  # submitted without a box
        {"image": "c.png", "id": 3, "lead_time": None},  # nobody has looked at it
    ]
    files = {"a.png": None, "b.png": None, "c.png": None, "min.json": items}
    dataset = read_dataset(write(tmp_path, files), "trainval", ["cat", "dog"])
    assert [(p.path.stem, p.truth[:, 4].tolist()) for p in dataset.samples] == [
        ("a", [1]),
        ("b", []),
    ]
    assert dataset.num_images_left_out == 1


@pytest.mark.parametrize(
    "value",
    [
        {**CAT, "width": None},
        {**CAT, "x": "1e999"},
        {"format": "rle", "rle": [1, 2], "brushlabels": ["cat"]},
        {"x": 5, "y": 5, "width": 0.5, "keypointlabels": ["cat"]},
        {**CAT, "image_rotation": 90},
        {**CAT, "rotation": [1]},
    ],
)
def test_a_bad_region_costs_itself(tmp_path, value):
    item = minimal([value, CAT], "a.png")
    write(tmp_path, {"a.png": None, "export.json": [item]})
    dataset = read_dataset(tmp_path, "trainval")
    assert len(dataset.samples[0].truth) == 1 and dataset.num_objects_left_out == 1
    assert "task 1, region 0" in dataset.problems[0]


REFUSED = {  # text of the file: what is told
    "twice": (
        [task([DOG], "a.png"), task([DOG], "a.png", 2)],
        "a.png stands in task 1",
    ),
    "no image": (
        [{"id": 4, "data": {"text": "hello"}, "annotations": [DOG]}],
        "task 4: names no image",
    ),
    "an object": ({"data": {}, "annotations": [], "result": 1}, "Label Studio JSON"),
    "cut off": ('[{"data": {"image": "a.png"}, "annotations": [{"result"', "truncated"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_file_is_refused_in_one_line(tmp_path, case):
    content, told = REFUSED[case]
    write(tmp_path, {"a.png": None, "export.json": content})
    with pytest.raises(ValueError, match=r"export\.json") as error:
        read_dataset(tmp_path, "trainval")
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_size_that_is_not_the_image_s_is_told(tmp_path):
    item = minimal([{**CAT, "original_width": 40, "original_height": 60}], "a.png")
    write(tmp_path, {"a.png": None, "export.json": [item]})
    dataset = read_dataset(tmp_path, "trainval")
    (problem,) = dataset.problems
    assert "40x60" in problem and "60x40" in problem
    np.testing.assert_allclose(
        dataset.samples[0].truth[0, :4], [0.25, 0.05, 0.75, 0.45]
    )


def test_an_image_that_is_gone_never_takes_another_s(tmp_path):
    names = ["s3://b/b2/a.png", "s3://b/a.png", "s3://b/0a1b2c3d-a.png"]
    tasks = [task([annotation([result(CAT)])], name, n) for n, name in enumerate(names)]
    write(tmp_path, {"a.png": None, "export.json": tasks})
    dataset = read_dataset(tmp_path, "trainval")
    assert [sample.path.name for sample in dataset.samples] == ["a.png"]
    assert "2 images of export.json are not there" in dataset.problems[0]


def of_two_images(*regions, number=1):
    data = {side: f"/data/upload/1/{side}{number}.png" for side in ("left", "right")}
    results = [result(CAT | {"x": x}, id=str(x), to_name=to) for to, x in regions]
    return {"id": number, "data": data, "annotations": [annotation(results)]}


def images_of_two(tmp_path, *tasks):
    images = [f"{side}{n}.png" for side in ("left", "right") for n in (1, 2)]
    return write(tmp_path, {**dict.fromkeys(images), "a.json": list(tasks)})


def test_regions_of_two_images_go_where_to_name_says(tmp_path):
    both = of_two_images(("right", 50), ("left", 25))
    root = images_of_two(tmp_path, both, of_two_images(("left", 0), number=2))
    assert sorted(boxes(root)) == [
        ("left1", "cat", (15, 2, 45, 18)),
        ("left2", "cat", (0, 2, 30, 18)),
        ("right1", "cat", (30, 2, 60, 18)),
    ]
    assert len(read_dataset(root, "trainval")) == 4  # right2 shows nothing


@pytest.mark.parametrize("to_name", ["image", None, ["left"]])
def test_regions_of_one_of_two_images_are_refused(tmp_path, to_name):
    root = images_of_two(tmp_path, of_two_images(("left", 0), (to_name, 25)))
    with pytest.raises(ValueError, match=r"task 1: has several images, left, right"):
        read_dataset(root, "trainval")


def test_json_min_of_two_images_is_refused(tmp_path):
    item = minimal([CAT], image="left1.png") | {"right": "right1.png"}
    with pytest.raises(ValueError, match=r"task 1: has several images, image, right"):
        read_dataset(images_of_two(tmp_path, item), "trainval")


def test_an_image_that_no_region_names_is_not_read(tmp_path):
    item = task([annotation([result(CAT)])])
    item["data"] |= {"thumbnail": "small/a.png", "file": "a.png", "id": "7"}
    write(tmp_path, {"0a1b2c3d-a.png": None, "small/a.png": None, "p.json": [item]})
    assert [name for name, *_ in boxes(tmp_path)] == ["0a1b2c3d-a"]
    assert len(read_dataset(tmp_path, "trainval")) == 1
