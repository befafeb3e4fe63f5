"""Where YOLO data lie: lists and keys by any name, labels in any case, Darknet."""

import unicodedata

import numpy as np
import pytest

from base.errors import UserError
from data import doctor, read_dataset
from data.__main__ import main
from data.convert.convert import convert
from data.readers.recognise import open_dataset
from data.readers.yolo.rows import check_not_pose
from tests.data.readers.yolo.test_yolo import CORNERS, NAMES, ROW, stems, write

SPLITS = ("train", "val", "test")


def pairs(folder, *names):
    """Images with labels in images/FOLDER and labels/FOLDER."""
    files = {f"images/{folder}/{name}.png": None for name in names}
    return files | {f"labels/{folder}/{name}.txt": ROW for name in names}


def of_each_split(root):
    return {split: stems(read_dataset(root, split)) for split in SPLITS}


@pytest.mark.parametrize(
    "words",
    [
        ("train", "validation", "test"),
        ("Train", "Validation", "Test"),
        ("training", "VALID", "TESTING"),
        ("train2017", "val2017", "test2017"),
    ],
)
@pytest.mark.parametrize("by", ["keys", "folders", "lists"])
def test_splits_in_other_words(tmp_path, words, by):
    files = {"data.yaml": NAMES} if by != "lists" else {"obj.names": "dog\ncat\n"}
    for word, stem in zip(words, "abc", strict=True):
        files |= pairs(word if by == "folders" else f"part-{stem}", stem)
        if by == "keys":
            files["data.yaml"] += f"{word}: images/part-{stem}\n"
        if by == "lists":
            files[f"{word}.txt"] = f"images/part-{stem}/{stem}.png\n"
    root = write(tmp_path, files)
    assert of_each_split(root) == {"train": ["a"], "val": ["b"], "test": ["c"]}


@pytest.mark.parametrize("by", ["keys", "folders", "lists"])
def test_a_list_that_tells_no_split_is_told_and_may_be_asked_for(tmp_path, by):
    files = pairs("train" if by == "folders" else "x", *"ab")
    files |= pairs("val" if by == "folders" else "y", "c") | pairs("holdout", "d")
    if by == "keys":
        files["data.yaml"] = f"{NAMES}train: images/x\nval: images/y\n"
        files["data.yaml"] += "holdout: images/holdout\n"
    if by == "lists":
        files |= {"train.txt": "images/x/a.png\nimages/x/b.png", "classes.txt": "a\nb"}
        files |= {"val.txt": "images/y/c.png", "holdout.txt": "images/holdout/d.png"}
    root = write(tmp_path, files)
    dataset = read_dataset(root, "train")
    assert stems(dataset) == ["a", "b"] and stems(read_dataset(root, "val")) == ["c"]
    (line,) = dataset.problems
    assert (line.id, line.severity) == ("list-unknown", "warning") and "holdout" in line
    assert stems(read_dataset(root, "holdout")) == ["d"]


def test_lists_that_tell_no_split_at_all(tmp_path):
    files = pairs("x", *"abcdef") | {"classes.txt": "a\nb\n"}
    for fold, names in (("fold1", "abc"), ("fold2", "def")):
        files[f"{fold}.txt"] = "".join(f"images/x/{name}.png\n" for name in names)
    root = write(tmp_path, files)
    both = [stems(read_dataset(root, split)) for split in ("train", "val")]
    assert sorted(both[0] + both[1]) == list("abcdef")
    assert any("fold1, fold2" in line for line in read_dataset(root, "train").problems)
    assert stems(read_dataset(root, "fold2")) == list("def")
    with pytest.raises(ValueError, match=r"expected one of train, .*, fold1, fold2"):
        read_dataset(root, "fold3")


@pytest.mark.parametrize("flat", [True, False])
def test_labels_whose_case_differs_are_matched(tmp_path, flat):
    images, labels = ("", "") if flat else ("images/", "labels/")
    files = {f"{images}{name}.png": None for name in ("a", "B", "c", "tür")}
    nfd = unicodedata.normalize("NFD", "tür")
    files |= {f"{labels}{n}": ROW for n in ("a.TXT", "b.txt", "C.Txt", f"{nfd}.txt")}
    dataset = read_dataset(write(tmp_path, files | {"data.yaml": NAMES}), "trainval")
    assert all(len(sample.truth) == 1 for sample in dataset.samples)
    assert len(dataset) == 4 and not dataset.problems and not dataset.notes


@pytest.mark.parametrize("labels", ["", "labels/"])
def test_a_label_may_be_called_as_the_whole_image(tmp_path, labels):
    images = "images/" if labels else ""
    files = {f"{images}{name}": None for name in ("a.png", "b.png", "c.bmp")}
    names = ("a.png.txt", "b.txt", "c.bmp.TXT")
    root = write(tmp_path, files | {f"{labels}{name}": ROW for name in names})
    dataset = read_dataset(root, "trainval")
    assert [len(sample.truth) for sample in dataset.samples] == [1, 1, 1]
    assert not dataset.problems
    (root / f"{labels}b.png.txt").write_text("a caption")
    assert not read_dataset(root, "trainval").problems
    (root / f"{labels}b.png.txt").write_text(ROW)
    with pytest.raises(UserError, match=r"b.txt and .*b.png.txt are both labels of"):
        read_dataset(root, "trainval")


def test_a_label_of_another_image_is_not_taken(tmp_path):
    files = {"a.png": None, "A.png": None, "A.txt": ROW, "data.yaml": NAMES}
    dataset = read_dataset(write(tmp_path, files), "trainval")
    found = {p.path.stem: len(p.truth) for p in dataset.samples}
    assert found == {"A": 1, "a": 0}


def test_flat_labels_without_an_image_are_counted(tmp_path):
    files = {"a.png": None, "a.txt": ROW, "b.txt": ROW, "notes.txt": "buy milk"}
    root = write(tmp_path, files | {"classes.txt": "a\nb\n", "README.txt": "1 2"})
    dataset = read_dataset(root, "trainval")
    (line,) = dataset.problems
    assert dataset.num_images_left_out == 1 and "1 labels have no image" in line


@pytest.mark.parametrize(
    ("count", "severity"), [(2, "note"), (3, "note"), (4, "warning")]
)
def test_images_without_labels_are_told(tmp_path, count, severity):
    files = {f"images/{i}.png": None for i in range(6)}
    files |= {f"labels/{i}.txt": ROW for i in range(6 - count)}
    root = write(tmp_path, files | {"data.yaml": NAMES})
    dataset = read_dataset(root, "trainval")
    (line,) = dataset.problems if severity == "warning" else dataset.notes
    assert line.severity == severity and f"{count} of 6 images have no label" in line


def test_images_without_labels_are_those_of_the_split(tmp_path):
    files = pairs("train", *"ab") | pairs("val", "c")
    files |= {f"images/test/{i}.png": None for i in range(9)}  # COCO's has no labels
    root = write(tmp_path, files | {"images/train/x.png": None, "data.yaml": NAMES})
    (note,) = read_dataset(root, "train").notes
    assert "1 of 3 images have no label file, the first is 'x.png'" in note
    assert not read_dataset(root, "val").notes
    dataset = read_dataset(root, "trainval")
    assert "1 of 4 images" in dataset.notes[0] and not dataset.problems
    assert "9 of 9 images" in read_dataset(root, "test").problems[0]


def test_images_without_labels_of_a_split_that_is_made(tmp_path):
    files = pairs("train", *map(str, range(30))) | {"data.yaml": NAMES}
    root = write(tmp_path, files | {f"images/test/{i}.png": None for i in "xyz"})
    for split in ("train", "val"):
        dataset = read_dataset(root, split)
        assert dataset.split_was_made and not dataset.problems
        assert not [note for note in dataset.notes if "no label file" in note]


def test_images_without_labels_are_those_that_convert_writes(tmp_path):
    """All of a list, where a training would cut it by names."""
    files = pairs("train", *map(str, range(20))) | {"data.yaml": NAMES}
    files |= {f"images/train/x{i}.png": None for i in range(21)}
    lines = list(convert(write(tmp_path / "in", files), tmp_path / "out", "voc"))
    assert any("21 of 41 images have no label file" in line for line in lines)


def test_two_images_beside_one_label(tmp_path):
    files = {"a.png": None, "a.jpg": None, "a.txt": ROW, "data.yaml": NAMES}
    (line,) = read_dataset(write(tmp_path, files), "trainval").problems
    assert "1 label files belong to several images, the first is 'a.txt'" in line
    assert (line.id, line.severity) == ("label-shared", "warning")
    write(tmp_path, {"data.yaml": f"{NAMES}train: t.txt\nval: v.txt\n"})
    write(tmp_path, {"t.txt": "a.png", "v.txt": "a.jpg"})
    assert line in read_dataset(tmp_path, "train").problems


@pytest.mark.parametrize("suffix", ["PNG", "Png"])
def test_a_label_of_an_image_with_a_suffix_in_capitals_is_no_other_image_s(
    tmp_path, suffix
):
    files = {f"a.{suffix}": None, "A.png": None, "a.txt": ROW, "data.yaml": NAMES}
    dataset = read_dataset(write(tmp_path, files), "trainval")
    boxes = {sample.path.name: len(sample.truth) for sample in dataset.samples}
    assert boxes == {f"a.{suffix}": 1, "A.png": 0}


POSE = (
    "0 0.8 0.7 0.2 0.4 0.7 0.5 0.9 0.9"  # a box of 0.7..0.9, 0.5..0.9 with its corners
)
MARKED = "1 0.5 0.5 0.4 0.4 0.4 0.4 2 0 0 0 0.65 0.6 1"


@pytest.mark.parametrize(("row", "shape"), [(POSE, r"\[2, 2\]"), (MARKED, r"\[3, 3\]")])
def test_key_points_without_kpt_shape_are_no_polygon(tmp_path, row, shape):
    files = {"a.png": None, "a.txt": f"{row}\n{row}\n", "data.yaml": NAMES}
    root = write(tmp_path, files)
    words = rf"^{root}.data.yaml: .* say kpt_shape: {shape}"
    with pytest.raises(ValueError, match=words):
        read_dataset(root, "trainval")
    write(root, {"data.yaml": f"{NAMES}kpt_shape: {shape}".replace("\\", "")})
    width, height = map(float, row.split()[3:5])
    truth = read_dataset(root, "trainval").samples[0].truth
    np.testing.assert_allclose(truth[0, 2] - truth[0, 0], width, rtol=1e-6)
    np.testing.assert_allclose(truth[0, 3] - truth[0, 1], height, rtol=1e-6)
    (root / "data.yaml").unlink()
    with pytest.raises(ValueError, match=rf"^{root}: .* kpt_shape"):
        read_dataset(root, "trainval")


POLYGONS = [
    ["0 0.4 0.4 0.6 0.4 0.6 0.6 0.4 0.6"],  # an oriented box, as ultralytics' OBB
    ["0 0.5 0.4 0.6 0.5 0.5 0.6 0.4 0.5"] * 3,
    ["0 0.1 0.1 0.3 0.1 0.2 0.3", "0 0.6 0.1 0.9 0.1 0.9 0.4 0.6 0.4"],
    ["0 0.7 0.1 0.9 0.1 0.9 0.4 0.8 0.3 0.7 0.3"],
    ["0 0.5 0.25 0.5 0.4"],
]


@pytest.mark.parametrize("lines", POLYGONS)
def test_polygons_are_no_key_points(lines):
    check_not_pose(lines, "labels")


def test_a_column_too_many_is_an_error_with_its_reason(tmp_path, capsys):
    files = pairs("train", *"ab") | pairs("val", "c")
    files = {n: text and f"{text} 0.91" for n, text in files.items()}
    root = write(tmp_path, files | {"data.yaml": NAMES})
    (dataset, *_) = doctor.read_splits(open_dataset(root))
    assert dataset.num_objects_left_out == 2
    with pytest.raises(ValueError, match=r"no boxes .*a.txt: line 1: expected a class"):
        dataset.check_boxes()
    assert main([str(root)]) == 1
    shown = capsys.readouterr().out
    assert "no-boxes" in shown and "line 1: expected a class number and 4" in shown


def darknet(data, names="data/obj.names"):
    files = {f"data/obj/{n}.png": None for n in "abcd"}
    files |= {f"data/obj/{n}.txt": ROW for n in "abcd"}
    files |= {"data/train.txt": "data/obj/a.png\ndata/obj/b.png\n"}
    files |= {"data/test.txt": "data/obj/c.png\ndata/obj/d.png\n", names: "dog\ncat\n"}
    return files | ({data: DARKNET.format(names)} if data else {})


DARKNET = (
    "classes=2\ntrain = data/train.txt\nvalid=data/test.txt\nnames={}\nbackup=b/\n"
)


@pytest.mark.parametrize("data", ["data/obj.data", "cfg/voc.data", "my.data", None])
def test_the_root_of_a_darknet_project(tmp_path, data):
    names = "data/voc.names" if data == "cfg/voc.data" else "data/obj.names"
    root = write(tmp_path, {**darknet(data, names), "cfg/yolo.cfg": "[net]\n"})
    places = [root, root / data] if data else [root]
    for place in places:
        other = "val" if data else "test"  # obj.data says what test.txt is
        assert stems(read_dataset(place, other)) == ["c", "d"]
        train = stems(read_dataset(place, "train"))
        assert set(train) <= {"a", "b"} and read_dataset(place, other).class_names == [
            "dog",
            "cat",
        ]
    truth = read_dataset(root, other).samples[0].truth
    np.testing.assert_allclose(truth, [[*CORNERS, 2]], rtol=1e-6)


POLYGON = "0 0.1 0.1 0.4 0.1 0.4 0.5 0.2 0.7 0.1 0.5"
FAR = "1 0.5 0.5 0.4 0.4 0.95 0.95 2 0 0 0"  # a key point outside its box


@pytest.mark.parametrize("shape", ["", "null", "~", "None"])
@pytest.mark.parametrize("row", [POSE, MARKED, FAR])
def test_a_kpt_shape_that_says_nothing_is_none(tmp_path, shape, row):
    yaml = f"{NAMES}kpt_shape: {shape}\n"
    root = write(tmp_path, {"a.png": None, "a.txt": row, "data.yaml": yaml})
    with pytest.raises(ValueError, match=r"say kpt_shape: \[\d, \d\]"):
        read_dataset(root, "trainval")


@pytest.mark.parametrize("shape", ["0", "false", "[]", "[0, 3]", "[0, 0]", "0 x 3"])
def test_polygons_stay_what_they_are_where_there_are_no_key_points(tmp_path, shape):
    yaml = f"{NAMES}kpt_shape: {shape}\n"
    root = write(tmp_path, {"a.png": None, "a.txt": POLYGON, "data.yaml": yaml})
    truth = read_dataset(root, "trainval").samples[0].truth
    np.testing.assert_allclose(truth, [[0.1, 0.1, 0.4, 0.7, 1]], rtol=1e-6)


@pytest.mark.parametrize("shape", ["[2, 2]", "2, 2", "(2, 2)", "2x2", '"2 2"'])
def test_a_row_of_another_length_than_kpt_shape_says_is_left_out(tmp_path, shape):
    yaml = f"{NAMES}kpt_shape: {shape}\n"
    text = f"{POSE}\n{POLYGON}\n{ROW}\n"
    root = write(tmp_path, {"a.png": None, "a.txt": text, "data.yaml": yaml})
    dataset = read_dataset(root, "trainval")
    np.testing.assert_allclose(dataset.samples[0].truth[:, 4], [1, 2])
    (line,) = dataset.problems
    assert "a.txt: line 2: expected a class number and 4 numbers in 0..1 and 4" in line


@pytest.mark.parametrize(
    "yaml",
    [
        "pose:\n  kpt_shape: [2, 2]\n",
        "model: {meta: {'kpt_shape': [2, 2]}}\n",
        "kpt_shape:\n  points: [2, 2]\n",
        "kpt_shape: [[2, 2]]\n",
    ],
)
def test_a_nested_kpt_shape_is_refused(tmp_path, yaml):
    root = write(tmp_path, pairs("train", "a") | {"data.yaml": f"{NAMES}{yaml}"})
    with pytest.raises(UserError, match=r"data.yaml: kpt_shape"):
        open_dataset(root)
    comment = f"{NAMES}# pose: kpt_shape: [2, 2]\n"
    assert open_dataset(write(root, {"data.yaml": comment}))


@pytest.mark.parametrize("shape", ["2", "[2]", "[2, 4]", "[two, 2]", "[[2, 2]]", "-1"])
def test_a_kpt_shape_that_is_none_is_refused(tmp_path, shape):
    yaml = f"{NAMES}kpt_shape: {shape}\n"
    root = write(tmp_path, {"a.png": None, "a.txt": POSE, "data.yaml": yaml})
    with pytest.raises(UserError, match=r"kpt_shape: expected a number of points and"):
        read_dataset(root, "trainval")


def test_a_split_never_takes_the_folder_of_another(tmp_path):
    files = {"images/a.png": None, "labels/a.txt": ROW}
    yaml = f"{NAMES}train: images\ntest: t/images\n"
    root = write(tmp_path, {**files, "data.yaml": yaml})
    assert list(open_dataset(root).sources[0].lists) == ["train"]
    write(root, {"data.yaml": f"{yaml}val: v/images\n"})
    with pytest.raises(UserError, match=r"data.yaml: val: v/images is not there"):
        open_dataset(root)


def test_images_and_labels_in_folders_of_a_split(tmp_path):
    files = {}
    for split, stem in {"train": "a", "val": "b"}.items():
        files |= {f"{split}/cam1/Images/{stem}.png": None}
        files |= {f"{split}/cam1/Labels/{stem}.txt": ROW}
    root = write(tmp_path, files | {"train/cam1/Labels/gone.txt": ROW})
    dataset = read_dataset(root, "train")
    assert stems(dataset) == ["a"] and len(dataset.samples[0].truth) == 1
    (line,) = dataset.problems
    assert "1 labels have no image" in line and "gone" in line


def test_labels_in_folders_without_images_are_told(tmp_path):
    files = pairs("train", *"ab") | pairs("val", "c") | {"labels/train/q.txt": ROW}
    root = write(tmp_path, files | {"labels/old/x.txt": ROW, "labels/y.txt": ROW})
    lines = [line for line in read_dataset(root, "train").problems]
    (stray,) = [line for line in lines if "belong to no image" in line]
    assert "2 label files belong to no image, the first is" in stray
    assert (stray.id, stray.severity) == ("label-stray", "warning")
    assert any("1 labels have no image" in line and "q" in line for line in lines)


def test_folders_of_images_and_labels_may_differ_in_case(tmp_path):
    files = {f"images/{split}/a{split}.png": None for split in ("Train", "Val")}
    files |= {f"labels/{s.lower()}/a{s}.txt": ROW for s in ("Train", "Val")}
    root = write(tmp_path, files)
    for split in ("train", "val"):
        dataset = read_dataset(root, split)
        assert len(dataset.samples[0].truth) == 1 and not dataset.problems


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("names", [NAMES, None])
def test_a_label_that_is_a_broken_link_costs_its_own_image(tmp_path, flat, names):
    files = pairs("train", *"abc") if not flat else {"a.png": None, "b.png": None}
    files |= {"a.txt": ROW, "b.txt": ROW} if flat else {}
    root = write(tmp_path, files | ({"data.yaml": names} if names else {}))
    label = root / ("a.txt" if flat else "labels/train/a.txt")
    label.unlink()
    label.symlink_to(tmp_path / "nowhere.txt")
    (label.parent / "lone.txt").symlink_to(tmp_path / "nowhere.txt")
    dataset = read_dataset(root, "trainval")
    assert "a" not in stems(dataset) and "b" in stems(dataset)
    told = next(line for line in dataset.problems if "a.txt: can't be read" in line)
    assert told.severity == "error"


@pytest.mark.parametrize("place", [".", "data", "splits", "ImageSets/Main", "yaml"])
@pytest.mark.parametrize(
    ("images", "line"),
    [
        ("images", "{}"),
        ("images", "{}.png"),
        ("images/cam1", "{}"),
        ("images/cam1", "cam1/{}"),
        ("images/cam1", "cam1/{}.png"),
        ("images/cam1", ".\\images\\cam1\\{}"),
        (".", "{}"),
    ],
)
def test_lists_of_names_without_folders_or_endings(tmp_path, place, images, line):
    files = {"classes.txt": "dog\ncat\n", f"{images}/img.1.png": None}
    files |= {f"{images}/{name}.png": None for name in "abc"}
    labels = images.replace("images", "labels")
    files |= {f"{labels}/{name}.txt": ROW for name in ("a", "b", "c", "img.1")}
    lists = {"train": ("a", "img.1"), "val": "b", "test": "c", "fold": "ab"}
    for split, names in lists.items():
        path = f"{'lists' if place == 'yaml' else place}/{split}.txt"
        files[path] = "".join(f"{line.format(name)}\n" for name in names)
    if place == "yaml":
        files["data.yaml"] = NAMES + "".join(f"{s}: lists/{s}.txt\n" for s in lists)
    root = write(tmp_path, files)
    found = {"train": ["a", "img.1"], "val": ["b"], "test": ["c"]}
    assert of_each_split(root) == found
    assert stems(read_dataset(root, "fold")) == ["a", "b"]


def test_a_name_without_ending_of_two_images_means_none(tmp_path):
    files = pairs("cam1", *"ab") | pairs("cam2", "a")
    root = write(tmp_path, files | {"classes.txt": "x\ny", "train.txt": "a\nb\n"})
    dataset = read_dataset(root, "trainval")
    assert stems(dataset) == ["b"] and "the first is" in dataset.problems[0]


def test_an_empty_label_file_without_an_image_is_none(tmp_path):
    root = write(tmp_path, {"a.png": None, "a.txt": ROW, "b.txt": "", "c.txt": ROW})
    (line,) = read_dataset(root, "trainval").problems
    assert "1 labels have no image" in line and "/c'" in line


def test_labels_of_an_image_that_is_called_train_are_no_list(tmp_path):
    files = {f"{name}.png": None for name in ("train", "a")}
    root = write(tmp_path, files | {"train.txt": ROW, "a.txt": ROW})
    assert stems(read_dataset(root, "trainval")) == ["a", "train"]


def test_a_split_below_another_key_is_refused(tmp_path):
    files = pairs("x", *"ab") | pairs("y", "c")
    yaml = f"{NAMES}train: images/x\nsplits:\n  test: images/y\n"
    root = write(tmp_path, files | {"data.yaml": yaml})
    with pytest.raises(UserError, match=r"data.yaml: test stands below splits"):
        open_dataset(root)
    yaml = f"{NAMES}train: images/x\nval: images/y\nmore: {{val: true, 1: images/y}}\n"
    assert stems(read_dataset(write(root, {"data.yaml": yaml}), "val")) == ["c"]


def test_lists_of_a_darknet_project_may_end_as_they_like(tmp_path):
    files = pairs("x", *"abc") | {"obj.names": "dog\ncat\n"}
    files["cfg/obj.data"] = "train = lists/train.list\nvalid = lists/held\n"
    files |= {"lists/train.list": "images/x/a.png\n", "lists/held": "images/x/b.png"}
    root = write(tmp_path, files)
    assert of_each_split(root) == {"train": ["a"], "val": ["b"], "test": ["b"]}


@pytest.mark.parametrize("line", ["./labels/{0}.txt", "images/{0}.png labels/{0}.txt"])
def test_a_list_that_names_no_image_is_told_and_loses_no_class_names(tmp_path, line):
    files = pairs(".", *"abcdef") | {"classes.txt": "dog\ncat\n"}
    root = write(tmp_path, files | {"test.txt": line.format("a")})
    dataset = read_dataset(root, "trainval")
    assert dataset.class_names == ["dog", "cat"] and stems(dataset) == list("abcdef")
    assert "lists that are not read: test.txt" in dataset.problems[0]


@pytest.mark.parametrize("folder", ["annotations", "labels/old", "images/txt"])
def test_labels_that_lie_elsewhere_are_told(tmp_path, folder):
    files = pairs(".", *"abc") | {"images/d.png": None, f"{folder}/D.txt": ROW}
    files |= {f"{folder}/readme.txt": "d", "images/e.png": None, "e.txt": "an image"}
    root = write(tmp_path, files | {f"{folder}/a.txt": ROW, "classes.txt": "dog\ncat"})
    lines = [p for p in read_dataset(root, "train").problems if p.id == "label-stray"]
    assert len(lines) == 1 and f"{folder}/D.txt; left out" in lines[0]


def test_a_darknet_project_in_capitals(tmp_path):
    files = pairs("x", *"abc") | {"Data/OBJ.NAMES": "dog\ncat\n"}
    files["Data/OBJ.DATA"] = "TRAIN = one.list\nValid = two\nNAMES = Data/OBJ.NAMES\n"
    files |= {"Data/one.list": "images/x/a.png\n", "Data/two": "images/x/b.png"}
    root = write(tmp_path, files | {"Data/Test.TXT": "images/x/c.png"})
    for path in (root, root / "Data" / "OBJ.DATA"):
        assert of_each_split(path) == {"train": ["a"], "val": ["b"], "test": ["c"]}
        assert read_dataset(path, "train").class_names == ["dog", "cat"]
