"""How names tell splits."""

import re

import pytest

from base.errors import UserError
from data.readers.splits import (
    choose,
    is_split_name,
    is_val,
    split_in_name,
    splits_of,
)

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


class Lists:
    """A source of keys, by list; None: without lists."""

    def __init__(self, **lists):
        self.root, self._all = "set", lists.pop("all", None)
        self._lists = lists
        self.lists = list(lists)

    def keys(self, split):
        if split is None:
            return self._all or [key for keys in self._lists.values() for key in keys]
        return self._lists[split]


FILES = [f"{i}.jpg" for i in range(40)]
VAL = [name for name in FILES if is_val(name.removesuffix(".jpg"))]
TRAIN = [name for name in FILES if name not in VAL]
A, B, C, D = FILES[:10], FILES[10:20], FILES[20:30], FILES[30:]
HELD = {"train": A, "val": B, "test": C}


@pytest.mark.parametrize(
    ("lists", "split", "keys", "made"),
    [
        ({"all": FILES}, "train", TRAIN, True),
        ({"all": FILES}, "val", VAL, True),
        ({"all": FILES}, "trainval", FILES, False),
        (HELD, "train", A, False),
        (HELD, "val", B, False),
        (HELD, "test", C, False),
        (HELD, "trainval", A + B, False),
        (HELD, "Validation", B, False),
        ({"trainval": FILES, "test": C}, "train", TRAIN, True),
        ({"trainval": FILES, "test": C}, "val", VAL, True),
        ({"trainval": FILES, "test": C}, "trainval", FILES, False),
        ({"trainval": A + B, "val": B}, "train", A, False),
        ({"trainval": A + B, "train": A}, "val", B, False),
        # nothing is held back: the training list is split
        ({"train": FILES}, "train", TRAIN, True),
        ({"train": FILES}, "val", VAL, True),
        ({"train": FILES}, "trainval", FILES, False),
        ({"train": FILES, "test": C}, "train", TRAIN, True),
        ({"train": FILES, "test": C}, "val", VAL, True),
        ({"train": A, "fold": B}, "fold", B, False),
        ({"fold": B, "all": FILES}, "train", TRAIN, True),
    ],
)
def test_the_keys_of_a_split(lists, split, keys, made):
    source = Lists(**lists)
    chosen = choose([source], split)
    assert chosen.keys == [(source, keys)] and chosen.made == made
    assert len(chosen.notes) == made
    if made:
        lacking = split if "trainval" in lists else "val"
        origin = "no lists" if "all" in lists else f"no list {lacking}"
        words = f"set: {origin}, so names were split by their hash, 80% train and"
        assert chosen.notes[0].startswith(words)


@pytest.mark.parametrize(
    ("lists", "keys", "made"),
    [
        ({"train": A, "val": B}, B, False),
        ({"all": FILES}, VAL, True),
        ({"trainval": FILES}, VAL, True),
    ],
)
def test_val_stands_in_for_a_test_that_is_not_there(lists, keys, made):
    chosen = choose([source := Lists(**lists)], "test")
    assert chosen.keys == [(source, keys)] and chosen.made == made
    assert chosen.notes[-1] == "There is no test split: val stands in for it."


def test_of_several_sources_those_that_have_the_split_are_joined():
    first, second = Lists(train=A, val=B), Lists(test=C)
    third = Lists(all=FILES)
    assert choose([first, second], "train").keys == [(first, A)]
    assert choose([first, second], "test").keys == [(second, C)]
    chosen = choose([first, second, third], "val")
    assert chosen.keys == [(first, B), (third, VAL)] and chosen.made
    assert choose([first, third], "trainval").keys == [(first, A + B), (third, FILES)]


@pytest.mark.parametrize(
    ("sources", "split", "words"),
    [
        ([{"test": C}], "train", "set: no split 'train'; the lists there are: test. "),
        ([{"test": C}], "trainval", "All images are in test."),
        ([{"val": B}], "train", "the lists there are: val. Names of files, folders"),
        ([{"val": B, "test": C}], "train", "the lists there are: test, val."),
        ([{"val": B}, {"test": C}], "train", "set, set: no split 'train'"),
        ([{"train": A}], "holdout", "expected one of train, val, trainval, test."),
        ([{"fold": A}], "holdout", "split 'holdout': expected one of train, val, tr"),
        ([{"fold": A}], "holdout", "trainval, test, fold."),
    ],
)
def test_a_split_that_is_not_there(sources, split, words):
    with pytest.raises(UserError, match=re.escape(words)):
        choose([Lists(**lists) for lists in sources], split)


def test_the_hint_is_for_what_is_all_test():
    with pytest.raises(UserError) as error:
        choose([Lists(val=B, test=C)], "train")
    assert str(error.value).endswith("or give --train-split and --val-split.")


@pytest.mark.parametrize(
    "key", ["a/b/7.jpg", "a\\7.PNG", "7", "b/7.json", "7.tif", "x.y/7.jpeg"]
)
def test_the_stem_of_a_key_is_hashed(key):
    others = [f"{i}.jpg" for i in range(20) if i != 7]
    wanted = "val" if is_val("7") else "train"
    (found,) = choose([Lists(all=[key, *others])], wanted).keys
    assert key in found[1]


@pytest.mark.parametrize("ending", ["", ".jpg"])
def test_a_dot_in_a_name_is_no_ending(ending):
    names = [f"photo.{i}{ending}" for i in range(40)]
    (found,) = choose([Lists(all=names)], "val").keys
    assert found[1] == [n for n in names if is_val(n.removesuffix(ending))]


def test_a_list_that_one_of_several_sources_has():
    first, second = Lists(fold=A), Lists(train=B)
    assert choose([first, second], "fold").keys == [(first, A)]
