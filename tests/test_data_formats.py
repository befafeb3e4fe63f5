"""The front door: which format is recognised, what is said where none is."""

import json

import pytest

from data import read_dataset
from tests.voc_files import write_picture, write_voc
from training.runs import write_split

BOX = ("cat", (11, 5, 40, 20))


def keys(dataset):
    return [picture.path.stem for picture in dataset.pictures]


def test_xml_beside_the_pictures(tmp_path):
    write_voc(tmp_path, {s: [BOX] for s in "abcdefgh"}, folders=(".", "."))
    assert keys(read_dataset(tmp_path, "trainval")) == list("abcdefgh")


def test_a_folder_for_each_split_as_roboflow_writes_voc(tmp_path):
    for folder, stems in {"train": "ab", "valid": "a", "test": "c"}.items():
        write_voc(tmp_path / folder, {s: [BOX] for s in stems}, folders=(".", "."))
    for split, stems in {"train": "ab", "val": "a", "test": "c"}.items():
        dataset = read_dataset(tmp_path, split)
        assert keys(dataset) == list(stems) and not dataset.split_was_made
        assert {p.path.parent.name for p in dataset.pictures} == {
            "valid" if split == "val" else split
        }


def test_what_was_seen_is_told(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg", "c.txt"):
        (tmp_path / "photos" / name).touch()
    with pytest.raises(ValueError, match=r"2 .jpg files . 1 .txt files in") as e:
        read_dataset(tmp_path, "train")
    assert "Pascal VOC: JPEGImages/" in str(e.value) and "\n" not in str(e.value)


def test_a_split_that_was_made_is_saved(tmp_path):
    names = [f"p{i}" for i in range(30)]
    root = write_voc(tmp_path / "set", {name: [BOX] for name in names})
    both = [read_dataset(root, split) for split in ("train", "val")]
    write_split(tmp_path / "split.json", both)
    saved = json.loads((tmp_path / "split.json").read_text())
    assert saved["val"] == [str(picture.path) for picture in both[1].pictures]
    assert len(saved["train"]) + len(saved["val"]) == 30
    lists = {"train": names[:20], "val": names[20:]}
    root = write_voc(tmp_path / "listed", {name: [BOX] for name in names}, lists)
    write_split(tmp_path / "none.json", [read_dataset(root, "val")])
    assert not (tmp_path / "none.json").exists()


def test_a_broken_picture_among_many_is_left_out_and_counted(tmp_path):
    root = write_voc(tmp_path, {s: [BOX] for s in "abcdefgh"})
    (root / "JPEGImages" / "c.png").write_bytes(b"")
    dataset = read_dataset(root, "trainval")
    assert keys(dataset) == list("abdefgh") and dataset.num_pictures_left_out == 1
    assert "c.png" in dataset.problems[0] and "left out: 1 pictures" in (
        dataset.describe()
    )
    write_picture(root / "JPEGImages" / "c.png", (60, 40))
    assert len(read_dataset(root, "trainval")) == 8
