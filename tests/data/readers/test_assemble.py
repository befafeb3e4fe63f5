"""What all formats share: missing names, sizes that differ, several formats."""

import json

import numpy as np
import pytest
from PIL import Image

from base.errors import UserError
from data import open_dataset, read_dataset, report_problems
from data.doctor import read_splits
from data.readers import recognise
from tests.data.readers.coco.test_coco import annotation, write_json
from tests.helpers.findings import all_findings
from tests.helpers.tool_files import boxes, write
from tests.helpers.voc_files import annotation_xml, write_image, write_voc

BOX = annotation(1, 7, [6, 4, 30, 20])
HEADER = "filename,xmin,ymin,xmax,ymax,class\n"
CSV = {
    "a.csv": f"{HEADER}a.png,1,1,9,9,cat\nb.png,1,1,9,9,\nc.png,,,,,\n",
    **dict.fromkeys(("a.png", "b.png", "c.png")),
}
YOLO = {
    "classes.txt": "cat\n\ndog\n",
    "a.txt": "0 0.5 0.5 0.2 0.2",
    "b.txt": "1 0.5 0.5 0.2 0.2",
    "c.txt": "",
    **dict.fromkeys(("a.png", "b.png", "c.png")),
}
XMLS = {
    f"{stem}.xml": annotation_xml(f"{stem}.png", (60, 40), objects)
    for stem, objects in {
        "a": [("cat", (1, 1, 9, 9))],
        "b": [("", (1, 1, 9, 9))],
        "c": [],
    }.items()
}
VOC = {**XMLS, **dict.fromkeys(("a.png", "b.png", "c.png"))}
LABELME = {
    f"{stem}.json": {
        "imagePath": f"{stem}.png",
        "imageWidth": 60,
        "imageHeight": 40,
        "shapes": [{"label": n, "points": [[1, 1], [9, 9]]} for n in names],
    }
    for stem, names in {"a": ["cat"], "b": [""], "c": []}.items()
} | dict.fromkeys(("a.png", "b.png", "c.png"))


@pytest.mark.parametrize("files", [CSV, YOLO, VOC, LABELME])
def test_an_image_whose_objects_lost_their_class_is_no_background(tmp_path, files):
    dataset = read_dataset(write(tmp_path, files), "trainval")
    found = {sample.path.stem: len(sample.truth) for sample in dataset.samples}
    assert found == {"a": 1, "c": 0}
    assert (dataset.num_images_left_out, dataset.num_objects_left_out) == (1, 1)
    assert {line.id for line in dataset.problems} == {"name-missing"}
    assert any("b.png: left out" in line for line in dataset.problems)
    assert any("no class name; left out" in line for line in dataset.problems)


def test_a_class_that_is_not_asked_for_leaves_background(tmp_path):
    root = write(tmp_path, CSV | {"a.csv": CSV["a.csv"].replace(",,\n", ",dog,\n")})
    rows = f"{HEADER}a.png,1,1,9,9,cat\nb.png,1,1,9,9,dog\nc.png,,,,,\n"
    (root / "a.csv").write_text(rows)
    dataset = read_dataset(root, "trainval", ["cat"])
    assert [len(sample.truth) for sample in dataset.samples] == [1, 0, 0]
    text = "1 objects of class 'dog', which is not among the class names; left out."
    assert dataset.problems == [text]


def test_one_object_with_a_class_keeps_its_image(tmp_path):
    rows = [f"a.png,{n},1,{n + 5},9,{c}\n" for n, c in ((1, "cat"), (2, "NA"), (3, ""))]
    root = write(tmp_path, {"a.png": None, "a.csv": HEADER + "".join(rows)})
    assert boxes(root) == [("a", "cat", (1, 1, 6, 9))]
    problems = read_dataset(root, "trainval").problems
    where = [line.removeprefix(f"{root / 'a.csv'}: ") for line in problems]
    assert where == [f"line {n}: no class name; left out." for n in (3, 4)]


# upright sizes of an image, and what is said of a JSON of 60x40
SIZES = [
    ((60, 40), None, None),
    ((30, 20), "size", "says 60x40, the image is 30x20"),  # shrunk afterwards
    ((61, 41), "size", "the image is 61x41"),
    ((40, 60), "image-size", "turned by its EXIF mark"),
    ((60, 60), "image-size", "the image is 60x60"),
]


@pytest.mark.parametrize(("size_wh", "kind", "words"), SIZES)
def test_a_coco_image_of_another_size(tmp_path, size_wh, kind, words, capsys):
    path = write_json(tmp_path / "a.json", ["a.png"], [BOX])
    write_image(tmp_path / "a.png", size_wh)
    dataset = read_dataset(path, "trainval")
    assert [(line.id, words in line) for line in dataset.problems] == (
        [(kind, True)] if kind else []
    )
    # the boxes belong to the JSON's size: 6/60, 4/40, 36/60, 24/40
    np.testing.assert_allclose(dataset.samples[0].truth[0, :4], [0.1, 0.1, 0.6, 0.6])
    report_problems(dataset)
    assert (words or "") in capsys.readouterr().err


def test_the_exif_mark_turns_the_size_that_is_compared(tmp_path):
    path = write_json(tmp_path / "a.json", ["a.jpg"], [BOX])
    image = Image.fromarray(np.zeros((40, 60, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # EXIF 2.32: turn right to see it upright
    image.save(tmp_path / "a.jpg", exif=exif)
    (line,) = read_dataset(path, "trainval").problems
    assert line.id == "image-size" and "the image is 40x60" in line
    assert {f.id: f.severity for f in all_findings(path)}["image-size"] == "error"


def test_problems_of_one_kind_are_one_line(tmp_path, capsys):
    names = [f"{i}.png" for i in range(12)]
    path = write_json(tmp_path / "a.json", names, [BOX])
    for name in names:
        write_image(tmp_path / name, (40, 60))
    report_problems(read_dataset(path, "trainval"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"  {path}: 0.png says 60x40")
    assert line.endswith("And 11 more of this kind.")


def test_a_coco_image_that_is_none_is_left_out(tmp_path):
    path = write_json(tmp_path / "a.json", ["a.png", "b.png"], [])
    (tmp_path / "b.png").write_bytes(b"no image")
    dataset = read_dataset(path, "trainval")
    assert len(dataset) == 1 and "b.png: not an image" in dataset.problems[0]


def test_several_formats_in_one_folder(tmp_path):
    root = write(tmp_path, CSV | XMLS)
    write_json(root / "a.json", ["a.png"], [BOX])
    write(root, {"a.txt": "0 0.5 0.5 0.2 0.2"})
    dataset = read_dataset(root, "trainval")
    (note,) = [line for line in dataset.notes if line.id == "format-not-read"]
    assert "read as COCO JSON; not read: YOLO, Pascal VOC, CSV." in note
    assert dataset.format_name == "COCO JSON"


@pytest.mark.parametrize("files", [CSV, YOLO, VOC, LABELME])
def test_one_format_alone_is_no_several(tmp_path, files):
    opened = open_dataset(write(tmp_path, files | {"README.txt": "cats", "x.json": {}}))
    assert opened.notes == []


def test_cvat_is_not_voc_as_well(tmp_path):
    text = "<annotations><version>1.1</version><image id='0' name='a.png' width='60' "
    text += "height='40'><box label='cat' xtl='1' ytl='1' xbr='9' ybr='9'/></image>"
    root = write(tmp_path, {"a.png": None, "a.xml": f"{text}</annotations>"})
    opened = open_dataset(root)
    assert opened.sources[0].format_name == "CVAT XML" and opened.notes == []


def test_a_folder_is_scanned_once_for_all_splits(tmp_path, monkeypatch):
    cats, lists = [("cat", (1, 1, 9, 9))], {"train": ["a"], "val": ["b"]}
    root = write_voc(tmp_path, {"a": cats, "b": cats, "c": cats}, lists)
    scans = []
    find = recognise._find
    monkeypatch.setattr(recognise, "_find", lambda p: scans.append(p) or find(p))
    assert [len(d) for d in read_splits(open_dataset([root]))] == [1, 1]
    assert scans == [root]


@pytest.mark.parametrize("number", [1, "1"])
def test_categories_of_one_name_are_one_class_and_told(tmp_path, number):
    categories = [{"id": 0, "name": "cat"}, {"id": number, "name": "cat "}]
    found = [annotation(1, 7, [1, 1, 9, 9], 0), annotation(2, 7, [20, 1, 9, 9], number)]
    path = write_json(tmp_path / "a.json", ["a.png"], found, categories)
    dataset = read_dataset(path, "trainval")
    assert dataset.boxes_per_class() == {"cat": 2}
    (note,) = [line for line in dataset.notes if line.id == "class-twice"]
    assert note.startswith(f"{path}: classes 0, 1 are all called 'cat'")


@pytest.mark.parametrize("name", ["classes.txt", "data.yaml"])
def test_numbers_of_one_name_are_one_class_and_told(tmp_path, name):
    texts = {"classes.txt": "cat\ndog\ncat\n", "data.yaml": "names: [cat, dog, cat]"}
    rows = "0 0.5 0.5 0.2 0.2\n2 0.2 0.2 0.2 0.2"
    root = write(tmp_path, {"a.png": None, "a.txt": rows, name: texts[name]})
    dataset = read_dataset(root, "trainval")
    assert dataset.boxes_per_class() == {"cat": 2, "dog": 0}
    (note,) = [line for line in dataset.notes if line.id == "class-twice"]
    assert f"{name}: classes 0, 2 are all called 'cat'" in note


@pytest.mark.parametrize("files", [CSV, YOLO])
def test_no_box_at_all_is_a_whole_sentence(tmp_path, files):
    root = write(tmp_path, files | {"a.txt": "", "b.txt": ""})
    (root / "a.csv").write_text(f"{HEADER}a.png,,,,,\nb.png,,,,,\n")
    names = ["cat", "dog"]
    with pytest.raises(ValueError, match=r"of cat, dog in \d images. All .* empty\.$"):
        read_dataset(root, "trainval", names).check_boxes()


@pytest.mark.parametrize("names", [["./a.png"], ["./a.png", ".//a.png"]])
def test_an_image_of_several_annotations_is_left_out_and_told_once(tmp_path, names):
    path = write_json(tmp_path / "a.json", ["a.png", "b.png"], [BOX])
    content = json.loads(path.read_text())
    for number, name in enumerate(names, start=20):
        image = {"id": number, "file_name": name, "width": 60, "height": 40}
        content["images"].append(image)
    path.write_text(json.dumps(content))
    dataset = read_dataset(path, "trainval")
    assert [sample.path.stem for sample in dataset.samples] == ["b"]
    assert dataset.num_images_left_out == 1 + len(names)
    (line,) = dataset.problems
    assert line.id == "image-twice" and line.startswith(f"{tmp_path / 'a.png'}: ")
    assert line.endswith("which of them is right can't be known. Left out.")


def test_an_object_without_an_area_has_that_of_its_box(tmp_path):
    bare = annotation(2, 7, [10, 5, 20, 30], area=None)
    path = write_json(tmp_path / "a.json", ["a.png"], [BOX, bare])
    areas_px = read_dataset(path, "trainval").samples[0].areas_px
    assert areas_px.tolist() == [20, 600]  # 20 in the file, 20 * 30


def test_names_of_several_sources_are_sorted_unless_one_has_an_order(tmp_path):
    roots = [tmp_path / name for name in ("x", "y", "z")]
    write_voc(roots[0], {"a": [("dog", (1, 1, 9, 9))]})
    write_voc(roots[1], {"b": [("cat", (1, 1, 9, 9))]})
    write_json(roots[2] / "a.json", ["a.png"], [BOX], [{"id": 90, "name": "bee"}])
    assert read_dataset(roots[:2], "trainval").class_names == ["cat", "dog"]
    assert read_dataset(roots, "trainval").class_names == ["dog", "cat", "bee"]


NOTHING = [  # files, what lacks, the first problem
    ({"a.csv": f"{HEADER}a.png,1,1,9,9,cat\n"}, "images", "1 images of a.csv"),
    ({"a.csv": f"{HEADER}a.png,,,,,\n", "a.png": None}, "class names", ""),
]


@pytest.mark.parametrize(("files", "lacking", "first"), NOTHING)
def test_a_split_of_which_nothing_is_usable(tmp_path, files, lacking, first):
    root = write(tmp_path, files)
    first = rf" First problem: .*{first}.*" if first else ""
    words = rf"in split 'trainval': no {lacking}\. Read {root}: CSV\.{first}$"
    with pytest.raises(UserError, match=words):
        read_dataset(root, "trainval")
    with pytest.raises(UserError, match=rf"Read {root}: CSV; {root}: CSV\."):
        read_dataset([root, root], "trainval")
