"""labelme: shapes to boxes, and which image a file means."""

import os

import pytest

from base.errors import UserError
from data import read_dataset
from data.readers.splits import is_val
from tests.helpers.tool_files import boxes, write


def labelme(shapes, image="a.png", **more):
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": image,
        "imageData": "iVBORw0KGgo=" * 20,
        "imageHeight": 40,
        "imageWidth": 60,
        **more,
    }


def shape(points, kind="rectangle", label="cat"):
    return {"label": label, "points": points, "group_id": None, "shape_type": kind}


CAT = shape([[15, 2], [45, 18]])
SHAPES = {  # kind, points: left, top, right, bottom
    ("rectangle", ((45, 18), (15, 2))): (15, 2, 45, 18),  # any two opposite corners
    ("polygon", ((15, 2), (45, 10), (30, 18))): (15, 2, 45, 18),
    ("circle", ((30, 20), (33, 24))): (25, 15, 35, 25),  # radius: sqrt(9 + 16) = 5
    ("oriented_rectangle", ((30, 2), (45, 10), (30, 18), (15, 10))): (15, 2, 45, 18),
    ("rotation", ((30, 2), (45, 10), (30, 18), (15, 10))): (15, 2, 45, 18),  # X-Any
    ("linestrip", ((15, 2), (20, 18), (45, 5))): (15, 2, 45, 18),
    ("mask", ((15, 2), (45, 18))): (15, 2, 45, 18),
    (None, ((15, 2), (45, 10), (30, 18))): (15, 2, 45, 18),  # before 4.0: polygons
}


@pytest.mark.parametrize("kind, points", SHAPES)
def test_each_shape(tmp_path, kind, points):
    content = labelme([shape([list(p) for p in points], kind)])
    write(tmp_path, {"a.png": None, "a.json": content})
    assert boxes(tmp_path) == [("a", "cat", SHAPES[kind, points])]


BROKEN = {  # what is told, a shape that costs only itself
    "no area": shape([[5, 5]], "point"),
    "missing": shape([[5, 5], [7]]),
    "missing or not finite": shape([[30, 20]], "circle"),
    "number is missing": {"label": "cat", "shape_type": "polygon"},
    "outside": shape([[100, 100], [120, 110]]),
}


@pytest.mark.parametrize("told", BROKEN)
def test_a_bad_shape_costs_itself(tmp_path, told):
    write(tmp_path, {"a.png": None, "a.json": labelme([BROKEN[told], CAT])})
    dataset = read_dataset(tmp_path, "trainval")
    assert len(dataset.samples[0].truth) == 1 and dataset.num_objects_left_out == 1
    assert told in dataset.problems[0] and "shapes[0]" in dataset.problems[0]


LAYOUTS = {  # files: names of images
    "beside": {"a.png": None, "a.json": labelme([CAT])},
    "a folder up": {
        "images/a.png": None,
        "labels/a.json": labelme([CAT], "../images/a.png"),
    },
    "Windows": {
        "images/a.png": None,
        "labels/a.json": labelme([CAT], "..\\images\\a.png"),
    },
    "moved": {"images/a.png": None, "json/a.json": labelme([CAT], "C:\\me\\a.png")},
    "renamed together": {"a.png": None, "a.json": labelme([CAT], "IMG_1.png")},
    "another name": {"a.png": None, "b.json": labelme([CAT])},
    "imagePath before shapes, a mark": {
        "a.png": None,
        "a.json": '\ufeff{"imagePath": "a.png", "shapes": [{"label": "cat", '
        '"points": [[15, 2], [45, 18]], "shape_type": "rectangle"}]}',
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_where_the_image_lies(tmp_path, layout):
    write(tmp_path, LAYOUTS[layout])
    assert boxes(tmp_path) == [("a", "cat", (15, 2, 45, 18))]


@pytest.mark.parametrize("name", ["", " ", ".", "..", "/", "\\", "C:", "\0"])
def test_a_name_of_no_image_leaves_the_one_beside(tmp_path, name):
    write(tmp_path, {"a.png": None, "a.json": labelme([CAT], name)})
    assert boxes(tmp_path) == [("a", "cat", (15, 2, 45, 18))]
    write(tmp_path, {"b.json": labelme([CAT], "a.png")})  # a.png has its own
    assert "'b.json'" in read_dataset(tmp_path, "trainval").problems[0]


def test_of_two_images_of_one_stem_the_named_one_is_read(tmp_path):
    write(tmp_path, {"a.jpg": None, "a.png": None, "a.json": labelme([CAT])})
    (sample,) = read_dataset(tmp_path, "trainval").samples
    assert sample.path == tmp_path / "a.png"


def test_a_copied_file_never_adopts_an_image_that_has_its_own(tmp_path):
    # b.json was copied from a.json: imagePath still says a.png
    dog = shape([[0, 0], [10, 10]], label="dog")
    files = {"a.png": None, "a.json": labelme([CAT]), "b.json": labelme([dog])}
    write(tmp_path, files)
    dataset = read_dataset(tmp_path, "trainval")
    assert [len(p.truth) for p in dataset.samples] == [1]
    assert "no image of their own, the first is 'b.json'" in dataset.problems[0]
    write(tmp_path, {"b.png": None})
    assert boxes(tmp_path) == [
        ("a", "cat", (15, 2, 45, 18)),
        ("b", "dog", (0, 0, 10, 10)),
    ]


def test_splits_by_folders_and_images_without_a_file(tmp_path):
    files = {}
    for folder in ("train", "valid"):
        files |= {f"{folder}/a.png": None, f"{folder}/a.json": labelme([CAT])}
    write(tmp_path, {**files, "train/new.png": None, "more/new.png": None})
    assert len(boxes(tmp_path, "train")) == len(boxes(tmp_path, "val")) == 1
    dataset = read_dataset(tmp_path, "train")
    assert not dataset.split_was_made
    assert "2 images are in no labelme file" in dataset.notes[0]
    write(tmp_path, {"exam/b.png": None, "exam/b.json": labelme([CAT], "b.png")})
    (line,) = read_dataset(tmp_path, "train").problems
    assert line == f"{tmp_path}: 1 images have no split."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"shapes": 3, "imagePath": "a.png"}',
        '{"shapes": [], "imagePath": null}',
        "[" * 100_000,
        '{"shapes": ["imagePath"]}',
    ],
)
def test_a_broken_file_costs_itself(tmp_path, text):
    files = {"a.png": None, "a.json": labelme([CAT]), "b.png": None, "b.json": text}
    write(tmp_path, files)
    dataset = read_dataset(tmp_path, "trainval")
    assert len(dataset) == 1 and dataset.num_images_left_out == 1
    lines = [line for line in dataset.problems if "b.json" in line]
    assert len(lines) == 1 and "\n" not in lines[0]
    assert "not labelme JSON: " in lines[0]


def test_a_size_that_is_not_the_image_s_is_told(tmp_path):
    content = labelme([CAT], imageWidth=120, imageHeight=80)
    write(tmp_path, {"a.png": None, "a.json": content})
    (problem,) = read_dataset(tmp_path, "trainval").problems
    assert "120x80" in problem and "60x40" in problem
    assert problem.startswith(str(tmp_path / "a.json"))


@pytest.mark.parametrize("label", [None, 5, ["cat"]])
def test_a_label_of_another_type_is_a_missing_name(tmp_path, label):
    content = labelme([CAT, {**CAT, "label": label}])
    write(tmp_path, {"a.png": None, "a.json": content})
    dataset = read_dataset(tmp_path, "trainval")
    assert dataset.class_names == ["cat"]
    assert any("no class name" in line for line in dataset.problems)


def test_a_file_by_its_path(tmp_path):
    write(tmp_path, {"a.png": None, "a.json": labelme([CAT]), "b.json": labelme([])})
    assert boxes(tmp_path / "a.json") == [("a", "cat", (15, 2, 45, 18))]


def test_image_data_is_not_searched_for_other_formats(tmp_path):
    # megabytes of base64 in each file: imagePath, which comes before, settles it
    more = {"images": [], "annotations": [], "categories": []}
    write(tmp_path, {"a.png": None, "a.json": labelme([CAT], **more)})
    assert read_dataset(tmp_path, "trainval").format_name == "labelme"


def test_an_image_of_another_camera_is_never_taken(tmp_path):
    files = {f"images/cam{i}/b.png": None for i in "12"} | {"images/cam1/a.png": None}
    files |= {"json/cam2/a.json": labelme([CAT])}
    files |= {"json/x.json": labelme([CAT], "b.png")}  # of which camera?
    write(tmp_path, {**files, "c.png": None, "c.json": labelme([CAT], "c.png")})
    dataset = read_dataset(tmp_path, "trainval")
    assert [sample.path.name for sample in dataset.samples] == ["c.png"]
    assert "2 files have no image of their own" in dataset.problems[0]


@pytest.mark.parametrize("name", ["a.png", "D:\\me\\cam2\\a.png"])
def test_the_image_in_the_folder_that_is_called_alike(tmp_path, name):
    folder = "json/cam2" if name == "a.png" else "json"
    files = {f"images/cam{i}/a.png": None for i in "123"}
    write(tmp_path, {**files, f"{folder}/a.json": labelme([CAT], name)})
    (found,) = read_dataset(tmp_path, "trainval").samples
    assert found.path == tmp_path / "images/cam2/a.png"


def test_two_files_of_one_image_are_refused_whatever_their_splits(tmp_path):
    files = {f"{name}.json": labelme([CAT], "z.png") for name in ("p0", "p1", "x2")}
    write(tmp_path, {**files, "z.png": None, "a.png": None, "a.json": labelme([CAT])})
    dataset = read_dataset(tmp_path, "trainval")
    assert [sample.path.name for sample in dataset.samples] == ["a.png"]
    told = [line for line in dataset.problems if "z.png: " in line]
    assert len(told) == 3 and "p0.json and" in told[0] and "both name it" in told[0]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_that_leads_back_is_not_followed(tmp_path):
    write(tmp_path, {"a.png": None, "a.json": labelme([CAT])})
    (tmp_path / "up").symlink_to(tmp_path)
    assert len(read_dataset(tmp_path, "trainval")) == 1


@pytest.mark.parametrize("name", ["a\0b", "a\ufffdb", "a\x07b"])
def test_a_label_that_is_no_text_is_refused_with_its_file(tmp_path, name):
    bad = labelme([{**CAT, "label": name}], "b.png")
    files = {"a.png": None, "a.json": labelme([CAT]), "b.png": None, "b.json": bad}
    with pytest.raises(UserError, match=r"b.json: the class name .* no text"):
        read_dataset(write(tmp_path, files), "train")


def test_the_same_names_split_by_hash_as_those_of_other_formats(tmp_path):
    stems = [f"{i}" for i in range(30)]
    files = {f"{stem}.png": None for stem in stems}
    shapes = [{"label": "cat", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"}]
    jsons = {f"{s}.json": {"imagePath": f"{s}.png", "shapes": shapes} for s in stems}
    rows = {f"{stem}.txt": "0 0.5 0.5 0.2 0.2" for stem in stems}
    found = []
    for name, labels in {"labelme": jsons, "yolo": rows}.items():
        dataset = read_dataset(write(tmp_path / name, files | labels), "val")
        found.append(sorted(sample.path.stem for sample in dataset.samples))
    assert found[0] == found[1] == sorted(filter(is_val, stems))
