"""Several YOLO data sets in the folders of one folder, each with its own splits."""

import pytest

from tests.data.readers.yolo.test_yolo import ROW, write
from tests.data.readers.yolo.test_yolo_layout import of_each_split, pairs, read_dataset
from tests.data.readers.yolo.test_yolo_names import names_by_stem

SITES = {"siteA": "[cat, dog]", "siteB": "[dog, cat]"}  # class 1, by ROW
WANTED = {"train": ["siteA-tr", "siteB-tr"], "val": ["siteA-va", "siteB-va"]}
WANTED["test"] = ["siteA-te", "siteB-te"]


def roboflow(site):
    files = {f"{site}/README.txt": "a text"}
    lists = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n"
    files[f"{site}/data.yaml"] = f"{lists}nc: 2\nnames: {SITES[site]}"
    for split, stem in {"train": "tr", "valid": "va", "test": "te"}.items():
        files[f"{site}/{split}/images/{site}-{stem}.png"] = None
        files[f"{site}/{split}/labels/{site}-{stem}.txt"] = ROW
    return files


def folders(site):
    names = SITES[site].strip("[]").replace(", ", "\n")
    files = {f"{site}/classes.txt": names}
    for split, stem in {"train": "tr", "val": "va", "test": "te"}.items():
        files |= pairs(split, f"{site}-{stem}")
    return {f if f.startswith(site) else f"{site}/{f}": t for f, t in files.items()}


def darknet(site):
    names = SITES[site].strip("[]").replace(", ", "\n")
    files = {f"{site}/cfg/{site}.txt": names}
    files[f"{site}/obj.data"] = f"train = train.txt\nnames = cfg/{site}.txt\n"
    for split, stem in {"train": "tr", "val": "va", "test": "te"}.items():
        files[f"{site}/all/{site}-{stem}.png"] = None
        files[f"{site}/all/{site}-{stem}.txt"] = ROW
        files[f"{site}/{split}.txt"] = f"all/{site}-{stem}.png\n"
    return files


@pytest.mark.parametrize("make", [roboflow, folders, darknet])
def test_each_set_has_its_own_lists_and_names(tmp_path, make):
    root = write(tmp_path, make("siteA") | make("siteB"))
    assert of_each_split(root) == WANTED
    dataset = read_dataset(root, "train")
    assert names_by_stem(dataset) == {"siteA-tr": ["dog"], "siteB-tr": ["cat"]}
    assert not dataset.problems and not dataset.split_was_made


def test_a_set_that_tells_no_split_is_told_beside_those_that_do(tmp_path):
    files = roboflow("siteA") | {"more/a.png": None, "more/a.txt": ROW}
    dataset = read_dataset(write(tmp_path, files), "train")
    assert list(names_by_stem(dataset)) == ["siteA-tr"]
    (line,) = dataset.problems
    assert line.id == "list-unknown" and "more" in line


@pytest.mark.parametrize("yaml", [True, False])
def test_splits_may_lie_deeper(tmp_path, yaml):
    files = {"data.yaml": "names: [cat, dog]"} if yaml else {}
    for split, stem in {"train": "a", "val": "b", "test": "c"}.items():
        files |= pairs(f"2020/{split}", stem)
    root = write(tmp_path, files)
    assert of_each_split(root) == {"train": ["a"], "val": ["b"], "test": ["c"]}


def test_a_description_without_images_beside_the_set_is_passed_over(tmp_path):
    files = {"set/a.png": None, "set/a.txt": ROW, "names.txt": "cat\ndog"}
    files["repository/data.yaml"] = "train: ../coco/train2017.txt\nnames: [bus]"
    dataset = read_dataset(write(tmp_path, files), "trainval")
    assert names_by_stem(dataset) == {"a": ["dog"]}


@pytest.mark.parametrize("yaml", [True, False])
@pytest.mark.parametrize("place", ["", "data/", "splits/", "imagesets/main/"])
def test_lists_in_other_places(tmp_path, place, yaml):
    files = pairs(".", *"abc") | ({"data.yaml": "names: [cat, dog]"} if yaml else {})
    files |= {f"{place}{s}.txt": f"{n}.png" for s, n in zip(WANTED, "abc", strict=True)}
    root = write(tmp_path, files)
    assert of_each_split(root) == {"train": ["a"], "val": ["b"], "test": ["c"]}
