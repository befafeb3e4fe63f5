"""YOLO in the layouts that ultralytics, Roboflow, CVAT and Label Studio write."""

import numpy as np
import pytest

from data import read_dataset
from tests.helpers.voc_files import write_image

WIDTH, HEIGHT = 60, 40
ROW = "1 0.5 0.25 0.5 0.4"  # 15, 2, 45, 18 in 60x40
CORNERS = np.divide((15, 2, 45, 18), (WIDTH, HEIGHT, WIDTH, HEIGHT))
NAMES = "names: [dog, cat]\n"


def write(root, files):
    """Text files by name; images where the text is None."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            write_image(path, (WIDTH, HEIGHT))
        else:
            path.write_text(text, "utf-8")
    return root


def stems(dataset):
    return [sample.path.stem for sample in dataset.samples]


PAIR = {"a b.png": None, "ä.png": None}


def split_files(images, labels):
    """One image with a label and one without in each split."""
    files = {}
    for split in ("train", "val"):
        files |= {f"{images.format(split)}/{split}.png": None}
        files |= {f"{images.format(split)}/{split} ä.png": None}
        files |= {f"{labels.format(split)}/{split}.txt": ROW}
    return files


LAYOUTS = {  # where images and labels are, data.yaml (or other files)
    "ultralytics": (
        ("images/{}", "labels/{}"),
        {"data.yaml": f"path: .\ntrain: images/train\nval: images/val\n{NAMES}"},
    ),
    "a path that was elsewhere": (
        ("images/{}", "labels/{}"),
        {
            "data.yaml": "path: ../datasets/pets\ntrain: images/train\n"
            f"val: [images/val]\ntest:\n{NAMES}"
        },
    ),
    "an absolute path of another machine": (
        ("images/{}", "labels/{}"),
        {
            "data.yaml": "train: /home/me/set/images/train\n"
            "val: C:\\me\\set\\images\\val\nnames: {0: dog, 1: cat}\n"
        },
    ),
    "roboflow": (
        ("{}/images", "{}/labels"),
        {
            "data.yaml": "train: ../train/images\nval: ../val/images\n"
            f"test: ../test/images\nnc: 2\n{NAMES}"
        },
    ),
    "lists of images": (
        ("images", "labels"),
        {
            "data.yaml": f"train: train.txt\nval: val.txt\n{NAMES}",
            "train.txt": "./images/train.png\n./images/train ä.png\n",
            "val.txt": "./images/val.png\n./images/val ä.png\n",
        },
    ),
    "cvat": (
        ("obj_{}_data", "obj_{}_data"),
        {
            "obj.names": "dog\ncat\n",
            "obj.data": "classes = 2\ntrain = data/train.txt\n",
            "train.txt": "data/obj_train_data/train.png\n"
            "data/obj_train_data/train ä.png\n",
            "valid.txt": "data/obj_val_data/val.png\ndata/obj_val_data/val ä.png\n",
        },
    ),
    "no data.yaml": (("images/{}", "labels/{}"), {"classes.txt": "dog\ncat\n"}),
    "labels beside images": (("{}", "{}"), {"classes.txt": "dog\ncat\n\n"}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout(tmp_path, layout):
    folders, files = LAYOUTS[layout]
    root = write(tmp_path / "set", split_files(*folders) | files)
    for split in ("train", "val"):
        dataset = read_dataset(root, split)
        assert sorted(stems(dataset)) == [split, f"{split} ä"]
        assert dataset.class_names == ["dog", "cat"] and not dataset.problems
        assert dataset.format_name == "YOLO" and not dataset.split_was_made
        by_stem = {sample.path.stem: sample.truth for sample in dataset.samples}
        np.testing.assert_allclose(by_stem[split], [[*CORNERS, 2]], rtol=1e-6)
        assert len(by_stem[f"{split} ä"]) == 0  # no label file: nothing to find


def test_an_absolute_path(tmp_path):
    samples = write(tmp_path / "far", {"images/a.png": None, "labels/a.txt": ROW})
    text = f"train: {samples}/images\nval: {samples}/images\n{NAMES}"
    root = write(tmp_path / "set", {"data.yaml": text})
    for data in (root, root / "data.yaml"):
        dataset = read_dataset(data, "trainval")
        assert stems(dataset) == ["a"] and len(dataset.samples[0].truth) == 1


def test_val_that_is_train_is_split_by_hash(tmp_path):
    files = {f"images/{i}.png": None for i in range(30)}
    files |= {f"labels/{i}.txt": ROW for i in range(30)}
    text = f"train: images\nval: images\n{NAMES}"
    root = write(tmp_path, files | {"data.yaml": text})
    both = [stems(read_dataset(root, split)) for split in ("train", "val")]
    assert not set(both[0]) & set(both[1]) and len(both[0] + both[1]) == 30


def test_label_studio_and_a_folder_without_names(tmp_path):
    files = {"images/a.png": None, "labels/a.txt": ROW, "classes.txt": "dog\ncat"}
    root = write(tmp_path, files)
    assert read_dataset(root, "trainval").class_names == ["dog", "cat"]
    (root / "classes.txt").unlink()
    assert read_dataset(root, "trainval").class_names == ["0", "1"]


ROWS = [  # a row, corners in pixels, words of a problem
    (ROW, (15, 2, 45, 18), None),
    ("1.0 0.5 0.25 0.5 0.4", (15, 2, 45, 18), None),
    ("1 0.25 0.05 0.75 0.05 0.5 0.45", (15, 2, 45, 18), None),  # triangle
    ("1 0.25 0.05 0.75 0.05 0.75 0.45 0.25 0.45", (15, 2, 45, 18), None),
    ("1 0.5000004 0.5 1 1", (0, 0, 60, 40), None),  # rounding is no problem
    ("1 0.9 0.25 0.5 0.4", (39, 2, 60, 18), "clipped"),
    ("1 0.5 0.25 0 0.4", None, "no area"),
    ("1 1.5 0.25 0.5 0.4", None, "outside"),
    ("cat 0.5 0.25 0.5 0.4", None, "expected a class number and 4"),
    ("1 0.5 0.25 0.5", None, "expected a class number and 4"),
    ("1 0.5 nan 0.5 0.4", None, "expected a class number and 4"),
    ("-1 0.5 0.25 0.5 0.4", None, "expected a class number and 4"),
    ("2 0.5 0.25 0.5 0.4", None, "class 'number 2'"),  # the first without a name
    ("7 0.5 0.25 0.5 0.4", None, "class 'number 7'"),
]


@pytest.mark.parametrize(("row", "corners_px", "words"), ROWS)
def test_rows(tmp_path, row, corners_px, words):
    files = {"images/a.png": None, "labels/a.txt": f"\n{row}\n", "data.yaml": NAMES}
    dataset = read_dataset(write(tmp_path, files), "trainval")
    truth = dataset.samples[0].truth
    if corners_px is None:
        assert len(truth) == 0
    else:
        wanted = np.divide(corners_px, (WIDTH, HEIGHT, WIDTH, HEIGHT))
        np.testing.assert_allclose(truth, [[*wanted, 2]], atol=1e-6)
    if words is None:
        assert dataset.problems == []
    else:
        (line,) = dataset.problems
        assert words in line and ("a.txt: line 2" in line or "number" in words)


def test_key_points_after_the_box_are_left_out(tmp_path):
    files = {"images/a.png": None, "labels/a.txt": f"{ROW} 0.9 0.9 0.1 0.1"}
    root = write(tmp_path, files | {"data.yaml": f"kpt_shape: [2, 2]\n{NAMES}"})
    truth = read_dataset(root, "trainval").samples[0].truth
    np.testing.assert_allclose(truth, [[*CORNERS, 2]], rtol=1e-6)


@pytest.mark.parametrize("yaml", [f"train: images\nval: images\n{NAMES}", None])
def test_labels_without_a_image_are_counted(tmp_path, yaml):
    files = {
        "images/a.png": None,
        "labels/a.txt": ROW,
        "labels/classes.txt": "dog\ncat",
    }
    files |= {"labels/b.txt": ROW, "labels/deep/c.d.txt": ROW}
    files |= {"data.yaml": yaml} if yaml else {}
    dataset = read_dataset(write(tmp_path, files), "trainval")
    assert stems(dataset) == ["a"] and dataset.num_images_left_out == 2
    (line,) = dataset.problems
    assert "2 labels have no image of .jpg, .jpeg, .png, .bmp, .webp" in line


def test_an_image_whose_kind_is_not_read_is_named_as_that(tmp_path):
    files = {"a.png": None, "a.txt": ROW, "b.heic": "", "b.txt": ROW}
    (line,) = read_dataset(write(tmp_path, files), "trainval").problems
    assert "1 labels have images of .heic, which is not read" in line


def test_other_yaml_files_in_the_folder_are_passed_over(tmp_path):
    files = {"images/a.png": None, "labels/a.txt": ROW, "classes.txt": "dog\ncat\n"}
    files["mkdocs.yml"] = "emoji: !!python/name:material.emoji\n"
    files["folder.yaml/notes.txt"] = ""
    dataset = read_dataset(write(tmp_path, files), "trainval")
    assert stems(dataset) == ["a"] and dataset.class_names == ["dog", "cat"]


def test_the_folder_of_data_yaml_may_hold_the_images(tmp_path):
    files = {"a.png": None, "a.txt": ROW, "data.yaml": f"train: .\nval: .\n{NAMES}"}
    assert stems(read_dataset(write(tmp_path, files), "trainval")) == ["a"]


def test_a_class_number_that_can_not_be_is_refused(tmp_path):
    root = write(tmp_path, {"a.png": None, "a.txt": "4000000000 0.5 0.5 0.1 0.1"})
    with pytest.raises(ValueError, match=r"a.txt: class number 4000000000: expected"):
        read_dataset(root, "trainval")


BROKEN = [
    ("nc: 4000000000\n", "data.yaml: class number 3999999999: expected less"),
    ("names: {4000000000: dog}\n", "data.yaml: class number 4000000000: expected"),
    ("names: " + "[" * 2000, "data.yaml: not a YAML file: maximum recursion"),
    ("names: [a\n", "data.yaml: not a YAML file: .*line 2"),
    ("names: 3\n", "data.yaml: names: expected a list of class names"),
    (f"train: nowhere\n{NAMES}", "data.yaml: train: nowhere is not there"),
    (f"test: images/a.png\n{NAMES}", "data.yaml: test: images/a.png is neither; exp"),
    ("train: images\nval: images\n", "data.yaml: names: expected a list .* None"),
]


@pytest.mark.parametrize(("text", "words"), BROKEN)
def test_a_broken_data_yaml_is_told_in_one_line(tmp_path, text, words):
    root = write(tmp_path, {"images/a.png": None, "data.yaml": text})
    with pytest.raises(ValueError, match=words) as error:
        read_dataset(root, "trainval")
    assert "\n" not in str(error.value)


def test_listed_images_that_are_not_there_are_counted(tmp_path):
    files = {
        "data.yaml": f"train: train.txt\nval: train.txt\n{NAMES}",
        "train.txt": "images/a.png\nimages/b.png\nimages/c.png\n",
        "images/a.png": None,
    }
    dataset = read_dataset(write(tmp_path, files), "trainval")
    assert stems(dataset) == ["a"] and dataset.num_images_left_out == 2
    assert "2 images are not there, the first is" in dataset.problems[0]


@pytest.mark.parametrize("line", ["/", ".", "\0", "x" * 5000, "x" * 5000 + ".png"])
def test_a_line_of_a_list_that_names_no_file_costs_itself(tmp_path, line):
    lists = f"train: train.txt\nval: train.txt\n{NAMES}"
    files = {"a.png": None, "a.txt": ROW, "train.txt": f"a.png\n{line}\n"}
    dataset = read_dataset(write(tmp_path, {**files, "data.yaml": lists}), "trainval")
    assert stems(dataset) == ["a"] and dataset.num_images_left_out == 1
    assert len(dataset.problems) == 1
