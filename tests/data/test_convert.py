"""python -m data convert: from every format to every other and back."""

import csv
import itertools
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.cost.readers import TARGETS
from data import read_dataset
from data.__main__ import main
from data.convert.convert import WRITERS, convert
from data.readers.voc.xml_file import CORNERS
from tests.helpers.voc_files import write_image, write_voc

SIZE_WH = (61, 40)
IMAGES = {  # VOC's pixels, from 1: a box of one corner, one of the whole, fractions
    "plain": [("dog", (1, 1, 61, 40)), ("cat and bird", (11, 5, 40, 20))],
    "ä with spaces": [("cat and bird", ("12.5", "3.25", "33.125", "9"))],
    "nothing": [],
    "other": [("dog", (60, 39, 61, 40)), ("dog", (7, 3, 29, 31))],
}
LISTS = {"train": ["plain", "ä with spaces"], "val": ["nothing"], "test": ["other"]}


def boxes_of(root, split, size_wh=SIZE_WH):
    """Class names and pixels of all boxes by stem."""
    dataset = read_dataset(root, split)
    assert not dataset.problems
    scale = np.tile(size_wh, 2)
    return {
        sample.path.stem: [
            (dataset.class_names[int(row[4]) - 1], *(row[:4] * scale).round(3).tolist())
            for row in sample.truth.astype(float)
        ]
        for sample in dataset.samples
    }


PAIRS = list(itertools.product(WRITERS, WRITERS))


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("lists", [LISTS, None], ids=["lists", "no lists"])
def test_there_and_back_loses_nothing(tmp_path, first, second, lists):
    root = write_voc(tmp_path / "in", IMAGES, lists, SIZE_WH)
    list(convert(root, tmp_path / "one", first))
    list(convert(tmp_path / "one", tmp_path / "two", second))
    splits = list(lists or ["trainval"])
    for folder in ("one", "two"):
        for split in splits:
            assert boxes_of(tmp_path / folder, split) == boxes_of(root, split)
        names = read_dataset(tmp_path / folder, splits[0]).class_names
        assert names == ["cat and bird", "dog"]
    assert boxes_of(root, splits[0])["ä with spaces"] == [
        ("cat and bird", 11.5, 2.25, 33.125, 9.0)
    ]
    before = {p.name: p.read_bytes() for p in (root / "JPEGImages").iterdir()}
    after = {p.name: p.read_bytes() for p in (tmp_path / "two").rglob("*.png")}
    assert before == after


def test_what_is_written_is_what_other_programs_expect(tmp_path):
    """The same box by arithmetic, COCO's by pycocotools: no reader of ours."""
    from pycocotools.coco import COCO

    box = ("cat and bird", ("12.5", "3.25", "33.125", "9"))  # edges 11.5 2.25 33.125 9
    root = write_voc(
        tmp_path / "in", {"ä b": [box], "c": []}, {"val": ["ä b"]}, (61, 40)
    )
    for to in WRITERS:
        list(convert(root, tmp_path / to, to))
    coco = COCO(str(tmp_path / "coco" / "annotations" / "instances_val.json"))
    ((image_id, image),) = coco.imgs.items()
    assert (image["file_name"], image["width"], image["height"]) == ("ä b.png", 61, 40)
    (item,) = coco.loadAnns(coco.getAnnIds([image_id]))
    assert item["bbox"] == [11.5, 2.25, 21.625, 6.75] and item["area"] == 145.96875
    assert coco.cats[item["category_id"]]["name"] == "cat and bird"
    row = (tmp_path / "yolo" / "labels" / "val" / "ä b.txt").read_text().split()
    # middle 44.625 / 2 and 11.25 / 2
    wanted = [0, 22.3125 / 61, 5.625 / 40, 21.625 / 61, 6.75 / 40]
    np.testing.assert_allclose([float(word) for word in row], wanted, atol=1e-9)
    with (tmp_path / "csv" / "val.csv").open(encoding="utf-8", newline="") as file:
        (line,) = csv.DictReader(file)
    assert [line[k] for k in ("xmin", "ymin", "xmax", "ymax", "filename", "class")] == [
        "11.5",
        "2.25",
        "33.125",
        "9",
        "ä b.png",
        "cat and bird",
    ]
    xml = ElementTree.parse(tmp_path / "voc" / "Annotations" / "ä b.xml")
    corners = [float(xml.findtext(f"object/bndbox/{tag}")) for tag in CORNERS]
    assert corners == [float(number) for number in box[1]]


@pytest.mark.parametrize("to", WRITERS)
def test_reading_leaves_nothing_behind_and_sees_what_changes(tmp_path, to):
    root = tmp_path / "set"
    source = write_voc(tmp_path / "in", IMAGES, LISTS, SIZE_WH)
    list(convert(source, root, to))
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert read_dataset(root, "train").class_names == ["cat and bird", "dog"]
    assert before == {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    for path in (path for path in before if path.suffix != ".png"):
        path.write_text(path.read_text("utf-8").replace("dog", "fox"), "utf-8")
    assert read_dataset(root, "train").class_names == ["cat and bird", "fox"]


def test_crowds_areas_and_difficult_go_where_they_can(tmp_path):
    from tests.data.readers.coco.test_coco import BOXES, write_json

    root = tmp_path / "in"
    write_json(root / "a.json", ["a.png", "b.png"], BOXES)
    for to, crowds, areas in (("coco", 1, 20), ("csv", 1, 480), ("yolo", 0, 480)):
        lines = list(convert(root, tmp_path / to, to))
        assert any("1 crowds left out" in line for line in lines) == (not crowds)
        sample = read_dataset(tmp_path / to, "trainval").samples[0]
        assert sample.crowd.sum() == crowds and len(sample.truth) == 1 + crowds
        if to == "coco":
            assert sample.areas_px[0] == areas
    root = write_voc(tmp_path / "voc", {"a": [("dog", (11, 5, 40, 20), 1)]})
    assert any("difficult" in line for line in convert(root, tmp_path / "y", "yolo"))
    list(convert(root, tmp_path / "v", "voc"))
    assert read_dataset(tmp_path / "v", "trainval").samples[0].difficult.all()


def test_lists_that_overlap_become_splits_that_do_not(tmp_path):
    lists = {"trainval": list(IMAGES)[:3], "val": ["nothing"], "test": ["other"]}
    root = write_voc(tmp_path / "in", IMAGES, lists, SIZE_WH)
    list(convert(root, tmp_path / "out", "yolo"))
    for split in ("train", "val", "test", "trainval"):
        assert boxes_of(tmp_path / "out", split) == boxes_of(root, split)


def test_images_of_one_name_in_two_folders_stay_apart(tmp_path):
    for folder, box in (("train", (1, 1, 9, 9)), ("test", (2, 2, 8, 8))):
        write_voc(tmp_path / "in" / folder, {"a": [("dog", box)]}, folders=(".", "."))
    list(convert(tmp_path / "in", tmp_path / "out", "voc"))
    stems = {p.stem for p in (tmp_path / "out" / "JPEGImages").iterdir()}
    assert stems == {"a", "train_a"}
    wanted = {"a": [("dog", 1.0, 1.0, 8.0, 8.0)]}
    assert list(boxes_of(tmp_path / "out", "test", (60, 40)).values()) == [
        *wanted.values()
    ]


def test_rows_of_one_image_name_in_two_splits_stay_apart(tmp_path):
    header = "filename,xmin,ymin,xmax,ymax,class\n"
    for split, edge in (("train", 9), ("test", 5)):
        write_image(tmp_path / "in" / split / "a.png", SIZE_WH)
        rows = f"{header}a.png,0,0,{edge},{edge},dog\n"
        (tmp_path / "in" / split / "_annotations.csv").write_text(rows, "utf-8")
    list(convert(tmp_path / "in", tmp_path / "out", "coco"))
    for split, edge in (("train", 9), ("test", 5)):
        (boxes,) = boxes_of(tmp_path / "out", split).values()
        assert boxes == [("dog", 0.0, 0.0, edge, edge)]


def test_no_image_gets_a_hidden_name(tmp_path, monkeypatch):
    from tests.data.readers.coco.test_coco import BOXES, write_json

    names = ["images/a.png", "images/a.jpg", "images/a.bmp", "images/a.webp"]
    (tmp_path / ".in" / "images").mkdir(parents=True)
    write_json(tmp_path / ".in" / "a.json", names, BOXES[:1])
    monkeypatch.chdir(tmp_path / ".in" / "images")
    list(convert("../a.json", tmp_path / "out", "voc"))
    assert len(read_dataset(tmp_path / "out", "trainval")) == 4


def test_mistakes_are_one_line(tmp_path, capsys):
    root = write_voc(tmp_path / "in", IMAGES, LISTS, SIZE_WH)
    assert main(["convert", str(root), str(root), "--to", "coco"]) == 2
    assert "already holds something" in capsys.readouterr().err
    assert (
        main(["convert", str(tmp_path / "no"), str(tmp_path / "out"), "--to", "coco"])
        == 2
    )
    assert "no such folder" in capsys.readouterr().err
    write_image(tmp_path / "only" / "a.png", (9, 9))
    assert (
        main(["convert", str(tmp_path / "only"), str(tmp_path / "out"), "--to", "voc"])
        == 2
    )
    assert not (tmp_path / "out").exists()
    assert main(["convert", str(root), str(tmp_path / "out"), "--to", "csv"]) == 0
    assert "csv, 4 images, 2 classes" in capsys.readouterr().out


TOOLS = ("labelme", "label_studio", "json_min", "cvat", "via", "via3", "via_csv")


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("to", WRITERS)
def test_from_annotation_tools(tmp_path, tool, to):
    _, suffix, content = TARGETS[tool]
    write_image(tmp_path / "in" / "a.png", (60, 40))
    (tmp_path / "in" / f"export{suffix}").write_bytes(content())
    assert (
        main(["convert", str(tmp_path / "in"), str(tmp_path / "out"), "--to", to]) == 0
    )
    before = boxes_of(tmp_path / "in", "trainval", (60, 40))["a"]
    after = boxes_of(tmp_path / "out", "trainval", (60, 40))["a"]
    assert [name for name, *_ in after] == [name for name, *_ in before]
    np.testing.assert_allclose(
        [edges for _, *edges in after], [edges for _, *edges in before], atol=1e-2
    )
