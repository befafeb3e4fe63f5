"""Which file a name in an annotation file means."""

import os
import unicodedata
from pathlib import Path

import pytest

from data.readers.files.paths import (
    Finder,
    files_under,
    image_folders,
    is_shortened,
    subfolders,
    unread_kinds,
)


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_as_written_comes_before_every_shortened_name(tmp_path):
    names = ["x/images/001.jpg", *(f"batch2/00{i}.jpg" for i in range(1, 4))]
    touch(tmp_path, "images/001.jpg", *(f"images/{name}" for name in names[1:]))
    finder = Finder([tmp_path, tmp_path / "images"])
    for _ in range(2):  # whatever was asked before
        found = [finder.find(name) for name in names]
        wanted = ["001.jpg", *names[1:]]
        assert found == [tmp_path / "images" / name for name in wanted]


def test_two_names_never_come_to_one_file_by_a_guess(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg", "c/3.jpg")
    finder = Finder([tmp_path])
    names = ["a/1.jpg", "b/1.jpg", "a/2.jpg", "2.jpg", "x/c/3.jpg", "4.jpg"]
    found = finder.find_all(names)
    assert {name for name, path in found.items() if path} == {"2.jpg", "x/c/3.jpg"}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_case_and_unicode_form_may_differ_where_one_file_is_meant(tmp_path, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    on_disk = unicodedata.normalize(form, "Bilder/Tür.JPG")
    touch(tmp_path, on_disk, "a.jpg", "A.jpg")
    finder = Finder([tmp_path])
    asked = unicodedata.normalize(other, "bilder/tür.jpg")
    assert finder.find(asked) == finder.find(f"/x/{asked}") == tmp_path / on_disk
    assert finder.find("A.jpg") == tmp_path / "A.jpg"
    assert finder.find("a.JPG") is None  # a.jpg or A.jpg?


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_to_folders_are_followed_once(tmp_path):
    root, elsewhere = touch(tmp_path / "set", "a.jpg"), touch(tmp_path / "x", "b.jpg")
    (root / "more").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(root)
    assert [path.name for path in files_under(root)] == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(
    "name", ["x" * 300 + ".png", "a\0b.png", "a/" * 3000 + "b", ""]
)
def test_names_that_can_not_be(tmp_path, name):
    # found by fuzzing: the file system's limit of 255 bytes raised OSError
    assert Finder([tmp_path]).find(name) is None


def test_a_name_in_another_case_never_takes_what_another_has(tmp_path):
    touch(tmp_path, "a.jpg", "b/c.jpg")
    names = {"x": "c.jpg", "y": "b/C.jpg"}
    found = Finder([tmp_path]).find_all(["A.jpg", "a.jpg"])
    assert found == {"A.jpg": None, "a.jpg": tmp_path / "a.jpg"}
    found = Finder([tmp_path]).find_all(names, lambda key: names[key])
    assert found == {"x": None, "y": tmp_path / "b/c.jpg"}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("cam1/b.jpg", None),  # gone from its folder: b.jpg is another image
        ("./CAM1/b.jpg", None),
        ("cam1/c.jpg", "cam1/day/c.jpg"),
        ("cam9/b.jpg", "b.jpg"),
        ("cam1/night/b.jpg", None),  # cam1 is there: night is lost, not renamed
        ("cam1/day/night/b.jpg", None),
        ("b/cam1/day/c.jpg", "cam1/day/c.jpg"),
        ("cam1/cam9/day/c.jpg", None),
        ("cam1/cam1/day/c.jpg", "cam1/day/c.jpg"),
        ("/home/me/b.jpg", "b.jpg"),
        ("C:\\me\\b.jpg", "b.jpg"),
        ("../me/b.jpg", "b.jpg"),
    ],
)
def test_a_name_whose_folder_is_there_is_not_shortened(tmp_path, name, wanted):
    touch(tmp_path, "cam1/a.jpg", "cam1/day/c.jpg", "b.jpg")
    finder = Finder([tmp_path, tmp_path / "cam1/day"])
    for found in (finder.find(name), finder.find_all(["cam1/a.jpg", name])[name]):
        assert found == (wanted and tmp_path / wanted)


@pytest.mark.parametrize(
    ("file", "made", "wanted"),
    [
        ("a.json", (), [""]),
        ("a.json", ("a", "images", "data", "other"), ["", "images", "data", "a"]),
        ("a.json", ("images/a",), ["", "images", "images/a"]),
        (
            "annotations/instances_val2017.json",
            ("val2017", "images/val2017", "validation", "images/Valid", "train"),
            [
                *("annotations", "val2017", "images/val2017", "validation"),
                *("images/Valid", "images", ""),
            ],
        ),
        (
            "Annotations/train.csv",
            ("Annotations/images", "Annotations/data", "train", "images/train"),
            [
                *("Annotations", "Annotations/images", "Annotations/data"),
                *("train", "images/train", "images", ""),
            ],
        ),
        ("labels/test.csv", ("test", "images"), ["labels", "test", "images", ""]),
    ],
)
def test_folders_where_images_of_a_file_may_lie(tmp_path, file, made, wanted):
    for name in (*made, str(Path(file).parent)):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    found = image_folders(tmp_path / file, tmp_path)
    assert [str(p.relative_to(tmp_path)) for p in found] == [w or "." for w in wanted]


def test_beside_annotations_of_another_folder_images_may_lie_too(tmp_path):
    for name in ("task/annotations", "task/val", "task/images", "images"):
        (tmp_path / name).mkdir(parents=True)
    found = image_folders(tmp_path / "task/annotations/val.json", tmp_path)
    names = ["task/annotations", "images", ".", "task/val", "task/images", "task"]
    assert [str(p.relative_to(tmp_path)) for p in found] == names


@pytest.mark.parametrize(
    ("name", "path", "wanted"),
    [
        ("a.jpg", "set/b/a.jpg", False),  # nothing was left out
        ("b/a.jpg", "set/b/a.jpg", False),
        ("B\\A.jpg", "set/b/a.jpg", False),
        ("c/a.jpg", "set/b/a.jpg", True),
        ("../b/a.jpg", "set/b/a.jpg", True),
        ("/set/b/a.jpg", "/set/b/a.jpg", False),
        ("/x/b/a.jpg", "/set/b/a.jpg", True),
    ],
)
def test_whether_folders_of_a_name_were_left_out(name, path, wanted):
    assert is_shortened(name, Path(path)) == wanted


def test_a_link_that_leads_above_the_folder_is_not_followed(tmp_path):
    touch(tmp_path, "images/train/a.jpg", "images/test/b.jpg")
    (tmp_path / "images/train/loop").symlink_to("..")
    (tmp_path / "images/train/top").symlink_to(tmp_path)
    train = tmp_path / "images/train"
    assert list(files_under(train)) == [train / "a.jpg"]
    assert len(list(files_under(tmp_path))) == 2
    assert subfolders(train) == []


def test_hidden_folders_and_those_of_macos_are_passed_over(tmp_path):
    touch(tmp_path, "b/2.txt", "1.txt", ".git/x", "__MACOSX/y", "b/c/d/3.txt", "_/4")
    names = [str(path.relative_to(tmp_path)) for path in files_under(tmp_path)]
    assert names == ["1.txt", "_/4", "b/2.txt", "b/c/d/3.txt"]
    names = [str(path.relative_to(tmp_path)) for path in files_under(tmp_path, 2)]
    assert names == ["1.txt", "_/4", "b/2.txt"]
    assert [path.name for path in files_under(tmp_path, 1)] == ["1.txt"]
    assert [path.name for path in subfolders(tmp_path)] == ["_", "b"]


def test_a_point_is_the_folder_itself_and_nothing_is_nothing(tmp_path):
    finder = Finder([tmp_path, tmp_path / "x"])
    assert finder.find_all([".", "./", " "]) == {
        ".": tmp_path,
        "./": tmp_path,
        " ": None,
    }


def test_parent_folders_in_a_name_lead_out_of_the_folder(tmp_path):
    touch(tmp_path, "images/A.jpg", "labels/x.txt")
    finder = Finder([tmp_path / "labels"])
    found = tmp_path / "labels" / ".." / "images" / "A.jpg"
    assert finder.find("../images/A.jpg") == finder.find("../Images/a.jpg") == found


@pytest.mark.parametrize("name", ["../other/b.jpg", "{}/other/b.jpg"])
def test_a_folder_elsewhere_may_be_there_without_its_images(tmp_path, name):
    touch(tmp_path, "set/b.jpg", "other/a.jpg")  # moved from other/ to set/
    assert Finder([tmp_path / "set"]).find(name.format(tmp_path)) == (
        tmp_path / "set/b.jpg"
    )


def test_a_name_without_its_ending_is_one_image(tmp_path):
    touch(tmp_path, "cam1/a.jpg", "cam1/ab.jpg", "cam2/a.png", "cam2/B.jpg", "c.txt")
    finder = Finder([tmp_path, tmp_path / "cam1"])
    names = ["cam1/a", ".\\cam2\\b", "am1/a", "a", "c", "", "/cam1/a"]
    found = [finder.find_bare(name) for name in names]
    assert found == [tmp_path / "cam1/a.jpg", tmp_path / "cam2/B.jpg", *[None] * 5]


def test_kinds_that_are_not_read_are_named(tmp_path):
    told = " Not read: 1 .heic images, 2 .gif images; convert them to JPEG or PNG."
    touch(tmp_path / "x", "a.GIF", "in/b.gif", "c.heic", "d.jpg")
    assert unread_kinds(tmp_path / "x") == told
    assert unread_kinds(tmp_path / "x" / "d.jpg") == ""


def test_folders_of_images_in_capitals(tmp_path):
    touch(tmp_path, "Annotations/a.json", "Images/Val/a.jpg", "Data/b.jpg")
    found = image_folders(tmp_path / "a.json", tmp_path)
    assert {tmp_path / "Images", tmp_path / "Data"} <= set(found)
    found = image_folders(tmp_path / "Annotations" / "instances_val.json", tmp_path)
    assert {tmp_path / "Images", tmp_path / "Images" / "Val"} <= set(found)
