"""Splits that one annotation file tells of its images: a column, folders in names."""

import json

import pytest

from data import read_dataset
from data.readers.csv_table import find
from data.readers.files.image_splits import split_notes, splits_by_folder, unused_lists
from tests.data.readers.coco.test_coco import annotation
from tests.helpers.tool_files import write

NAMES = ("train/a.png", "train/b.png", "test/c.png")
BOX = "10,2,40,30,cat"
HEADER = "filename,xmin,ymin,xmax,ymax,class"


def csv(names):
    return "\n".join([HEADER, *(f"{name},{BOX}" for name in names)])


def coco(names):
    images = [{"id": n, "file_name": name} for n, name in enumerate(names)]
    boxes = [annotation(n, n, (10, 2, 30, 28)) for n in range(len(names))]
    categories = [{"id": 90, "name": "cat"}]
    return {"images": images, "annotations": boxes, "categories": categories}


def cvat(names):
    box = '<box label="cat" xtl="10" ytl="2" xbr="40" ybr="30"/>'
    images = (f'<image id="1" name="{name}">{box}</image>' for name in names)
    return f"<annotations>{''.join(images)}</annotations>"


def via(names):
    shape = {"name": "rect", "x": 10, "y": 2, "width": 30, "height": 28}
    region = {"shape_attributes": shape, "region_attributes": {"class": "cat"}}
    image = {"size": 1, "regions": [region], "file_attributes": {}}
    return {name: {"filename": name, **image} for name in names}


FILES = {"a.csv": csv, "a.json": coco, "a.xml": cvat, "via.json": via}


def stems(root, split):
    return sorted(image.path.stem for image in read_dataset(root, split).samples)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("place", ["", "images/"])
def test_folders_in_the_names_tell_the_split(tmp_path, file, place):
    write(tmp_path, {f"{place}{name}": None for name in NAMES})
    names = (*NAMES, "d.png")
    write(tmp_path, {f"{place}d.png": None, file: FILES[file](names)})
    assert stems(tmp_path, "trainval") == ["a", "b"]
    dataset = read_dataset(tmp_path, "test")
    assert [image.path.stem for image in dataset.samples] == ["c"]
    (note,) = (n for n in dataset.notes if getattr(n, "id", "") == "split-names")
    assert "folders in the images' names: train 2, test 1" in note
    assert any("1 images have no split" in line for line in dataset.problems)


@pytest.mark.parametrize("column", ["split", "set", "ML_USE"])
def test_a_column_tells_the_split(tmp_path, column):
    splits = ("TRAIN", "training", "Test", "UNASSIGNED")
    names = [f"{stem}.png" for stem in "abcd"]
    rows = [f"{n},{BOX},{split}" for n, split in zip(names, splits, strict=True)]
    table = "\n".join([f"{HEADER},{column}", *rows])
    write(tmp_path, {**dict.fromkeys(names), "labels.csv": table})
    assert stems(tmp_path, "trainval") == ["a", "b"]
    assert stems(tmp_path, "test") == ["c"]
    assert stems(tmp_path, "UNASSIGNED") == ["d"]
    dataset = read_dataset(tmp_path, "test")
    assert any("--train-split UNASSIGNED" in line for line in dataset.problems)
    assert any("read from a column or key: train 2," in note for note in dataset.notes)


def with_splits(format_name, splits):
    """Files whose images, a.png and so on, say their splits."""
    names = [f"{stem}.png" for stem in "abcd"]
    pairs = list(zip(names, splits, strict=True))
    if format_name == "coco":
        content = coco(names)
        for image, split in zip(content["images"], splits, strict=True):
            image["split"] = split
        return {"a.json": content}
    if format_name.startswith("label studio"):
        value = {"x": 10, "y": 10, "width": 20, "height": 20, "rectanglelabels": ["c"]}
        result = [{"type": "rectanglelabels", "value": value}]
        return {
            "a.json": [
                {"data": {"image": n, "Split": s}, "annotations": [{"result": result}]}
                if format_name == "label studio"
                else {"image": n, "set": s, "label": [value], "annotation_id": 1}
                | {"lead_time": 1}
                for n, s in pairs
            ]
        }
    content = via(names)
    for name, split in pairs:
        content[name]["file_attributes"] = {"subset": split, "caption": "a cat"}
    if format_name == "via":
        return {"via.json": content}
    header = "filename,file_size,file_attributes,region_shape_attributes"
    rows = [f"{header},region_attributes"]
    for name, image in content.items():
        (region,) = image["regions"]
        cells = [image["file_attributes"], *region.values()]
        cells = [json.dumps(cell).replace('"', '""') for cell in cells]
        rows.append(",".join([name, "1", *(f'"{cell}"' for cell in cells)]))
    return {"via.csv": "\n".join(rows)}


FORMATS = ("coco", "label studio", "label studio min", "via", "via csv")


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_key_of_an_image_tells_its_split(tmp_path, format_name):
    files = with_splits(format_name, ("TRAIN", "training", "Test", "held out"))
    write(tmp_path, dict.fromkeys([f"{stem}.png" for stem in "abcd"]) | files)
    assert stems(tmp_path, "trainval") == ["a", "b"]
    assert stems(tmp_path, "test") == ["c"] and stems(tmp_path, "held out") == ["d"]
    problems = read_dataset(tmp_path, "test").problems
    assert any("--train-split held out" in line for line in problems)
    write(tmp_path, with_splits(format_name, ("", "  ", "a", "b")))
    assert stems(tmp_path, "trainval") == list("abcd")  # no word tells a split


@pytest.mark.parametrize("file", ["labels.csv", "train.csv"])
def test_a_split_that_is_contradicted_is_refused(tmp_path, file):
    rows = [f"a.png,{BOX},train", f"a.png,{BOX},test"]
    rows = rows[file == "train.csv" :]
    place = "train.csv: " if file == "train.csv" else ""
    write(tmp_path, {"a.png": None, file: "\n".join([f"{HEADER},split", *rows])})
    with pytest.raises(ValueError, match=rf"{place}a\.png is in test"):
        read_dataset(tmp_path, "train")


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        ([], {}),
        (["a.jpg"], {}),
        (["test_rig/a.jpg", "lab/b.jpg"], {}),  # says more than a split
        (["test/a.jpg"], {"test/a.jpg": "test"}),
        (["x/Val/a.jpg", "x/b.jpg"], {"x/Val/a.jpg": "val"}),
        (["/test/set/a.jpg", "/test/set/b.jpg"], {}),
        (["C:\\test\\set\\a.jpg", "C:/test/set/b.jpg"], {}),
        (["C:\\t\\train\\a.jpg", "C:/t/test/b.jpg"], ["train", "test"]),
        (["../valid/a.jpg", "../train/b.jpg"], ["val", "train"]),
    ],
)
def test_splits_by_folder(names, splits):
    if isinstance(splits, list):
        splits = dict(zip(names, splits, strict=True))
    assert splits_by_folder(names) == splits


def test_the_file_name_tells_before_folders_in_names(tmp_path):
    write(tmp_path, {**dict.fromkeys(NAMES), "train.json": json.dumps(coco(NAMES))})
    assert stems(tmp_path, "trainval") == ["a", "b", "c"]


def test_trainval_by_name_may_hold_a_column_of_train_and_val(tmp_path):
    rows = [f"a.png,{BOX},train", f"b.png,{BOX},val"]
    table = "\n".join([f"{HEADER},split", *rows])
    write(tmp_path, {"a.png": None, "b.png": None, "trainval.csv": table})
    assert stems(tmp_path, "trainval") == ["a", "b"]


def test_two_files_of_a_split_add_up_and_share_no_image(tmp_path):
    files = {"train/x.csv": csv(["a.png"]), "train/y.csv": csv(["b.png"])}
    write(tmp_path, {"train/a.png": None, "train/b.png": None, **files})
    assert stems(tmp_path, "trainval") == ["a", "b"]
    write(tmp_path, {"train/y.csv": csv(["b.png", "a.png"])})
    with pytest.raises(ValueError, match=r"a\.png stands in .*x\.csv and in .*y\.csv"):
        read_dataset(tmp_path, "trainval")


def test_a_source_lists_the_images_of_all_its_splits(tmp_path):
    files = {"train.csv": csv(["a.png"]), "test.csv": csv(["b.png"])}
    (source,) = find(write(tmp_path, {"a.png": None, "b.png": None, **files}))
    assert sorted(source.keys(None)) == ["test/b.png", "train/a.png"]


def test_names_without_endings_that_come_to_one_image_are_refused(tmp_path):
    write(tmp_path, {"a.png": None, "labels.csv": csv(["x/a"])})
    assert stems(tmp_path, "trainval") == ["a"]
    write(tmp_path, {"labels.csv": csv(["x/a", "y/a"])})
    with pytest.raises(ValueError, match="x/a and y/a both come to this image"):
        read_dataset(tmp_path, "trainval")


def test_without_splits_nothing_is_said(tmp_path):
    assert split_notes(tmp_path, {}) == []
    assert unused_lists(tmp_path, {None: ["a.jpg"], "fold3": ["b.jpg"]}) == []
