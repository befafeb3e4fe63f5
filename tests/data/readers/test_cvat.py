"""CVAT for images 1.1: shapes, rotation, subsets, tasks."""

import pytest

from base.errors import UserError
from data import read_dataset
from data.readers import cvat as reader
from tests.helpers.tool_files import boxes, write


def cvat(*images, labels=("dog", "cat")):
    listed = "".join(f"<label><name>{name}</name></label>" for name in labels)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>'
        f"<meta><task><id>1</id><labels>{listed}</labels></task></meta>"
        + "".join(images)
        + "</annotations>"
    )


def image(*shapes, name="a.png", more='width="60" height="40"'):
    return f'<image id="0" name="{name}" {more}>{"".join(shapes)}</image>'


def shape(kind, inside="", **numbers):
    pairs = "".join(f' {key}="{value}"' for key, value in numbers.items())
    attribute = '<attribute name="colour">red</attribute>'
    return f'<{kind} label="cat" occluded="0"{pairs}>{attribute}{inside}</{kind}>'


def box(left, top, right, bottom, **more):
    return shape("box", xtl=left, ytl=top, xbr=right, ybr=bottom, **more)


CAT = box(15, 2, 45, 18)
SIDES = {"tl": (15, 2), "bl": (15, 12), "tr": (35, 2), "br": (35, 12)}
CUBOID = {
    f"{axis}{corner}{side}": xy["xy".index(axis)] + shift
    for side, shift in (("1", 0), ("2", 6))
    for corner, xy in SIDES.items()
    for axis in "xy"
}
POINT = '<points label="eye" outside="{}" points="{}"></points>'
SHAPES = {  # element: left, top, right, bottom
    "box": (CAT, (15, 2, 45, 18)),
    # 20x10 about 30, 20, a quarter turn: 10x20
    "turned box": (box(20, 15, 40, 25, rotation=90), (25, 10, 35, 30)),
    # (20 cos 30 + 10 sin 30) / 2 = 11.16 and (20 sin 30 + 10 cos 30) / 2 = 9.33
    "tilted box": (box(20, 15, 40, 25, rotation="30.00"), (18.84, 10.67, 41.16, 29.33)),
    "half a turn": (box(20, 15, 40, 25, rotation=180), (20, 15, 40, 25)),
    "polygon": (shape("polygon", points="15,2;45.00,10;30,18"), (15, 2, 45, 18)),
    "polyline": (shape("polyline", points="15,2;45,18"), (15, 2, 45, 18)),
    "points": (shape("points", points="15,2;45,18;20,5"), (15, 2, 45, 18)),
    "ellipse": (shape("ellipse", cx=30, cy=20, rx=10, ry=5), (20, 15, 40, 25)),
    # sqrt(100/2 + 25/2) = 7.91
    "tilted ellipse": (
        shape("ellipse", cx=30, cy=20, rx=10, ry=5, rotation=45),
        (22.09, 12.09, 37.91, 27.91),
    ),
    "mask": (shape("mask", rle="3, 4", left=15, top=2, width=30, height=16), None),
    "cuboid": (shape("cuboid", **CUBOID), (15, 2, 41, 18)),
    "skeleton": (
        shape(
            "skeleton",
            POINT.format(0, "15,2")
            + POINT.format(1, "59,39")
            + POINT.format(0, "45,18"),
        ),
        (15, 2, 45, 18),
    ),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_each_shape(tmp_path, kind):
    element, edges = SHAPES[kind]
    write(tmp_path, {"images/a.png": None, "annotations.xml": cvat(image(element))})
    assert boxes(tmp_path) == [("a", "cat", edges or (15, 2, 45, 18))]


def test_tags_and_tracks_that_are_outside_are_no_objects(tmp_path):
    tag = '<tag label="night" source="manual"></tag>'
    hidden = box(1, 1, 9, 9, outside="1")
    write(tmp_path, {"a.png": None, "annotations.xml": cvat(image(tag, hidden, CAT))})
    dataset = read_dataset(tmp_path, "trainval")
    assert dataset.class_names == ["cat"] and dataset.problems == []
    assert len(dataset.samples[0].truth) == 1


def test_labels_in_the_order_of_the_task(tmp_path):
    cow = CAT.replace("cat", "cow")
    xml = cvat(image(CAT, cow), labels=("dog", "cow", "cat"))
    write(tmp_path, {"a.png": None, "annotations.xml": xml})
    assert read_dataset(tmp_path, "trainval").class_names == ["cow", "cat"]


def test_subsets_of_a_project(tmp_path):
    dog = CAT.replace("cat", "dog")
    xml = cvat(
        image(CAT, more='subset="Train" task_id="1"'),
        image(dog, more='subset="Validation" task_id="2"'),  # the same name
    )
    files = {f"images/{s}/a.png": None for s in ("Train", "Validation")}
    write(tmp_path, {**files, "annotations.xml": xml})
    assert boxes(tmp_path, "train") == [("a", "cat", (15, 2, 45, 18))]
    assert boxes(tmp_path, "val") == [("a", "dog", (15, 2, 45, 18))]
    (found,) = read_dataset(tmp_path, "val").samples
    assert found.path.parent.name == "Validation"


def test_a_subset_that_is_no_split_is_told_and_can_be_taken(tmp_path):
    shapes = {"train": CAT, "Holdout": CAT, "default": CAT}
    images = [
        image(item, name=f"{subset}.png", more=f'subset="{subset}"')
        for subset, item in shapes.items()
    ]
    files = {f"images/{subset}.png": None for subset in shapes}
    write(tmp_path, {**files, "annotations.xml": cvat(*images)})
    lines = read_dataset(tmp_path, "trainval").problems
    assert "1 images of Holdout are in no split; --train-split Holdout" in lines[0]
    assert "1 images have no split" in lines[1] and len(lines) == 2
    assert boxes(tmp_path, "Holdout") == [("Holdout", "cat", (15, 2, 45, 18))]


def test_a_folder_for_each_task(tmp_path):
    for task in ("task_1", "task_2"):
        name = "frame_000000.png"
        xml = cvat(image(CAT if task == "task_1" else "", name=name))
        write(tmp_path / task, {f"images/{name}": None, "annotations.xml": xml})
    dataset = read_dataset(tmp_path, "trainval")
    found = {p.path.relative_to(tmp_path).parts[0]: p.truth for p in dataset.samples}
    assert [len(found[task]) for task in ("task_1", "task_2")] == [1, 0]


def test_an_image_that_is_not_there_costs_itself(tmp_path):
    xml = cvat(image(CAT), image(CAT, name="sub/b.png"))
    write(tmp_path, {"images/a.png": None, "annotations.xml": xml})
    dataset = read_dataset(tmp_path, "trainval")
    assert len(dataset) == 1
    told = "1 images of annotations.xml are not there, the first is 'sub/b.png'"
    assert told in dataset.problems[0]


@pytest.mark.parametrize(
    "element",
    [
        box(15, 2, 45, "x"),
        box(15, 2, 45, "1e999"),
        box(15, 2, 45, 18, rotation="nan"),
        shape("polygon", points=""),
        shape("polygon", points="1,2;3"),
        shape("ellipse", cx=1),
        shape("mask", left=1),
        shape("cuboid", xtl1=3),
        shape("skeleton"),
        shape("points", points="4,5"),
    ],
)
def test_a_bad_shape_costs_itself(tmp_path, element):
    write(tmp_path, {"a.png": None, "annotations.xml": cvat(image(element, CAT))})
    dataset = read_dataset(tmp_path, "trainval")
    assert len(dataset.samples[0].truth) == 1 and dataset.num_objects_left_out == 1
    assert "image 0, " in dataset.problems[0]


TRACK = '<track id="0" label="cat"><box frame="0" outside="0"></box></track>'
REFUSED = {  # text, what is told
    "twice": (cvat(image(CAT), image(CAT)), "a.png stands in the file twice"),
    "no name": (cvat(image(name="")), "has no name"),
    "video": (cvat(TRACK), "CVAT for images 1.1"),
    "cut off": (cvat(image(CAT))[:-30], "not CVAT XML"),
    "DOCTYPE": (
        '<!DOCTYPE a [<!ENTITY b "c">]>' + cvat(image(CAT)).partition("\n")[2],
        "DOCTYPE",
    ),
    "encoding": (cvat(image(CAT)).replace("utf-8", "nonsense"), "not CVAT XML"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_file_is_refused_in_one_line(tmp_path, case):
    text, told = REFUSED[case]
    write(tmp_path, {"a.png": None, "annotations.xml": text})
    with pytest.raises(ValueError, match=r"annotations\.xml") as error:
        read_dataset(tmp_path, "trainval")
    assert told in str(error.value) and "\n" not in str(error.value)


def test_a_size_that_is_not_the_image_s_is_told(tmp_path):
    xml = cvat(image(CAT, more='width="120" height="80"'))
    write(tmp_path, {"a.png": None, "annotations.xml": xml})
    (problem,) = read_dataset(tmp_path, "trainval").problems
    assert "120x80" in problem and "60x40" in problem


def test_the_limit_on_bytes(tmp_path, monkeypatch):
    write(tmp_path, {"a.png": None, "annotations.xml": cvat(image(CAT))})
    monkeypatch.setattr(reader, "MAX_BYTES", 10)
    with pytest.raises(UserError, match="at most 10 bytes are read"):
        read_dataset(tmp_path, "trainval")


def test_a_file_that_can_not_be_opened_is_not_ours(tmp_path):
    assert not reader.is_cvat(tmp_path / "gone.xml")


def test_an_image_that_is_gone_never_takes_that_of_another_split(tmp_path):
    gone = image(box(0, 0, 9, 9), name="b2/001.png", more='subset="Train"')
    there = image(CAT, name="001.png", more='subset="Val"')
    other = image(CAT, name="c.png", more='subset="Train"')
    files = {"images/001.png": None, "images/c.png": None}
    write(tmp_path, {**files, "annotations.xml": cvat(gone, other, there)})
    assert boxes(tmp_path, "train") == [("c", "cat", (15, 2, 45, 18))]
    assert boxes(tmp_path, "val") == [("001", "cat", (15, 2, 45, 18))]


def test_one_image_of_two_subsets_is_nobody_s(tmp_path):
    subsets = [image(CAT, more=f'subset="{s}"') for s in ("Train", "Val")]
    other = image(CAT, name="c.png", more='subset="Train"')
    files = {"images/a.png": None, "images/c.png": None}
    write(tmp_path, {**files, "annotations.xml": cvat(*subsets, other)})
    dataset = read_dataset(tmp_path, "train")
    assert [sample.path.name for sample in dataset.samples] == ["c.png"]
    assert "1 images of annotations.xml are not there" in dataset.problems[0]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_decides(tmp_path, encoding):
    write(tmp_path, {"images/a.png": None})
    text = cvat(image(CAT.replace("cat", "bürste")))
    (tmp_path / "annotations.xml").write_text(text, encoding)
    assert boxes(tmp_path) == [("a", "bürste", (15, 2, 45, 18))]


def test_a_missing_label_is_no_class(tmp_path):
    shapes = [CAT.replace('"cat"', f'"{name}"') for name in ("", "None", "nan", "cat")]
    write(tmp_path, {"images/a.png": None, "annotations.xml": cvat(image(*shapes))})
    dataset = read_dataset(tmp_path, "trainval")
    assert dataset.class_names == ["cat"] and dataset.num_objects_left_out == 3
    assert {line.id for line in dataset.problems} == {"name-missing"}


def test_one_subset_test_is_a_split_and_said_to_be(tmp_path):
    text = cvat(image(CAT, more='subset="Test"'))
    write(tmp_path, {"images/a.png": None, "annotations.xml": text})
    assert boxes(tmp_path, "test") == [("a", "cat", (15, 2, 45, 18))]
    with pytest.raises(ValueError, match=r"are: test. .* All images are in test"):
        read_dataset(tmp_path, "train")
