"""The front door: which format is recognised, what is said where none is."""

import json
import re
import sys
from types import ModuleType

import numpy as np
import pytest

from data import read_dataset
from data.__main__ import main
from data.readers import recognise
from data.readers.annotation import Annotated, Object
from tests.helpers.voc_files import write_image, write_voc
from training.runs import write_split

BOX = ("cat", (11, 5, 40, 20))


def keys(dataset):
    return [sample.path.stem for sample in dataset.samples]


def test_xml_beside_the_images(tmp_path):
    write_voc(tmp_path, {s: [BOX] for s in "abcdefgh"}, folders=(".", "."))
    assert keys(read_dataset(tmp_path, "trainval")) == list("abcdefgh")


@pytest.mark.parametrize("folders", [(".", "."), ("images", "annotations")])
def test_a_folder_for_each_split_as_roboflow_writes_voc(tmp_path, folders):
    for folder, stems in {"train": "ab", "valid": "a", "test": "c"}.items():
        write_voc(tmp_path / folder, {s: [BOX] for s in stems}, folders=folders)
    for split, stems in {"train": "ab", "val": "a", "test": "c"}.items():
        dataset = read_dataset(tmp_path, split)
        assert keys(dataset) == list(stems) and not dataset.split_was_made
        assert {p.path.relative_to(tmp_path).parts[0] for p in dataset.samples} == {
            "valid" if split == "val" else split
        }


def test_a_new_format_is_one_module(tmp_path, monkeypatch):
    class Lines:
        """images.lines: a name on each line, every image a cat all over."""

        format_name, root, lists = "lines", tmp_path, ()
        names_have_order = False

        def keys(self, split):
            return (tmp_path / "images.lines").read_text().split()

        def class_names(self):
            return ["cat"]

        def read(self, key):
            item = Object("cat", (0, 0, 6, 4), f"images.lines: {key}")
            return Annotated(tmp_path / key, (6, 4), [item])

    module = ModuleType("data.readers.lines")
    module.IN_WORDS = "lines: images.lines"
    module.find = lambda path: [Lines()] * (path / "images.lines").exists()
    monkeypatch.setitem(sys.modules, "data.readers.lines", module)
    monkeypatch.setattr(recognise, "FORMATS", (*recognise.FORMATS, "lines"))
    with pytest.raises(ValueError, match=r"Understood: .*lines: images.lines"):
        read_dataset(tmp_path, "train")
    (tmp_path / "images.lines").write_text("a.png b.png")
    dataset = read_dataset(tmp_path, "trainval")
    assert keys(dataset) == ["a", "b"] and dataset.format_name == "lines"
    assert dataset.samples[1].truth.tolist() == [[0, 0, 1, 1, 1]]


@pytest.mark.parametrize("beside", [None, "__MACOSX", ".DS_Store"])
def test_the_folder_that_an_archive_was_packed_in(tmp_path, beside):
    for split, folder in (("train", "train"), ("val", "valid")):
        write_image(tmp_path / "pets v1" / folder / "images" / f"{split}.png", (9, 9))
        label = tmp_path / "pets v1" / folder / "labels" / f"{split}.txt"
        label.parent.mkdir()
        label.write_text("0 0.5 0.5 0.4 0.4")
    text = "train: ../train/images\nval: ../valid/images\nnames: [cat]"
    (tmp_path / "pets v1" / "data.yaml").write_text(text)
    if beside:
        (tmp_path / beside).mkdir()
    for split in ("train", "val"):
        dataset = read_dataset(tmp_path, split)
        assert keys(dataset) == [split] and dataset.class_names == ["cat"]
        assert not dataset.split_was_made and dataset.name == "pets v1"


def test_what_was_seen_is_told(tmp_path):
    for folder in ("photos", "empty", "years/2020"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "c.txt", ".DS_Store"):
        (tmp_path / "photos" / name).touch()
    seen = (
        "Seen: 3 folders, nothing in empty/, 2 .jpg files + 1 .txt files in photos/, "
        "1 folders in years/. Understood: "
    )
    with pytest.raises(ValueError, match=re.escape(seen)) as e:
        read_dataset(tmp_path, "train")
    assert "Pascal VOC: JPEGImages/" in str(e.value) and "\n" not in str(e.value)


def test_nothing_was_seen(tmp_path):
    with pytest.raises(ValueError, match=r"Seen: nothing\. "):
        read_dataset(tmp_path, "train")


def test_data_sets_in_folders_of_folders(tmp_path):
    for place, stem in {"x/p": "a", "x/q": "b", "y/p": "c", "y/q": "d"}.items():
        write_voc(tmp_path / place, {stem: [BOX]})
    assert keys(read_dataset(tmp_path, "trainval")) == list("abcd")


def test_a_folder_that_is_not_there():
    with pytest.raises(ValueError, match=r"^xyz: no such folder; .* coco2017\.$"):
        read_dataset("xyz", "train")


def test_a_split_that_was_made_is_saved(tmp_path):
    names = [f"p{i}" for i in range(30)]
    root = write_voc(tmp_path / "set", {name: [BOX] for name in names})
    both = [read_dataset(root, split) for split in ("train", "val")]
    write_split(tmp_path / "split.json", both)
    saved = json.loads((tmp_path / "split.json").read_text())
    assert saved["val"] == [str(sample.path) for sample in both[1].samples]
    assert len(saved["train"]) + len(saved["val"]) == 30
    lists = {"train": names[:20], "val": names[20:]}
    root = write_voc(tmp_path / "listed", {name: [BOX] for name in names}, lists)
    write_split(tmp_path / "none.json", [read_dataset(root, "val")])
    assert not (tmp_path / "none.json").exists()


def test_a_broken_image_among_many_is_left_out_and_counted(tmp_path):
    root = write_voc(tmp_path, {s: [BOX] for s in "abcdefgh"})
    (root / "JPEGImages" / "c.png").write_bytes(b"")
    dataset = read_dataset(root, "trainval")
    assert keys(dataset) == list("abdefgh") and dataset.num_images_left_out == 1
    assert "c.png" in dataset.problems[0] and "left out: 1 images" in (
        dataset.describe()
    )
    write_image(root / "JPEGImages" / "c.png", (60, 40))
    assert len(read_dataset(root, "trainval")) == 8


# What supervision 0.31.2 wrote (DetectionDataset.as_pascal_voc, as_yolo, as_coco) for a
# cat in 10, 4, 40, 20 and a dog over the whole of 60x40 pixels, shortened.
SUPERVISION = {
    "Pascal VOC": {
        "annotations/first one.xml": """<?xml version="1.0" ?>
<annotation>
  <folder>VOC</folder>
  <filename>first one.png</filename>
  <size><width>60</width><height>40</height><depth>3</depth></size>
  <segmented>0</segmented>
  <object><name>cat</name><bndbox>
      <xmin>11</xmin><ymin>5</ymin><xmax>40</xmax><ymax>20</ymax>
  </bndbox></object>
  <object><name>dog</name><bndbox>
      <xmin>1</xmin><ymin>1</ymin><xmax>60</xmax><ymax>40</ymax>
  </bndbox></object>
</annotation>""",
        "annotations/zweites ä.xml": """<?xml version="1.0" ?>
<annotation><folder>VOC</folder><filename>zweites ä.png</filename>
  <size><width>60</width><height>40</height><depth>3</depth></size>
</annotation>""",
    },
    "YOLO": {
        "labels/first one.txt": "1 0.41667 0.30000 0.50000 0.40000\n"
        "0 0.50000 0.50000 1.00000 1.00000",
        "labels/zweites ä.txt": "",
        "data.yaml": "nc: 2\nnames: [dog, cat]\n",
    },
    "COCO JSON": {
        "annotations.json": """{"info": {}, "licenses": [{"id": 1, "name": "CC BY"}],
"categories": [{"id": 1, "name": "dog", "supercategory": "common-objects"},
               {"id": 2, "name": "cat", "supercategory": "common-objects"}],
"images": [{"id": 1, "license": 1, "file_name": "first one.png", "height": 40,
            "width": 60, "date_captured": "11/24/2026,09:42:56"},
           {"id": 2, "license": 1, "file_name": "zweites \\u00e4.png", "height": 40,
            "width": 60, "date_captured": "11/24/2026,09:42:56"}],
"annotations": [{"id": 1, "image_id": 1, "category_id": 2,
                 "bbox": [10.0, 4.0, 30.0, 16.0], "area": 480.0, "segmentation": [],
                 "iscrowd": 0},
                {"id": 2, "image_id": 1, "category_id": 1,
                 "bbox": [0.0, 0.0, 60.0, 40.0], "area": 2400.0, "segmentation": [],
                 "iscrowd": 0}]}""",
    },
}


@pytest.mark.parametrize("format_name", SUPERVISION)
def test_what_supervision_exports(tmp_path, format_name):
    for name, text in SUPERVISION[format_name].items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    for name in ("first one", "zweites ä"):
        write_image(tmp_path / "images" / f"{name}.png", (60, 40))
    dataset = read_dataset(tmp_path, "trainval")
    assert dataset.format_name == format_name and dataset.problems == []
    assert keys(dataset) == ["first one", "zweites ä"]
    names = [dataset.class_names[int(i) - 1] for i in dataset.samples[0].truth[:, 4]]
    assert names == ["cat", "dog"] and len(dataset.samples[1].truth) == 0
    boxes_px = dataset.samples[0].truth[:, :4] * (60, 40, 60, 40)
    np.testing.assert_allclose(boxes_px, [[10, 4, 40, 20], [0, 0, 60, 40]], atol=1e-3)


FOREIGN = {  # file, text, what is told
    "TFRecord": ("train/pets.tfrecord", "x", "TFRecord"),
    "sharded": ("pets.tfrecord-00000-of-00010", "x", "TFRecord"),
    "parquet": ("data/train-00000.parquet", "PAR1", "parquet"),
    "Hugging Face": ("train/metadata.jsonl", "{}", "metadata.jsonl"),
    "CVAT for video": (
        "annotations.xml",
        "<annotations><track id='0'><box/></track></annotations>",
        "CVAT for images 1.1",
    ),
    "Datumaro": (
        "annotations/default.json",
        '{"info": {}, "categories": {"label": {"labels": []}}, "items": []}',
        "datum convert",
    ),
    "Supervisely": (
        "ds/ann/a.jpg.json",
        '{"objects": [{"classTitle": "cat", "points": {}}]}',
        "Supervisely",
    ),
    "CreateML": (
        "train/_annotations.createml.json",
        '[{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": {}}]}]',
        "CreateML",
    ),
    "YOLO Keras TXT": ("train/_annotations.txt", "a.jpg 1,2,3,4,0", "YOLO Keras TXT"),
    "no boxes": ("train/_classes.csv", "filename, cat", "classes without boxes"),
    "BDD100K": ("det.json", '[{"labels": [{"box2d": {}}]}]', "BDD100K"),
    "VoTT": ("v.json", '{"assets": {"a": {"regions": [{"boundingBox": 1}]}}}', "VoTT"),
    "CSV, a list": (
        "train.csv",
        'image_id,width,height,bbox\na,9,9,"[1, 2, 3, 4]"',
        "write filename,xmin,ymin,xmax,ymax,class",
    ),
    "CSV, width": ("boxes.csv", "filename,x,y,w,h,class\na.png,1,2,3,4,cat", "x, y, w"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_format_that_is_not_read_is_named(tmp_path, case):
    name, text, told = FOREIGN[case]
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    write_image(tmp_path / "images" / "a.png", (60, 40))
    with pytest.raises(ValueError, match=r"\.$") as error:
        read_dataset(tmp_path, "train")
    assert told in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("labels", "xmls"),
    [
        (("a", "b"), ("c",)),
        (("a",), ("a", "b", "c")),
        (("train/a",), ("val/b",)),
        (("site1/a",), ("site2/imgs/b",)),
    ],
)
def test_an_image_that_only_another_format_annotates_is_not_empty(
    tmp_path, capsys, labels, xmls
):
    for name in labels:
        write_image(tmp_path / f"{name}.png", (60, 30))
        (tmp_path / f"{name}.txt").write_text("0 0.5 0.5 0.4 0.4")
    for name in xmls:
        folder, _, stem = name.rpartition("/")
        write_voc(tmp_path / folder, {stem: [BOX]}, folders=(".", "."))
    assert main([str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "no label in YOLO but objects in Pascal VOC" in told
    assert told.count("\n") == 1


def test_voc_beside_labelme_is_refused_where_voc_lacks_images(tmp_path, capsys):
    root = write_voc(tmp_path, {"a": [BOX], "b": None})
    shape = {"label": "cat", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"}
    for stem in "ab":
        content = {"shapes": [shape], "imagePath": f"{stem}.png"}
        (root / "JPEGImages" / f"{stem}.json").write_text(json.dumps(content))
    assert main([str(root)]) == 2
    told = capsys.readouterr().err
    assert "1 images have no label in Pascal VOC but objects in labelme" in told
    write_voc(root, {"b": []})  # then neither is silent
    notes = read_dataset(root, "trainval").notes
    assert any("read as Pascal VOC; not read: labelme." in line for line in notes)


def test_two_formats_that_annotate_the_same_are_noted(tmp_path):
    write_voc(tmp_path, {"a": [BOX], "b": []}, folders=(".", "."))
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.4 0.4")
    dataset = read_dataset(tmp_path, "trainval")
    assert [line.id for line in dataset.notes if hasattr(line, "id")] == [
        "label-missing",
        "format-not-read",
    ]


@pytest.mark.parametrize("place", ["", "lists/"])
def test_lists_that_a_format_does_not_read_are_told(tmp_path, capsys, place):
    images = [{"id": i, "file_name": f"{i}.png"} for i in range(6)]
    for image in images:
        write_image(tmp_path / "images" / image["file_name"], (60, 30))
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [5, 5, 9, 9]}
    names = [{"id": 1, "name": "cat"}]
    text = json.dumps({"images": images, "annotations": [box], "categories": names})
    (tmp_path / "annotations.json").write_text(text)
    (tmp_path / "notes.txt").write_text("1.png")
    assert not read_dataset(tmp_path, "train").problems
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "test.txt").write_text("1.png")
    (line,) = read_dataset(tmp_path, "train").problems
    assert line.id == "list-unknown" and f"not read: {place}test.txt;" in line
    main([str(tmp_path)])
    assert "list-unknown     warning" in capsys.readouterr().out


@pytest.mark.parametrize("ending", [".csv", ".LST", ".list", ""])
def test_lists_of_other_endings_are_told(tmp_path, ending):
    root = write_voc(tmp_path, {stem: [BOX] for stem in "abcdef"})
    (root / f"test{ending}").write_text("a\nb\n")
    (line,) = read_dataset(root, "train").problems
    assert line.id == "list-unknown" and f"not read: test{ending};" in line


def test_lists_that_are_read_are_not_told(tmp_path):
    lists = {"train": "ab", "val": "c"}
    root = write_voc(tmp_path, {stem: [BOX] for stem in "abc"}, lists)
    (root / "ImageSets" / "Layout").mkdir()
    for name in ("train", "val", "trainval"):
        (root / "ImageSets" / "Layout" / f"{name}.txt").write_text("a")
    (root / "lists").mkdir()
    (root / "lists" / "test.txt").write_text("c.png")
    assert not read_dataset(root, "train").problems
    (root / "lists" / "test.txt").write_text("images/a.png")
    assert "not read: lists/test.txt;" in read_dataset(root, "train").problems[0]
