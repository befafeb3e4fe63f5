"""The reader of VOC data sets: layouts, splits, boxes, hostile files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data import read_dataset
from data.readers.splits import is_val
from tests.helpers.voc_files import annotation_xml, write_image, write_voc

REPOSITORY = Path(__file__).resolve().parents[4]
SHARED = Path(__file__).resolve().parents[5] / "shared" / "data"
BOX = ("cat", (11, 5, 40, 20))  # in 60x40: 10/60, 4/40, 40/60, 20/40
NAMES = [f"p{i:02d}" for i in range(30)]
SET = {name: [BOX] for name in NAMES}


def stems(dataset):
    return [sample.path.stem for sample in dataset.samples]


def one_box(root, box, **xml):
    """The data set of one image 60x40 with one cat."""
    return read_dataset(write_voc(root, {"a": [("cat", box)]}, **xml), "trainval")


@pytest.mark.parametrize(
    "folders",
    [
        ("JPEGImages", "Annotations"),
        ("images", "annotations"),
        ("images", "annots"),
        ("Images", "Annotations"),
        ("images", "annotations/xmls"),  # Oxford-IIIT Pet
    ],
)
def test_folders_of_each_layout_are_found(tmp_path, folders):
    root = write_voc(tmp_path / "set", SET, folders=folders)
    assert len(read_dataset([root], "trainval")) == 30
    train, val = read_dataset([root], "train"), read_dataset(root, "val")
    assert sorted(stems(train) + stems(val)) == NAMES
    assert stems(read_dataset(root, "test")) == stems(val)
    assert "hash" in train.notes[0] and not train.problems


LISTS = [  # lists there are, split asked for, stems expected
    ({"train": "ab", "val": "c", "trainval": "abc", "test": "d"}, "train", "ab"),
    ({"train": "ab", "val": "c", "trainval": "abc", "test": "d"}, "test", "d"),
    ({"train": "ab", "val": "c"}, "trainval", "abc"),
    ({"train": "ab", "val": "c"}, "test", "c"),
    ({"val": "c", "trainval": "abc"}, "train", "ab"),
    ({"train": "ab", "trainval": "abc"}, "val", "c"),
    ({"train": ["a.png", "b.jpg"], "val": ["../c"]}, "train", "ab"),
    ({"train": "ab", "val": "c", "cat_train": ["a -1", "d 1"]}, "train", "ab"),
]


@pytest.mark.parametrize(("lists", "split", "expected"), LISTS)
def test_lists_give_the_splits(tmp_path, lists, split, expected):
    root = write_voc(tmp_path / "set", {s: [BOX] for s in "abcd"}, lists)
    assert stems(read_dataset(root, split)) == list(expected)


@pytest.mark.parametrize("lists", [{"train": NAMES}, {"train": NAMES, "test": "x"}])
def test_train_txt_alone_is_split_so_that_nothing_validates_on_its_own(tmp_path, lists):
    root = write_voc(tmp_path, {**SET, "x": [BOX]}, lists)
    train, val = read_dataset(root, "train"), read_dataset(root, "val")
    assert stems(val) == [name for name in NAMES if is_val(name)]
    assert sorted(stems(train) + stems(val)) == NAMES
    assert "no list val" in train.notes[0] and "80%" in train.notes[0]


def test_train_and_val_are_derived_from_trainval_by_hash(tmp_path):
    root = write_voc(tmp_path, SET, {"trainval": NAMES[:20], "test": NAMES[20:]})
    train, val = read_dataset(root, "train"), read_dataset(root, "val")
    assert stems(val) == [name for name in NAMES[:20] if is_val(name)]
    assert sorted(stems(train) + stems(val)) == NAMES[:20]
    assert "80%" in val.notes[0]


def test_a_missing_split_names_those_that_exist(tmp_path):
    root = write_voc(tmp_path, SET, {"test": NAMES})
    with pytest.raises(ValueError, match="no split 'train'; the lists there are: test"):
        read_dataset(root, "train")
    with pytest.raises(ValueError, match="expected one of train"):
        read_dataset(root, "holdout")


def test_a_devkit_joins_the_years_that_have_the_split(tmp_path):
    kit = tmp_path / "VOCdevkit"
    lists = {"trainval": ["a"], "train": ["a"], "val": []}
    write_voc(kit / "VOC2007", {"a": [BOX], "t": [BOX]}, lists | {"test": ["t"]})
    write_voc(kit / "VOC2012", {"b": [("dog", BOX[1])]}, {"trainval": ["b"]})
    for root in (kit, tmp_path):
        assert stems(read_dataset(root, "trainval")) == ["a", "b"]
        assert stems(read_dataset(root, "test")) == ["t"]
    both = read_dataset([kit / "VOC2007", kit / "VOC2012"], "trainval")
    assert both.name == "VOC2007+VOC2012"
    assert both.class_names == ["cat", "dog"]
    assert read_dataset(kit, "test").class_names == ["cat", "dog"]
    assert both.samples[1].truth[0, 4] == 2


def test_new_images_move_none_of_the_others(tmp_path):
    root = write_voc(tmp_path, {name: [BOX] for name in NAMES[::2]})
    before = set(stems(read_dataset(root, "val")))
    write_voc(root, SET)
    after = set(stems(read_dataset(root, "val")))
    assert before == after & set(NAMES[::2])
    shares = np.mean([is_val(f"image {i}") for i in range(5000)])
    assert 0.18 < shares < 0.22


def test_the_hash_seed_of_python_changes_nothing(tmp_path):
    images = {n: [(f"class{i % 7}", BOX[1])] for i, n in enumerate(NAMES)}
    root = write_voc(tmp_path, images)
    code = (
        "import sys; from data import read_dataset;"
        "d = read_dataset(sys.argv[1], 'train');"
        "print(d.class_names, [(p.path.name, p.truth.tolist()) for p in d.samples])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, str(root)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


BOXES = [  # xmin ymin xmax ymax in 60x40, corners times (60, 40), words of a problem
    ((11, 5, 40, 20), (10, 4, 40, 20), None),
    (("48.5", "5", "50.5", "20"), (47.5, 4, 50.5, 20), None),
    ((0, 0, 60, 40), (0, 0, 60, 40), None),  # LabelImg counts from 0
    ((1, 1, 60, 40), (0, 0, 60, 40), None),
    ((11, 5, 70, 20), (10, 4, 60, 20), "clipped"),
    ((-5, 5, 40, 20), (0, 4, 40, 20), "clipped"),
    ((61, 5, 70, 20), None, "lies outside"),
    ((-9, 5, -2, 20), None, "lies outside"),
    ((40, 5, 11, 20), None, "swapped"),
    ((11, 5, 11, 20), None, "no area"),
    (("nan", 5, 40, 20), None, "finite"),
    (("inf", 5, 40, 20), None, "finite"),
    (("ten", 5, 40, 20), None, "finite"),
]


@pytest.mark.parametrize(("box", "corners", "problem"), BOXES)
def test_boxes(tmp_path, box, corners, problem):
    dataset = one_box(tmp_path, box)
    truth = dataset.samples[0].truth
    assert truth.dtype == np.float32 and truth.shape[1] == 5
    if corners is None:
        assert len(truth) == 0 and dataset.num_objects_left_out == 1
    else:
        wanted = np.divide(corners, (60, 40, 60, 40))
        np.testing.assert_allclose(truth, [[*wanted, 1]], atol=1e-6)
    if problem is None:
        assert dataset.problems == []
    else:
        (line,) = dataset.problems
        assert problem in line and "a.xml: object 1 (cat)" in line and "\n" not in line


def test_difficult_and_empty_images_are_kept(tmp_path):
    root = write_voc(tmp_path, {"a": [(*BOX, 1), BOX], "b": []})
    dataset = read_dataset(root, "trainval")
    assert dataset.samples[0].difficult.tolist() == [True, False]
    assert dataset.samples[1].truth.shape == (0, 5)
    assert "2 images (1 without objects), 2 boxes (1 difficult)" in dataset.describe()


def test_unknown_classes_are_counted_in_one_line_each(tmp_path):
    samples = {"a": [BOX, ("dgo", BOX[1]), ("dgo", BOX[1])], "b": [("dog", BOX[1])]}
    dataset = read_dataset(write_voc(tmp_path, samples), "trainval", ["dog", "cat"])
    assert dataset.class_names == ["dog", "cat"]
    assert dataset.samples[0].truth[:, 4].tolist() == [2]
    (line,) = dataset.problems
    assert line.startswith("2 objects of class 'dgo'") and "closest: 'dog'" in line
    assert dataset.num_objects_left_out == 2


def test_images_and_annotations_without_each_other_are_left_out(tmp_path):
    root = write_voc(tmp_path, {"a": [BOX], "b": None, "c": None, "d": [BOX]})
    (root / "JPEGImages" / "d.png").unlink()
    write_image(root / "JPEGImages" / "e.gif.png", (9, 9))
    (root / "JPEGImages" / "bad.png").write_bytes(b"no image")
    xml = annotation_xml("bad.png", (60, 40), [BOX])
    (root / "Annotations" / "bad.xml").write_text(xml)
    dataset = read_dataset(root, "trainval")
    assert stems(dataset) == ["a"]
    text = "\n".join(dataset.problems)
    assert "3 images have no annotation file, the first is 'b'" in text
    assert "d.xml: no image named 'd'" in text
    assert "bad.png: not an image of a known format" in text
    assert dataset.num_images_left_out == 5


def test_the_image_is_believed_not_the_size_in_the_file(tmp_path):
    root = write_voc(tmp_path, {"a": [BOX]})
    xml = annotation_xml("a.png", (600, 400), [BOX])
    (root / "Annotations" / "a.xml").write_text(xml)
    dataset = read_dataset(root, "trainval")
    assert dataset.samples[0].size_wh == (60, 40)
    assert "<size> says 600x400, the image is 60x40" in dataset.problems[0]
    np.testing.assert_allclose(dataset.samples[0].truth[0, 0], 10 / 60, rtol=1e-6)


def test_boxes_refer_to_the_upright_image(tmp_path):
    root = write_voc(tmp_path, {"a": [("cat", (11, 5, 20, 50))]}, size_wh=(40, 60))
    (root / "JPEGImages" / "a.png").unlink()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(root / "JPEGImages" / "a.jpg", exif=exif)
    dataset = read_dataset(root, "trainval")
    assert dataset.samples[0].size_wh == (40, 60) and not dataset.problems
    np.testing.assert_allclose(dataset.samples[0].truth[0, 3], 50 / 60, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".JPG", ".jpeg", ".PNG", ".bmp", ".webp"])
def test_the_suffix_may_differ_from_the_annotation(tmp_path, suffix):
    root = write_voc(tmp_path, {"a": [BOX]})
    (root / "JPEGImages" / "a.png").unlink()
    write_image(root / "JPEGImages" / f"a{suffix}", (60, 40))
    assert len(read_dataset(root, "trainval").problems) == 0


FILENAMES = ["../../secret.png", "/etc/secret.png", "C:\\x\\secret.png", "..", ""]


@pytest.mark.parametrize("filename", FILENAMES)
def test_file_names_never_leave_the_data_set(tmp_path, filename):
    root = write_voc(tmp_path / "deep" / "set", {"a": [BOX], "b": [BOX]})
    write_image(tmp_path / "secret.png", (60, 40))
    xml = annotation_xml(filename, (60, 40), [BOX])
    (root / "Annotations" / "other.xml").write_text(xml)
    dataset = read_dataset(root, "trainval")
    assert stems(dataset) == ["a", "b"]
    assert "other.xml: no image" in dataset.problems[0]
    write_image(root / "JPEGImages" / "secret.png", (60, 40))  # now it is inside
    found = len(read_dataset(root, "trainval"))
    assert found == (3 if "secret" in filename else 2)


BOMB = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 9))
HOSTILE = [
    (f'<!DOCTYPE x [<!ENTITY e0 "ha">{BOMB}]><annotation>&e8;</annotation>', "DOCTYPE"),
    (
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        "<annotation><filename>&e;</filename></annotation>",
        "DOCTYPE",
    ),
    ('<!DOCTYPE x SYSTEM "http://localhost/x.dtd"><annotation/>', "DOCTYPE"),
    ("<!DOCTYPE annotation><annotation/>", "DOCTYPE"),
    ("<annotation>" + " " * 1_000_001 + "</annotation>", "at most 1000000"),
    ("<annotation><object>", "broken XML"),
    ("", "broken XML"),
    ("<annotation>\0</annotation>", "broken XML"),
    ('<?xml version="1.0" encoding="klingon"?><annotation/>', "broken XML"),
    ("<annotations/>", "expected <annotation>"),
]


HOSTILE = [(text, problem, "utf-8") for text, problem in HOSTILE] + [
    (text, problem, "utf-16") for text, problem in HOSTILE if problem == "DOCTYPE"
]


@pytest.mark.parametrize(("text", "problem", "encoding"), HOSTILE)
def test_hostile_annotations_are_left_out(tmp_path, text, problem, encoding):
    root = write_voc(tmp_path, {"a": [BOX], "b": [BOX]})
    (root / "Annotations" / "b.xml").write_bytes(text.encode(encoding))
    dataset = read_dataset(root, "trainval")
    assert stems(dataset) == ["a"]
    (line,) = dataset.problems
    assert problem in line and "b.xml" in line and "\n" not in line


def test_deeply_nested_xml_does_no_harm(tmp_path):
    root = write_voc(tmp_path, {"a": [BOX], "b": [BOX]})
    deep = "<annotation>" + "<a>" * 120_000 + "</a>" * 120_000 + "</annotation>"
    (root / "Annotations" / "b.xml").write_text(deep)
    assert stems(read_dataset(root, "trainval")) == ["a", "b"]


def test_what_is_no_data_set_is_told_what_was_found(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        read_dataset(tmp_path / "missing", "train")
    (tmp_path / "photos").mkdir()
    with pytest.raises(
        ValueError, match=r"Seen: 1 folders, nothing in photos/. Under.*JPEGImages"
    ):
        read_dataset(tmp_path, "train")
    root = write_voc(tmp_path / "set", {"a": None})
    with pytest.raises(
        ValueError, match=r"nothing in Annotations/, 1 \.png files in JPEG"
    ):
        read_dataset(root, "trainval")


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data beside the checkout")
def test_bccd():
    whole = [read_dataset(SHARED / "bccd", split) for split in ("trainval", "test")]
    assert [len(dataset) for dataset in whole] == [292, 72]
    lines = [line for dataset in whole for line in dataset.problems]
    assert len(lines) == 2 and all("no area" in line for line in lines)
    assert whole[0].class_names == ["Platelets", "RBC", "WBC"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared data beside the checkout")
def test_raccoon():
    root = SHARED / "raccoon"
    assert len(read_dataset(root, "trainval")) == 200
    assert len(read_dataset(root, "train")) + len(read_dataset(root, "val")) == 200
