"""Class names of YOLO data: texts in YAML, lists in folders that may contradict."""

import pytest

from base.errors import UserError
from data import read_dataset
from tests.data.readers.yolo.test_yolo import ROW, stems, write

BOX = "0 0.5 0.25 0.5 0.4"


def read(root, split="trainval"):
    return read_dataset(root, split)


def names_by_stem(dataset):
    return {
        sample.path.stem: [dataset.class_names[int(i) - 1] for i in sample.truth[:, 4]]
        for sample in dataset.samples
    }


def test_names_in_yaml_are_texts(tmp_path):
    names = [
        "on",
        "off",
        "No",
        "007",
        "1e3",
        "12:30",
        "null",
        "2024-01-01",
        "~",
        "0x1F",
    ]
    for text in (f"[{', '.join(names)}]", "\n" + "".join(f"  - {n}\n" for n in names)):
        files = {"a.png": None, "a.txt": ROW, "data.yaml": f"names: {text}"}
        dataset = read(write(tmp_path, files))
        assert dataset.class_names == names
        assert names_by_stem(dataset) == {"a": ["off"]}


@pytest.mark.parametrize("names", ["[cat, [dog]]", "{0: {a: b}}", "[cat, {dog: 1}]"])
def test_nested_names_are_refused(tmp_path, names):
    root = write(
        tmp_path, {"a.png": None, "a.txt": BOX, "data.yaml": f"names: {names}"}
    )
    with pytest.raises(
        ValueError, match=r"data.yaml: names: class \d: expected a text"
    ):
        read(root)


@pytest.mark.parametrize(
    ("names", "number"), [("{1: cat, 2: dog}", 0), ("{0: a, 2: b}", 1)]
)
def test_a_number_without_a_name_is_refused(tmp_path, names, number):
    files = {"a.png": None, "a.txt": BOX, "data.yaml": f"names: {names}"}
    with pytest.raises(UserError, match=f"class {number} has no name.* up to 2 a name"):
        read(write(tmp_path, files))


NO_NAMES = {  # what is told of names, which are no list of them
    "cat": "'cat'",
    "{a: cat}": "dict",
    "{1000000000000000: cat}": "dict",  # numbers have up to 15 digits
}


@pytest.mark.parametrize("names", NO_NAMES)
def test_what_is_no_list_of_names_is_shown(tmp_path, names):
    write(tmp_path, {"a.png": None, "a.txt": BOX, "data.yaml": f"names: {names}"})
    with pytest.raises(UserError, match=f"Received: {NO_NAMES[names]}$"):
        read(tmp_path)


@pytest.mark.parametrize("place", ["", "data/", "Data/", "labels/", "images/"])
@pytest.mark.parametrize("labels", ["labels", "images"])
def test_where_a_list_of_names_may_lie(tmp_path, place, labels):
    files = {"images/a.png": None, f"{labels}/a.txt": BOX}
    root = write(tmp_path, files | {f"{place}obj.names": "cat\n"})
    assert names_by_stem(read(root)) == {"a": ["cat"]}


def test_an_empty_name_is_missing(tmp_path):
    files = {"a.png": None, "a.txt": f"{BOX}\n{ROW}", "classes.txt": "cat\n\ndog\n"}
    dataset = read(write(tmp_path, files))
    assert dataset.class_names == ["cat", "dog"]
    assert names_by_stem(dataset) == {"a": ["cat"]}
    (line,) = dataset.problems
    assert line.id == "name-missing" and "a.txt: line 2: no class name" in line


def test_each_folder_counts_by_its_own_list(tmp_path):
    files = {f"{s}/{s}{i}.png": None for s in ("train", "val") for i in range(2)}
    files |= {name.replace("png", "txt"): BOX for name in files}
    files |= {"train/classes.txt": "cat\ndog\n", "val/classes.txt": "dog\ncat\n"}
    root = write(tmp_path, files)
    assert names_by_stem(read(root, "train")) == {"train0": ["cat"], "train1": ["cat"]}
    assert names_by_stem(read(root, "val")) == {"val0": ["dog"], "val1": ["dog"]}
    assert read(root, "val").class_names == ["cat", "dog"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("classes.txt", "obj.names"),
        ("labels/classes.txt", "images/classes.txt"),
        ("data.yaml", "labels/classes.txt"),
    ],
)
def test_two_lists_of_one_folder_that_contradict_are_refused(tmp_path, first, second):
    files = {"images/a.png": None, "labels/a.txt": BOX, second: "dog\ncat\n"}
    files[first] = "names: [cat, dog]" if first == "data.yaml" else "cat\ndog\n"
    root = write(tmp_path, files)
    with pytest.raises(ValueError, match="contradict") as error:
        read(root)
    assert all(str(root / name) in str(error.value) for name in (first, second))
    write(root, {second: "CAT\n"})  # the same, and shorter
    assert names_by_stem(read(root)) == {"a": ["cat"]}


def test_a_list_beside_labels_that_contradicts_theirs_is_refused(tmp_path):
    files = {"images/a.png": None, "labels/a.txt": BOX, "classes.txt": "cat\ndog\n"}
    root = write(tmp_path, {**files, "labels/classes.txt": "dog\ncat\n"})
    with pytest.raises(ValueError, match=r"labels.classes.txt contradict each other"):
        read(root)
    write(root, {"classes.txt": "dog\n"})
    assert names_by_stem(read(root)) == {"a": ["dog"]}


def test_a_folder_without_a_list_takes_that_of_the_others(tmp_path):
    files = {
        f"{s}/{s}.{k}": v
        for s in ("train", "val")
        for k, v in (("png", None), ("txt", BOX))
    }
    root = write(tmp_path, {**files, "train/classes.txt": "cat\n"})
    assert names_by_stem(read(root, "val")) == {"val": ["cat"]}
    write(root, {"test/t.png": None, "test/t.txt": BOX, "test/classes.txt": "dog\n"})
    with pytest.raises(ValueError, match="contradict each other: class 0 is"):
        read(root, "val")


def test_data_yaml_in_the_folder_of_a_split_counts_there(tmp_path):
    files = {}
    for split, names in {"train": "[cat, dog]", "val": "[dog, cat]"}.items():
        files |= {f"{split}/images/{split}.png": None, f"{split}/other.yaml": "a: b"}
        files[f"{split}/labels/{split}.txt"] = BOX
        files[f"{split}/data.yaml"] = f"names: {names}"
    root = write(tmp_path, files)
    found = {split: names_by_stem(read(root, split)) for split in ("train", "val")}
    assert found == {"train": {"train": ["cat"]}, "val": {"val": ["dog"]}}
    (root / "data.yaml").write_text("names: [cat, dog]")
    with pytest.raises(UserError, match=r"val.data.yaml contradict each other: class"):
        read(root)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_names_in_the_encodings_of_windows(tmp_path, encoding):
    root = write(tmp_path, {"a.png": None, "a.txt": ROW})
    (root / "classes.txt").write_bytes("cat\r\nsäge\r\n".encode(encoding))
    assert names_by_stem(read(root)) == {"a": ["säge"]}


@pytest.mark.parametrize(
    "text", ["s\xe4ge\n".encode("latin-1"), "cat\n".encode("utf-16-le")]
)
def test_names_that_are_no_text_are_refused(tmp_path, text):
    root = write(tmp_path, {"a.png": None, "a.txt": BOX})
    (root / "classes.txt").write_bytes(text)
    with pytest.raises(ValueError, match=r"classes.txt: the class name .* UTF-8"):
        read(root)


def test_one_class_in_both_unicode_forms(tmp_path):
    root = write(tmp_path, {"a.png": None, "a.txt": f"{BOX}\n{ROW}"})
    (root / "classes.txt").write_text("t\u00fcr\ntu\u0308r\n", "utf-8")
    assert names_by_stem(read(root)) == {"a": ["t\u00fcr"] * 2}
    told = f"{root / 'classes.txt'}: classes 0, 1 are all called"
    assert any(told in note for note in read(root).notes)
    assert stems(read(root)) == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        "names:\n  0: cat\n  0: dog\n",
        "names: [cat]\ntrain: a\ntrain: b\n",
        "names: [cat]\nNames: [dog]\n",
    ],
)
def test_a_key_that_stands_twice_is_refused(tmp_path, text):
    write(tmp_path, {"a.png": None, "a.txt": ROW, "data.yaml": text})
    with pytest.raises(UserError, match=r"not a YAML file: '\w+' stands twice"):
        read(tmp_path)


def test_keys_of_yaml_in_any_case(tmp_path):
    files = {f"images/{d}/{d}.png": None for d in "xy"}
    files |= {f"labels/{d}/{d}.txt": BOX for d in "xy"}
    files["pets.yaml"] = "Names: [cat]\nNC: 1\nTRAIN: images/x\nVal: images/y\n"
    root = write(tmp_path, files)
    assert names_by_stem(read(root, "train")) == {"x": ["cat"]}
    assert names_by_stem(read(root, "val")) == {"y": ["cat"]}


DATA = "train: images\nnames: [cat]\n"


@pytest.mark.parametrize(
    ("other", "is_refused"),
    [
        ("train: images\nnames: [dog]\n", True),
        ("train: images/b\nnames: [cat]\n", True),
        (DATA + "nc: 1\n", False),
        ("nc: 80\nbackbone: []\n", False),  # a model's
        ("lr0: 0.01\n", False),
    ],
)
def test_two_yaml_files_that_differ_are_refused(tmp_path, other, is_refused):
    files = {"images/a.png": None, "labels/a.txt": "0 0.5 0.5 0.5 0.5\n"}
    write(tmp_path, {**files, "coco8.yaml": other, "data.YAML": DATA})
    if is_refused:
        with pytest.raises(ValueError, match=r"coco8.yaml and .*data.YAML both"):
            read_dataset(tmp_path, "trainval")
    for root in [tmp_path / "data.YAML", tmp_path][: 2 - is_refused]:
        assert read_dataset(root, "trainval").class_names == ["cat"]
