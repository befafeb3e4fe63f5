"""VIA: JSON of versions 1 to 3 and CSV; which attribute is the class."""

import csv
import io
import json
import math

import pytest

from base.errors import UserError
from data import read_dataset
from data.readers import via as reader
from data.readers.files import json_file
from tests.helpers.tool_files import boxes, write

RECT = {"name": "rect", "x": 15, "y": 2, "width": 30, "height": 16}
CAT = {"shape_attributes": RECT, "region_attributes": {"class": "cat"}}
EDGES = (15, 2, 45, 18)


def via(regions, name="a.png", size=1234):
    item = {"filename": name, "size": size, "regions": regions, "file_attributes": {}}
    return {f"{name}{size}": item}


def project(images):
    return {"_via_settings": {}, "_via_img_metadata": images, "_via_attributes": {}}


def table(rows, first="filename"):
    """VIA's CSV of (image, shape, attributes); no shape: an image without regions."""
    text = io.StringIO()
    writer = csv.writer(text)
    columns = ["file_size", "file_attributes", "region_count", "region_id"]
    writer.writerow([first, *columns, "region_shape_attributes", "region_attributes"])
    for name, shape, attributes in rows:
        cells = [json.dumps(shape), json.dumps(attributes)]
        writer.writerow([name, 1234, "{}", 1, 0, *cells])
    return text.getvalue()


def via3(xy, value="0", options=("cat", "dog"), kind=4, **more):
    attribute = {"aname": "class", "anchor_id": "FILE1_Z0_XY1", "type": kind}
    attribute["options"] = {str(i): name for i, name in enumerate(options)}
    region = {"vid": "1", "flg": 0, "z": [], "xy": xy, "av": {"1": value}, **more}
    whole = {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {"1": "1"}}
    return {
        "project": {"pname": "x"},
        "attribute": {"1": attribute},
        "file": {"1": {"fid": "1", "fname": "a.png", "type": 2}},
        "metadata": {"m0": whole, "m1": region},
        "view": {"1": {"fid_list": ["1"]}},
    }


FILES = {
    "project": ("via_project.json", project(via([CAT]))),
    "annotations": ("via_export_json.json", via([CAT])),
    "VIA 1": ("via_region_data.json", via({"0": CAT})),
    "CSV": ("via_export_csv.csv", table([("a.png", RECT, {"class": "cat"})])),
    "CSV of VIA 1": ("v.csv", table([("a.png", RECT, {"class": "cat"})], "#filename")),
    "VIA 3": ("via_project.json", via3([2, 15, 2, 30, 16])),
    "VIA 3, text": ("p.json", via3([2, 15, 2, 30, 16], "cat", options=(), kind=1)),
}


@pytest.mark.parametrize("kind", FILES)
def test_each_kind_of_file(tmp_path, kind):
    name, content = FILES[kind]
    write(tmp_path, {"images/a.png": None, name: content})
    assert boxes(tmp_path) == boxes(tmp_path / name) == [("a", "cat", EDGES)]


SHAPES = {
    "circle": ({"cx": 30, "cy": 20, "r": 5}, (25, 15, 35, 25)),
    "ellipse": ({"cx": 30, "cy": 20, "rx": 10, "ry": 5}, (20, 15, 40, 25)),
    "ellipse ": (  # a quarter turn, in radians
        {"cx": 30, "cy": 20, "rx": 10, "ry": 5, "theta": math.pi / 2},
        (25, 10, 35, 30),
    ),
    "polygon": (
        {"all_points_x": [15, 45, 30], "all_points_y": [2, 10, 18]},
        EDGES,
    ),
    "polyline": ({"all_points_x": [15, 45], "all_points_y": [2, 18]}, EDGES),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_each_shape(tmp_path, kind):
    numbers, edges = SHAPES[kind]
    shape = {"name": kind.strip(), **numbers}
    region = {"shape_attributes": shape, "region_attributes": {"class": "cat"}}
    write(tmp_path, {"a.png": None, "via.json": via([region])})
    assert boxes(tmp_path) == [("a", "cat", edges)]


SHAPES3 = {  # via-3.x.y/src/js/_via_metadata.js: [shape, coordinates...]
    (2, 15, 2, 30, 16): EDGES,
    (3, 30, 20, 5): (25, 15, 35, 25),
    (4, 30, 20, 10, 5): (20, 15, 40, 25),
    (5, 15, 2, 45, 18): EDGES,
    (6, 15, 2, 45, 10, 30, 18): EDGES,
    (7, 15, 2, 45, 10, 30, 18): EDGES,
    (8, 15, 8, 30, 2, 45, 9, 20, 18): EDGES,  # a point on each side
}


@pytest.mark.parametrize("xy", SHAPES3)
def test_each_shape_of_via_3(tmp_path, xy):
    write(tmp_path, {"a.png": None, "via.json": via3(list(xy))})
    assert boxes(tmp_path) == [("a", "cat", SHAPES3[xy])]


def test_via_3_regions_of_a_time_and_two_options(tmp_path):
    write(tmp_path, {"a.png": None, "via.json": via3([2, 15, 2, 30, 16], z=[1.5])})
    with pytest.raises(ValueError, match="no class names"):
        read_dataset(tmp_path, "trainval")
    content = via3([2, 15, 2, 30, 16])
    content["metadata"]["m2"] = {**content["metadata"]["m1"], "av": {"1": "0,1"}}
    write(tmp_path, {"via.json": content})
    dataset = read_dataset(tmp_path, "trainval")
    assert len(dataset.samples[0].truth) == dataset.num_objects_left_out == 1


ATTRIBUTES = {  # attributes of two regions: classes found, None: refused
    "any name": ([{"fruit": "pear"}, {"fruit": "fig"}], ["fig", "pear"]),
    "class among others": (
        [{"colour": "red", "Class": "pear"}, {"colour": "", "Class": "fig"}],
        ["fig", "pear"],
    ),
    "a box that is checked": (
        [{"kind": {"pear": True}}, {"kind": {"fig": True, "pear": False}}],
        ["fig", "pear"],
    ),
    "none at all": ([{}, {}], ["object"]),
    "perhaps a class": ([{"colour": "red", "type": "fig"}], ["fig"]),
    "class before others": ([{"name": "no 1", "type": "a", "label": "fig"}], ["fig"]),
    "which of them": ([{"colour": "red", "size": "1"}, {}], None),
    "two that may be": ([{"name": "no 1", "type": "fig"}], None),
}


@pytest.mark.parametrize("case", ATTRIBUTES)
def test_the_attribute_that_is_the_class(tmp_path, case):
    attributes, expected = ATTRIBUTES[case]
    regions = [{**CAT, "region_attributes": item} for item in attributes]
    write(tmp_path, {"a.png": None, "via.json": via(regions)})
    if expected is None:
        with pytest.raises(
            ValueError, match=r"attributes (colour, size|name, type) is the"
        ):
            read_dataset(tmp_path, "trainval")
    else:
        assert sorted({name for _, name, _ in boxes(tmp_path)}) == expected


NAMELESS = [{}, {"class": ""}, {"class": None}, {"class": {"a": True, "b": True}}]


@pytest.mark.parametrize("attributes", NAMELESS)
def test_a_region_without_its_class_costs_itself(tmp_path, attributes):
    region = {**CAT, "region_attributes": attributes}
    write(tmp_path, {"a.png": None, "via.json": via([region, CAT])})
    dataset = read_dataset(tmp_path, "trainval")
    assert dataset.class_names == ["cat"] and dataset.num_objects_left_out == 1


@pytest.mark.parametrize(
    "shape",
    [
        None,
        {},
        {**RECT, "width": "x"},
        {"name": "point", "cx": 3, "cy": 4},
        {"name": "circle", "cx": 3},
        {"name": "ellipse", "cx": 3, "cy": 3, "rx": 2, "ry": 1, "theta": "x"},
        {"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1]},
        {"name": "polygon", "all_points_x": [], "all_points_y": []},
    ],
)
def test_a_bad_region_costs_itself(tmp_path, shape):
    region = {**CAT, "shape_attributes": shape}
    write(tmp_path, {"a.png": None, "via.json": via([region, CAT])})
    dataset = read_dataset(tmp_path, "trainval")
    assert len(dataset.samples[0].truth) == 1 and dataset.num_objects_left_out == 1
    assert "a.png: region 0" in dataset.problems[0]


def test_images_without_regions_and_splits_by_folder(tmp_path):
    files = {}
    for folder in ("train", "val"):
        images = {**via([CAT]), **via([], "b.png")}
        files |= {f"{folder}/a.png": None, f"{folder}/b.png": None}
        files |= {f"{folder}/via_region_data.json": images}
    write(tmp_path, files)
    for split in ("train", "val"):
        dataset = read_dataset(tmp_path, split)
        assert [len(p.truth) for p in dataset.samples] == [1, 0]
        assert {p.path.parent.name for p in dataset.samples} == {split}
    rows = [("a.png", RECT, {"class": "cat"}), ("b.png", {}, {})]
    write(tmp_path / "csv", {"a.png": None, "b.png": None, "v.csv": table(rows)})
    dataset = read_dataset(tmp_path / "csv", "trainval")
    assert [len(p.truth) for p in dataset.samples] == [1, 0]


REFUSED = {  # file, content, what is told
    "twice": (
        "v.json",
        {**via([CAT]), **via([CAT], size=99)},
        "stands in the file twice",
    ),
    "no name": (
        "v.json",
        {"a": {"regions": [], "file_attributes": {}}, "b": {"filename": ""}},
        "expected an image with filename",
    ),
    "no images": ("v.json", {"_via_img_metadata": 3}, "expected an object of images"),
    "no object": (
        "v.json",
        {"_via_img_metadata": {"a.png9": "a.png"}},
        "'a.png9': expected an image with filename",
    ),
    "a list": ("v.json", [project({})], "not VIA JSON"),
    "cut off": ("v.json", json.dumps(project(via([CAT])))[:-9], "not VIA JSON"),
    "a cell": ("v.csv", table([("a.png", RECT, {})]).replace("{}", "{"), "line 2"),
    "CSV, twice": (
        "v.csv",
        table([("a.png", RECT, {})] * 2).replace("1234", "9", 1),
        "line 3: a.png stands in the file twice",
    ),
    "few cells": ("v.csv", table([]) + "a.png,1\n", "line 2: expected 7 cells"),
    "NUL": ("v.csv", table([]) + "a\0,1\n", "line 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_file_is_refused_in_one_line(tmp_path, case):
    name, content, told = REFUSED[case]
    write(tmp_path, {"a.png": None, name: content})
    with pytest.raises(ValueError, match=name) as error:
        read_dataset(tmp_path, "trainval")
    assert told in str(error.value) and "\n" not in str(error.value)


def test_images_that_no_file_lists_are_told(tmp_path):
    files = {name: None for name in ("a.png", "sub/b.png", "c.png")}
    write(tmp_path, {**files, "via.json": via([CAT])})
    (line,) = read_dataset(tmp_path, "trainval").problems
    assert "2 images are in no VIA file" in line and line.severity == "warning"
    write(tmp_path, {"via.json": {**via([CAT]), **via([], "sub/b.png")}})
    *_, line = read_dataset(tmp_path, "trainval").notes
    assert line.startswith(f"{tmp_path}: 1 images") and line.severity == "note"


@pytest.mark.parametrize("name, content", [FILES["project"], FILES["CSV"]])
def test_the_limit_on_bytes(tmp_path, monkeypatch, name, content):
    write(tmp_path, {"a.png": None, name: content})
    source = reader.find(tmp_path)[0]
    monkeypatch.setattr(reader, "MAX_BYTES", 10)
    monkeypatch.setattr(json_file, "MAX_BYTES", 10)
    with pytest.raises(UserError, match=f"{name}.*at most 10 bytes are read"):
        source.keys(None)


def test_an_image_that_is_not_there_costs_itself(tmp_path):
    images = {**via([CAT]), **via([CAT], "b.png")}
    write(tmp_path, {"a.png": None, "via.json": images})
    dataset = read_dataset(tmp_path, "trainval")
    told = "1 images of via.json are not there, the first is 'b.png'; left out."
    assert len(dataset) == 1 and told in dataset.problems[0]


def test_one_name_in_two_splits_is_two_images(tmp_path):
    dog = {**CAT, "region_attributes": {"class": "dog"}}
    files = {f"{split}/a.png": None for split in ("train", "val")}
    files |= {"via_train.json": via([CAT]), "via_val.json": via([dog])}
    write(tmp_path, files)
    for split, name in {"train": "cat", "val": "dog"}.items():
        assert boxes(tmp_path, split) == [("a", name, EDGES)]
        (found,) = read_dataset(tmp_path, split).samples
        assert found.path == tmp_path / split / "a.png"
    write(tmp_path, {"more_train.json": via([dog])})
    with pytest.raises(UserError, match=r"a.png stands in .*train.json and in"):
        read_dataset(tmp_path, "train")


def test_trainval_shares_its_images_with_train(tmp_path):
    files = {f"{name}.png": None for name in "abc"}
    images = {split: via([CAT], f"{split}.png") for split in "abc"}
    files |= {
        "via_train.json": images["a"],
        "via_val.json": images["b"],
        "via_trainval.json": {**images["a"], **images["b"], **images["c"]},
    }
    source = reader.find(write(tmp_path, files))[0]
    assert source.keys("trainval") == ["a.png", "b.png", "c.png"]
    assert (source.keys("train"), source.keys("val")) == (["a.png"], ["b.png"])


def test_via_3_names_the_region_and_passes_over_unknown_files(tmp_path):
    content = via3([2, 15, 2, 0, 16])  # no width
    content["view"]["2"] = {"fid_list": ["9"]}
    content["view"]["3"] = {"fid_list": []}
    content["metadata"]["m2"] = {**content["metadata"]["m1"], "vid": "2"}
    content["metadata"]["m3"] = {**content["metadata"]["m1"], "xy": [2, 15, 2, 30, 16]}
    write(tmp_path, {"a.png": None, "via.json": content})
    dataset = read_dataset(tmp_path, "trainval")
    (line,) = dataset.problems
    assert line.startswith(
        f"{tmp_path / 'via.json'}: metadata m1 (cat): box 15 2 15 18"
    )
    assert len(dataset.samples[0].truth) == 1


def test_a_point_has_no_area(tmp_path):
    region = {**CAT, "shape_attributes": {"name": "point", "cx": 3, "cy": 4}}
    write(tmp_path, {"a.png": None, "via.json": via([region, CAT])})
    assert "box 3 4 3 4 has" in read_dataset(tmp_path, "trainval").problems[0]


def test_names_of_two_files_that_come_to_one_image_are_refused(tmp_path):
    train = {**via([CAT], "b2/a.png"), **via([CAT], "c.png")}
    files = {"a.png": None, "c.png": None, "via_train.json": train}
    write(tmp_path, {**files, "via_val.json": via([CAT])})
    dataset = read_dataset(tmp_path, "train")
    assert [sample.path.name for sample in dataset.samples] == ["c.png"]
    assert "a.png and b2/a.png both come to this image. Left" in dataset.problems[0]


def test_a_class_that_is_no_text_is_refused_with_its_file(tmp_path):
    bad = {**CAT, "region_attributes": {"class": "a\ufffdb"}}
    write(tmp_path, {"a.png": None, "via.json": via([bad])})
    with pytest.raises(UserError, match=r"via.json: the class name .* no text"):
        read_dataset(tmp_path, "train")
