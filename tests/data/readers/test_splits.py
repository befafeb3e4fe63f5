"""How names tell splits."""

import pytest

from data.readers.splits import is_split_name, split_in_name, splits_of

NAMES = [
    ("train", "train"),
    ("Train", "train"),
    ("TRAINING", "train"),
    ("train2017", "train"),
    ("TrainSet", "train"),
    ("trainset", "train"),
    ("valid", "val"),
    ("Validation", "val"),
    ("val_images", "val"),
    ("dev", "val"),
    ("my dev kit", None),
    ("TESTING", "test"),
    ("TestData", "test"),
    ("trainval", "trainval"),
    ("train_val", "trainval"),
    ("TrainVal", "trainval"),
    ("train_test_split", None),  # which of them, nothing tells
    ("constraints", None),
    ("latest", None),
    ("fold3", None),
    ("instances_test-dev2017.json", "test"),
]


@pytest.mark.parametrize(("name", "split"), NAMES)
def test_the_split_in_a_name(name, split):
    assert split_in_name(name) == split


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *(("test", True), ("test2017", True), ("Test_Images", True), ("dev", True)),
        *(("drone-test-v2", False), ("my_train", False), ("photos", False)),
    ],
)
def test_a_name_that_says_nothing_but_a_split(name, is_one):
    assert is_split_name(name) == is_one


def test_one_folder_alone_is_a_split_only_by_its_whole_name():
    assert splits_of(["drone-test-v2", "photos"]) == {}
    assert splits_of(["test", "photos"]) == {"test": "test"}
    both = {"drone-test-v2": "test", "drone-train-v2": "train"}
    assert splits_of(both) == both
