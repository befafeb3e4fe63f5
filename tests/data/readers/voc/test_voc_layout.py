"""Pascal VOC as people have it: lists in other words, subfolders, links, names."""

import os
import shutil

import numpy as np
import pytest

from data import read_dataset
from data.__main__ import main
from data.readers.recognise import open_dataset
from tests.helpers.findings import all_findings
from tests.helpers.voc_files import annotation_xml, write_image, write_voc

BOX = ("cat", (11, 5, 40, 20))
SPLITS = ("train", "val", "test")


def keys(dataset):
    return [sample.path.stem for sample in dataset.samples]


def findings(root):
    return {finding.id: finding for finding in all_findings(root)}


@pytest.mark.parametrize(
    "words",
    [
        ("Train", "Validation", "Test"),  # CVAT
        ("TRAINING", "VALID", "TESTING"),
        ("train2012", "val_set", "test2012"),
    ],
)
@pytest.mark.parametrize("suffix", [".txt", ".TXT"])
def test_lists_in_other_words(tmp_path, words, suffix):
    root = write_voc(tmp_path, {s: [BOX] for s in "abcdef"})
    folder = root / "ImageSets" / "Main"
    folder.mkdir(parents=True)
    for word, stems in zip(words, ("abcd", "e", "f"), strict=True):
        (folder / f"{word}{suffix}").write_text("\n".join(stems))
    found = {split: keys(read_dataset(root, split)) for split in SPLITS}
    assert found == {"train": list("abcd"), "val": ["e"], "test": ["f"]}


def test_a_list_that_tells_no_split_is_told_and_may_be_asked_for(tmp_path):
    lists = {"train": "ab", "val": "c", "holdout": "de"}
    root = write_voc(tmp_path, {s: [BOX] for s in "abcde"}, lists)
    dataset = read_dataset(root, "train")
    (line,) = dataset.problems
    assert keys(dataset) == ["a", "b"] and "lists that tell no split: holdout" in line
    assert line.id == "list-unknown" and "list-unknown" in findings(root)
    assert keys(read_dataset(root, "holdout")) == ["d", "e"]


def test_lists_of_a_class_are_no_splits_but_may_be_asked_for(tmp_path):
    root = write_voc(tmp_path, {s: [BOX] for s in "abcd"}, {"train": "abc", "val": "d"})
    path = root / "ImageSets" / "Main" / "cat_train.txt"
    path.write_text("a  1\nb -1\nc  0\n")
    assert not read_dataset(root, "train").problems
    assert keys(read_dataset(root, "cat_train")) == ["a", "c"]
    only = write_voc(tmp_path / "only", {s: [BOX] for s in "abcd"}, {"fold1": "ab"})
    dataset = read_dataset(only, "trainval")
    assert keys(dataset) == list("abcd") and "fold1" in dataset.problems[0]


def test_an_annotation_never_takes_an_image_that_has_one(tmp_path):
    root = write_voc(
        tmp_path, {s: [BOX] for s in "abcd"}, folders=("images", "annotations")
    )
    (root / "images" / "c.png").unlink()
    size = (60, 40)
    for stem, name in (("c", "a.png"), ("d", "x/b.png")):  # d.png is there
        xml = annotation_xml(name, size, [("dog", (1, 1, 60, 40))])
        (root / "annotations" / f"{stem}.xml").write_text(xml)
    dataset = read_dataset(root, "trainval")
    found = {
        p.path.stem: dataset.class_names[int(p.truth[0, 4]) - 1]
        for p in dataset.samples
    }
    assert found == {"a": "cat", "b": "cat", "d": "dog"}
    assert "c.xml: no image named 'c' or 'a.png'" in dataset.problems[0]
    assert findings(root)["image-missing"].severity == "error"


def test_two_annotations_of_one_image_are_left_out_with_it(tmp_path):
    root = write_voc(tmp_path, {"a": [BOX], "b": None})
    for stem in ("x", "y"):
        xml = annotation_xml("b.png", (60, 40), [BOX])
        (root / "Annotations" / f"{stem}.xml").write_text(xml)
    dataset = read_dataset(root, "trainval")
    assert keys(dataset) == ["a"]
    told = "2 annotations name an image that others name as well, the first is 'x'"
    assert any(told in line for line in dataset.problems)
    assert findings(root)["image-twice"].count == 2


def test_two_annotations_of_one_image_in_two_splits_are_left_out(tmp_path):
    root = write_voc(tmp_path, {"a": [BOX], "b": None, "c": [BOX]})
    for stem in ("x", "y"):
        xml = annotation_xml("b.png", (60, 40), [BOX])
        (root / "Annotations" / f"{stem}.xml").write_text(xml)
    for name, text in {"train": "a\nx", "val": "c\ny"}.items():
        path = root / "ImageSets" / "Main" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = {split: keys(read_dataset(root, split)) for split in ("train", "val")}
    assert found == {"train": ["a"], "val": ["c"]}


def test_case_in_lists_may_differ(tmp_path):
    root = write_voc(tmp_path, {"a": [BOX], "b": [BOX], "c": [BOX]})
    (root / "JPEGImages" / "a.png").rename(root / "JPEGImages" / "A.png")
    for name, text in {"train": "A.png\nB.PNG", "val": "C"}.items():
        path = root / "ImageSets" / "Main" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = {split: keys(read_dataset(root, split)) for split in ("train", "val")}
    assert found == {"train": ["A", "b"], "val": ["c"]}


def test_a_name_in_another_case_is_that_of_the_same_folder(tmp_path):
    objects = {"a": [BOX], "cam1/a": [("dog", BOX[1])], "c": [BOX]}
    root = write_voc(tmp_path, objects, {"train": ["A"], "val": ["c"]})
    (sample,) = read_dataset(root, "train").samples
    assert sample.path == root / "JPEGImages" / "a.png"


@pytest.mark.parametrize("folders", [("JPEGImages", "Annotations"), (".", ".")])
def test_subfolders_are_read(tmp_path, folders):
    root = write_voc(tmp_path, {s: [BOX] for s in "ab"}, folders=folders)
    inside = [f"{folder}/cam1" for folder in folders]
    write_voc(root, {s: [("dog", BOX[1])] for s in "aq"}, folders=inside)
    dataset = read_dataset(root, "trainval")
    assert keys(dataset) == ["a", "b", "a", "q"] and not dataset.problems
    names = [dataset.class_names[int(p.truth[0, 4]) - 1] for p in dataset.samples]
    assert names == ["cat", "cat", "dog", "dog"]


def test_lists_name_files_in_subfolders_by_path_or_alone(tmp_path):
    folders = ("JPEGImages/cam1", "Annotations/cam1")
    root = write_voc(tmp_path, {s: [BOX] for s in "abc"}, folders=folders)
    lists = {"train": ["cam1/a", "./cam1/b.png"], "val": ["c"]}
    write_voc(root, {}, lists)
    assert keys(read_dataset(root, "train")) == ["a", "b"]
    assert keys(read_dataset(root, "val")) == ["c"]


def test_subfolders_that_are_called_after_splits(tmp_path):
    for folder, stems in (("train", "ab"), ("test", "c"), ("valid", "d")):
        inside = [f"{name}/{folder}" for name in ("images", "annotations")]
        write_voc(tmp_path, {s: [BOX] for s in stems}, folders=inside)
    found = {split: keys(read_dataset(tmp_path, split)) for split in SPLITS}
    assert found == {"train": ["a", "b"], "val": ["d"], "test": ["c"]}


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_to_folders_are_followed(tmp_path):
    elsewhere = write_voc(tmp_path / "disk", {s: [BOX] for s in "ab"})
    root = tmp_path / "set"
    root.mkdir()
    for name in ("JPEGImages", "Annotations"):
        (root / name).mkdir()
        (root / name / "more").symlink_to(elsewhere / name)
    assert keys(read_dataset(root, "trainval")) == ["a", "b"]
    (tmp_path / "link").symlink_to(elsewhere)
    assert keys(read_dataset(tmp_path / "link", "trainval")) == ["a", "b"]


@pytest.mark.parametrize("layout", [("JPEGImages", "Annotations"), (".", ".")])
def test_a_data_set_of_subfolders_only(tmp_path, layout):
    for task, stems in (("task_1", "ab"), ("task_2", "ac")):
        write_voc(tmp_path / task, {s: [BOX] for s in stems}, folders=layout)
    (tmp_path / "README").write_text("CVAT")
    dataset = read_dataset(tmp_path, "trainval")
    assert keys(dataset) == ["a", "b", "a", "c"] and not dataset.problems


def test_whole_data_sets_in_folders_of_splits(tmp_path):
    from tests.data.readers.coco.test_coco import BOXES, write_json

    names = {"train": "a.png", "test": "b.png", "extra": "c.png"}
    for folder, name in names.items():
        place = tmp_path / folder
        path = place / "annotations" / "instances_default.json"
        write_json(path, [name], BOXES[:1], image_folder=place / "images")
    (source,) = open_dataset(tmp_path).sources
    assert source.lists == ["extra", "test", "train"]
    assert keys(read_dataset(tmp_path, "test")) == ["b"]
    dataset = read_dataset(tmp_path, "trainval")
    assert keys(dataset) == ["a"]
    assert "extra tell no split and are in none" in dataset.problems[0]
    assert keys(read_dataset(tmp_path, "extra")) == ["c"]


@pytest.mark.parametrize("name", ["drone-test-v2", "my_validation_photos"])
def test_one_folder_whose_name_holds_a_split_is_no_split(tmp_path, name):
    write_voc(
        tmp_path / name, {s: [BOX] for s in "abcdef"}, folders=("images", "annotations")
    )
    (tmp_path / "README").write_text("photos of a drone")
    for root in (tmp_path, tmp_path / name):
        both = [read_dataset(root, split) for split in ("train", "val")]
        assert sorted(keys(both[0]) + keys(both[1])) == list("abcdef")
        assert both[0].split_was_made


def test_splits_in_longer_names_of_folders_are_told(tmp_path):
    for name, stems in (("drone-train-v2", "ab"), ("drone-test-v2", "c")):
        write_voc(tmp_path / name, {s: [BOX] for s in stems}, folders=(".", "."))
    dataset = read_dataset(tmp_path, "test")
    assert keys(dataset) == ["c"]
    (line,) = (line for line in dataset.notes if "names of folders" in line)
    assert "drone-test-v2 as test" in line


def test_only_a_test_folder_says_where_that_comes_from(tmp_path):
    write_voc(tmp_path / "test", {s: [BOX] for s in "ab"}, folders=(".", "."))
    with pytest.raises(ValueError, match=r"no split 'train'.* Names of .* folders"):
        read_dataset(tmp_path, "train")


def test_two_images_of_one_annotation_are_told(tmp_path):
    root = write_voc(tmp_path, {"a": [BOX], "b": [BOX]})
    write_image(root / "JPEGImages" / "a.jpg", (60, 40))
    dataset = read_dataset(root, "trainval")
    assert [p.path.name for p in dataset.samples] == ["a.png", "b.png"]
    (line,) = dataset.problems
    assert "1 annotations have several images, such as a.jpg, a.png" in line
    assert (line.id, line.severity) == ("image-shared", "warning")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-le"])
def test_encodings_of_xml(tmp_path, encoding):
    root = write_voc(tmp_path, {"a": [BOX], "b": [BOX]})
    xml = '<?xml version="1.0" encoding="utf-8"?>' + annotation_xml(
        "a.png", (60, 40), [(" säge\n rot", (1, 1, 20, 20))]
    )
    mark = b"\xff\xfe" if encoding == "utf-16-le" else b""
    (root / "Annotations" / "a.xml").write_bytes(mark + xml.encode(encoding))
    dataset = read_dataset(root, "trainval")
    assert dataset.class_names == ["cat", "säge rot"] and not dataset.problems


@pytest.mark.parametrize("name", ["", "NaN", "None", " \n"])
def test_an_object_without_a_class_is_left_out(tmp_path, name):
    root = write_voc(tmp_path, {"a": [BOX, (name, (1, 1, 20, 20))], "b": [BOX]})
    dataset = read_dataset(root, "trainval")
    assert dataset.class_names == ["cat"] and dataset.num_objects_left_out == 1
    (line,) = dataset.problems
    assert line.id == "name-missing" and "a.xml: object 2" in line
    assert findings(root)["name-missing"].count == 1


def test_images_that_no_split_has_are_told(tmp_path, capsys):
    root = write_voc(tmp_path, {s: [BOX] for s in "ab"})
    for i in range(3):
        write_image(root / "more" / f"{i}.png", (9, 9), i)
    shutil.copy(root / "more" / "1.png", root / "x.HEIC")
    main([str(root)])
    shown = capsys.readouterr().out
    assert f"3 images in {root / 'more'} are not read" in shown
    assert "1 images of .heic are not read" in shown


def test_nothing_but_kinds_that_are_not_read(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.1 0.1")
    (tmp_path / "images" / "a.heic").touch()
    with pytest.raises(ValueError, match=r"Not read: 1 .heic images; convert them"):
        read_dataset(tmp_path, "train")


@pytest.mark.parametrize("suffix", [".jfif", ".tif"])
def test_jfif_and_tiff_are_read(tmp_path, suffix):
    import cv2

    root = write_voc(tmp_path, {"a": [BOX]})
    (root / "JPEGImages" / "a.png").unlink()
    kind = {".jfif": ".jpg"}.get(suffix, suffix)
    data = cv2.imencode(kind, np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    (root / "JPEGImages" / f"a{suffix}").write_bytes(data)
    (sample,) = read_dataset(root, "trainval").samples
    assert sample.read_image().shape == (40, 60, 3)


@pytest.mark.parametrize("layout", ["one tree", "a folder each"])
def test_folders_that_tell_no_split_are_told(tmp_path, layout):
    for name in ("train", "test", "extra"):
        images = tmp_path / ("JPEGImages" if layout == "one tree" else "") / name
        xmls = tmp_path / ("Annotations" if layout == "one tree" else "") / name
        for folder in (images, xmls):
            folder.mkdir(parents=True, exist_ok=True)
        write_image(images / f"{name}.png", (60, 40))
        (xmls / f"{name}.xml").write_text(annotation_xml("", (60, 40), [BOX]))
    dataset = read_dataset(tmp_path, "trainval")
    found = [keys(dataset), keys(read_dataset(tmp_path, "test"))]
    assert found == [["train"], ["test"]]
    (line,) = dataset.problems
    assert "folders that tell no split: extra; not read" in line
    if layout == "a folder each":
        (tmp_path / "loose.xml").write_text(annotation_xml("", (60, 40), [BOX]))
        (line,) = read_dataset(tmp_path, "trainval").problems
        assert "folders that tell no split: extra, .; not read" in line


def test_an_image_that_another_name_means_does_not_lack_an_annotation(tmp_path):
    root = write_voc(tmp_path, {"a": [BOX], "b": [BOX]})
    (root / "JPEGImages" / "a.png").rename(root / "JPEGImages" / "A.png")
    assert "annotation-missing" not in findings(root)
    assert not read_dataset(root, "trainval").problems


def test_an_image_that_an_annotation_names_is_in_the_same_folder(tmp_path):
    root = write_voc(tmp_path, {"cam1/x": [BOX], "b": None, "cam1/b": None})
    (root / "JPEGImages" / "cam1" / "x.png").unlink()
    xml = annotation_xml("b.png", (60, 40), [BOX])
    (root / "Annotations" / "cam1" / "x.xml").write_text(xml)
    (sample,) = read_dataset(root, "trainval").samples
    assert sample.path == root / "JPEGImages" / "cam1" / "b.png"


def test_folders_of_splits_may_lie_deeper(tmp_path):
    stems = {"2020/train": "ab", "2020/test": "c", "2021/val": "d", "2022": "e"}
    objects = {f"{f}/{stem}": [BOX] for f, names in stems.items() for stem in names}
    root = write_voc(tmp_path, objects)
    read = {split: read_dataset(root, split) for split in ("train", "val", "test")}
    assert {split: keys(d) for split, d in read.items()} == {
        "train": ["a", "b"],
        "val": ["d"],
        "test": ["c"],
    }
    (line,) = read["train"].problems
    assert line.id == "list-unknown" and "no split: 2022;" in line


@pytest.mark.parametrize("mark", ["", "  1", " 0"])
def test_a_number_in_an_images_name_is_no_mark(tmp_path, mark):
    stems = ["cat 0", "cat 1", "cat -1", "dog"]
    lists = {"train": [f"{stem}{mark}" for stem in stems], "val": ["rat"]}
    write_voc(tmp_path, {key: [BOX] for key in [*stems, "rat"]}, lists)
    dataset = read_dataset(tmp_path, "train")
    assert [image.path.stem for image in dataset.samples] == stems


@pytest.mark.parametrize("line", ["{}", "{}.png", "./imgs/{0}.png ./xmls/{0}.xml"])
@pytest.mark.parametrize(
    "place", [".", "splits", "Annotations", "image_sets", "ImageSets/Segmentation"]
)
def test_lists_in_other_places(tmp_path, place, line):
    root = write_voc(tmp_path, {stem: [BOX] for stem in ("a 1", "b", "c")})
    (root / "ImageSets" / "Main").mkdir(parents=True)
    (root / "ImageSets" / "Main" / "default.txt").write_text("a 1\nb\nc\n")
    (root / place).mkdir(exist_ok=True)
    for split, stems in {"train": ["a 1"], "valid": ["b"], "test": ["c"]}.items():
        text = "\n".join(map(line.format, stems))
        (root / place / f"{split}.txt").write_text(text)
    assert [keys(read_dataset(root, split)) for split in SPLITS] == [
        ["a 1"],
        ["b"],
        ["c"],
    ]
    assert not read_dataset(root, "train").problems
    assert keys(read_dataset(root, "default")) == ["a 1", "b", "c"]


def test_a_list_may_name_xml_files_and_what_is_not_there(tmp_path):
    lists = {"train": ["a.xml", "gone"], "val": ["b"]}
    root = write_voc(tmp_path, {stem: [BOX] for stem in "ab"}, lists)
    dataset = read_dataset(root, "train")
    assert keys(dataset) == ["a"] and "'gone'" in dataset.problems[0]


def test_lists_beside_the_folders_alone(tmp_path):
    root = write_voc(tmp_path, {stem: [BOX] for stem in "ab"})
    for split, stem in {"train": "a", "val": "b"}.items():
        (root / f"{split}.txt").write_text(stem)
    found = [keys(read_dataset(root, split)) for split in ("train", "val")]
    assert found == [["a"], ["b"]]


def test_lists_of_layout_number_objects(tmp_path):
    root = write_voc(tmp_path, {stem: [BOX] for stem in ("a", "b", "c 2", "d")})
    lists = {"train": "a  1\na  2\nb 12\nc 2\n", "val": "d 1\n"}
    (root / "ImageSets" / "Layout").mkdir(parents=True)
    for split, text in lists.items():
        (root / "ImageSets" / "Layout" / f"{split}.txt").write_text(text)
    dataset = read_dataset(root, "train")
    assert keys(dataset) == ["a", "b", "c 2"] and not dataset.problems


LISTS = {  # of ImageSets: the lists, then keys of each split, images of test in others
    (("Layout/train", "abc"), ("Segmentation/test", "cde")): ("ab", "cde", 1),
    (("Segmentation/train", "abc"), ("Main/test", "cd")): ("ab", "cd", 1),
    (("Main/trainval", "abc"), ("Layout/test", "bcd")): ("a", "bcd", 2),
    (("Main/train", "ab"), ("Layout/test", "cd")): ("ab", "cd", 0),
    # each has its own: the first counts
    (("Main/train", "ab"), ("Main/test", "c"), ("Layout/test", "b")): ("ab", "c", None),
    (("Main/train", "ab"), ("Layout/trainval", "c"), ("Layout/train", "d")): (
        *("ab", None),
        None,
    ),
}


@pytest.mark.parametrize("lists", LISTS)
def test_lists_of_train_and_test_in_two_folders(tmp_path, lists):
    root = write_voc(tmp_path, {stem: [BOX] for stem in "abcdefgh"})
    for name, stems in lists:
        path = root / "ImageSets" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(stems))
    train, test, num_both = LISTS[lists]
    dataset = read_dataset(root, "trainval")
    assert keys(dataset) == list(train)
    assert test is None or keys(read_dataset(root, "test")) == list(test)
    told = [line for line in (*dataset.problems, *dataset.notes) if "read from" in line]
    assert len(told) == (num_both is not None)
    folders = [f"ImageSets/{lists[0][0].split('/')[0]}", "ImageSets"]
    for line in told:
        assert all(folder in line for folder in folders)
        assert line.severity == ("warning" if num_both else "note")
        assert not num_both or f"; {num_both} images of test" in line
