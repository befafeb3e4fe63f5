"""CSV in the orders of keras-retinanet, TensorFlow Object Detection and Open Images."""

import numpy as np
import pytest

from data import read_dataset
from tests.data.readers.test_yolo import stems, write

CORNERS = np.divide((15, 2, 45, 18), (60, 40, 60, 40))
TABLES = {  # file, text
    "keras-retinanet": ("boxes.csv", "a.png,15,2,45,18,cat\nb.png,,,,,\n"),
    "TFOD": (
        "boxes.csv",
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,60,40,cat,15,2,45,18\n"
        "b.png,60,40,,,,,\n",
    ),
    "Open Images": (
        "oidv6-annotations-bbox.csv",
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsGroupOf\n"
        "a,xclick,cat,1,0.25,0.75,0.05,0.45,0,0\nb,x,cat,1,0.1,0.9,0.1,0.9,0,1\n",
    ),
    "ours": ("boxes.csv", "filename,xmin,ymin,xmax,ymax,class\na.png,15,2,45,18,cat\n"),
    "folders and a mark": ("b.csv", "\ufeffimages/a.png,15,2,45,18,cat\n"),
}


@pytest.mark.parametrize("table", TABLES)
def test_each_order(tmp_path, table):
    name, text = TABLES[table]
    folder = "images/" if table == "folders and a mark" else ""
    files = {f"{folder}a.png": None, f"{folder}b.png": None, name: text}
    dataset = read_dataset(write(tmp_path, files), "trainval")
    assert dataset.class_names == ["cat"] and not dataset.problems
    np.testing.assert_allclose(dataset.pictures[0].truth, [[*CORNERS, 1]], rtol=1e-6)
    assert len(dataset) == 1 + ("b.png" in text or table == "Open Images")
    if table == "Open Images":
        assert dataset.pictures[1].crowd.tolist() == [True]


@pytest.mark.parametrize(
    ("file", "pictures"),
    [
        ("{}.csv", "images"),
        ("{}_labels.csv", "images/{}"),
        ("{}/_annotations.csv", "{}"),
        ("{}-annotations-bbox.csv", "{}"),
        ("annotations/{}.csv", "images"),
    ],
)
def test_splits_by_files_and_folders(tmp_path, file, pictures):
    for split in ("train", "test"):
        text = f"filename,xmin,ymin,xmax,ymax,class\n{split} ä.png,15,2,45,18,cat\n"
        place = pictures.format(split)
        write(tmp_path, {file.format(split): text, f"{place}/{split} ä.png": None})
    assert stems(read_dataset(tmp_path, "trainval")) == ["train ä"]
    assert stems(read_dataset(tmp_path, "test")) == ["test ä"]


@pytest.mark.parametrize(
    ("file", "text", "names"),
    [
        ("classes.csv", "dog,1\ncat,0\n", ["cat", "dog"]),
        ("classes.csv", "class,id\ndog,1\ncat,0\n", ["cat", "dog"]),
        (
            "class-descriptions-boxable.csv",
            "dog,Hund\n/m/1,Maus\ncat,K\n",
            ["Hund", "K"],
        ),
    ],
)
def test_a_file_of_classes_gives_names_and_order(tmp_path, file, text, names):
    rows = "a.png,15,2,45,18,cat\na.png,1,2,4,8,dog\n"
    root = write(tmp_path, {"a.png": None, "boxes.csv": rows, file: text})
    assert read_dataset(root, "trainval").class_names == names


def test_shares_of_which_one_reaches_out_are_no_pixels(tmp_path):
    rows = "a.png,0.25,0.05,0.75,0.45,cat\na.png,0.5,0.5,1.01,1,cat\n"
    root = write(tmp_path, {"a.png": None, "boxes.csv": rows})
    dataset = read_dataset(root, "trainval")
    corners = [[*CORNERS, 1], [0.5, 0.5, 1, 1, 1]]
    np.testing.assert_allclose(dataset.pictures[0].truth, corners, rtol=1e-6)
    assert "reaches out" in dataset.problems[0]


ROWS = [  # a row after a good one, words of its problem
    ("a.png,15,2,x,18,cat", "boxes.csv: line 2 (cat): a number is missing"),
    ("a.png,15,2,nan,18,cat", "boxes.csv: line 2 (cat): a number is missing"),
    ("a.png,45,2,15,18,cat", "boxes.csv: line 2 (cat): box 45 2 15 18 has swapped"),
    ("a.png,15,2,75,18,cat", "boxes.csv: line 2 (cat): box 15 2 75 18 reaches out"),
    ("c.png,15,2,45,18,cat", "1 pictures of boxes.csv are not there"),
]


@pytest.mark.parametrize(("row", "words"), ROWS)
def test_a_bad_row_costs_only_itself(tmp_path, row, words):
    text = f"a.png,15,2,45,18,cat\n{row}\n"
    dataset = read_dataset(
        write(tmp_path, {"a.png": None, "boxes.csv": text}), "trainval"
    )
    (line,) = dataset.problems
    assert words in line and len(dataset) == 1


def test_open_images_calls_val_validation(tmp_path):
    header = "ImageID,LabelName,XMin,XMax,YMin,YMax\n"
    for split in ("train", "validation"):
        row = f"{split}1,cat,0.25,0.75,0.05,0.45\n"
        files = {f"{split}-annotations-bbox.csv": header + row}
        write(tmp_path, files | {f"{split}/{split}1.png": None})
    assert stems(read_dataset(tmp_path, "val")) == ["validation1"]
    assert stems(read_dataset(tmp_path, "train")) == ["train1"]


def test_a_folder_called_like_a_table_is_passed_over(tmp_path):
    files = {"a.png": None, "boxes.csv": "a.png,15,2,45,18,cat\n", "x.csv/y.txt": ""}
    assert stems(read_dataset(write(tmp_path, files), "trainval")) == ["a"]


def test_a_row_that_is_too_short_is_refused(tmp_path):
    text = "a.png,15,2,45,18,cat\na.png,15\n"
    root = write(tmp_path, {"a.png": None, "boxes.csv": text})
    with pytest.raises(ValueError, match=r"boxes.csv: line 2: expected 6 or more"):
        read_dataset(root, "train")
