"""CSV in the orders of keras-retinanet, TensorFlow Object Detection and Open Images."""

import numpy as np
import pytest

from data import read_dataset
from tests.data.readers.yolo.test_yolo import stems, write
from tests.helpers.tool_files import boxes

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
    np.testing.assert_allclose(dataset.samples[0].truth, [[*CORNERS, 1]], rtol=1e-6)
    assert len(dataset) == 1 + ("b.png" in text or table == "Open Images")
    if table == "Open Images":
        assert dataset.samples[1].crowd.tolist() == [True]


@pytest.mark.parametrize(
    ("file", "images"),
    [
        ("{}.csv", "images"),
        ("{}_labels.csv", "images/{}"),
        ("{}/_annotations.csv", "{}"),
        ("{}-annotations-bbox.csv", "{}"),
        ("annotations/{}.csv", "images"),
    ],
)
def test_splits_by_files_and_folders(tmp_path, file, images):
    for split in ("train", "test"):
        text = f"filename,xmin,ymin,xmax,ymax,class\n{split} ä.png,15,2,45,18,cat\n"
        place = images.format(split)
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
    np.testing.assert_allclose(dataset.samples[0].truth, corners, rtol=1e-6)
    assert "reaches out" in dataset.problems[0]


def test_pixels_at_the_upper_edge_are_no_shares(tmp_path):
    rows = "a.png,5,0,45,1,cat\n"  # a box of one row of pixels: bottom is 1
    root = write(tmp_path, {"a.png": None, "boxes.csv": rows})
    assert boxes(root) == [("a", "cat", (5, 0, 45, 1))]


ROWS = [  # a row after a good one, words of its problem
    ("a.png,15,2,x,18,cat", "boxes.csv: line 2 (cat): a number is missing"),
    ("a.png,15,2,nan,18,cat", "boxes.csv: line 2 (cat): a number is missing"),
    ("a.png,45,2,15,18,cat", "boxes.csv: line 2 (cat): box 45 2 15 18 has swapped"),
    ("a.png,15,2,75,18,cat", "boxes.csv: line 2 (cat): box 15 2 75 18 reaches out"),
    ("c.png,15,2,45,18,cat", "1 images of boxes.csv are not there"),
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


HEADER = "filename,xmin,ymin,xmax,ymax,class\n"


@pytest.mark.parametrize(
    "name", ["", " ", "NaN", "nan", "None", "NULL", "NA", "N/A", "null", "-", "#N/A"]
)
@pytest.mark.parametrize("classes", [True, False])
def test_a_missing_class_is_left_out_and_told(tmp_path, name, classes):
    text = f"{HEADER}a.png,15,2,45,18,cat\na.png,1,1,9,9,{name}\n"
    files = {"a.png": None, "b.csv": text} | (
        {"classes.csv": "cat,0\n"} if classes else {}
    )
    dataset = read_dataset(write(tmp_path, files), "trainval")
    assert dataset.class_names == ["cat"] and dataset.num_objects_left_out == 1
    (line,) = dataset.problems
    assert line.id == "name-missing" and "b.csv: line 3: no class name" in line


@pytest.mark.parametrize("name", ["NA", "-"])
def test_a_name_that_the_user_lists_is_none_that_is_missing(tmp_path, name):
    text = f"{HEADER}a.png,15,2,45,18,{name}\n"
    root = write(tmp_path, {"a.png": None, "b.csv": text})
    dataset = read_dataset(root, "trainval", [name])
    assert dataset.boxes_per_class() == {name: 1} and not dataset.problems


@pytest.mark.parametrize(
    ("columns", "size", "words"),
    [
        ("width,height", "120,80", "line 2 says 120x80, the image is 60x40"),
        ("image_width,image_height", "40,60", "turned by its EXIF mark"),
        ("width,height", "60,40", None),
        ("width,height", "30,16", None),  # the box's own
        ("width,height", "0,", None),
    ],
)
def test_sizes_are_compared_with_the_image(tmp_path, columns, size, words):
    header = f"filename,{columns},class,xmin,ymin,xmax,ymax\n"
    row = f"a.png,{size},cat,15,2,45,18\n"
    root = write(tmp_path, {"a.png": None, "b.csv": header + row * 2})
    problems = read_dataset(root, "trainval").problems
    assert len(problems) == (words is not None)
    assert words is None or words in problems[0]


def test_a_path_as_written_comes_before_a_shortened_one(tmp_path):
    files = {"images/001.png": None}
    files |= {f"images/batch2/00{i}.png": None for i in range(1, 4)}
    rows = [f"batch2/00{i}.png,15,2,45,18,cat\n" for i in range(1, 4)]
    text = HEADER + "batch1/001.png,1,1,9,9,dog\n" + "".join(rows)
    root = write(tmp_path, {**files, "labels.csv": text})
    found = {
        str(p.path.relative_to(root)): p.truth[:, 4].tolist()
        for p in read_dataset(root, "trainval").samples
    }
    cats = {f"images/batch2/00{i}.png": [1] for i in range(1, 4)}
    assert found == cats | {"images/001.png": [2]}


def test_two_folders_that_moved_into_one_are_told(tmp_path):
    rows = "x/a.png,1,1,9,9,dog\ny/a.png,15,2,45,18,cat\nb.png,1,1,9,9,cat\n"
    root = write(tmp_path, {"a.png": None, "b.png": None, "labels.csv": HEADER + rows})
    dataset = read_dataset(root, "trainval")
    assert stems(dataset) == ["b"] and dataset.num_images_left_out == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_encodings(tmp_path, encoding):
    root = write(tmp_path, {"ä.png": None})
    text = f"{HEADER}ä.png,15,2,45,18, säge  rot \n"
    (root / "labels.csv").write_bytes(text.encode(encoding))
    dataset = read_dataset(root, "trainval")
    assert dataset.class_names == ["säge rot"] and len(dataset) == 1


def test_a_class_that_is_no_text_is_refused_with_its_line(tmp_path):
    root = write(tmp_path, {"a.png": None})
    text = f"{HEADER}a.png,15,2,45,18,s\u00e4ge\n"
    (root / "labels.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"labels.csv: line 2: the class name"):
        read_dataset(root, "trainval")


def test_splits_in_other_words_and_files_that_tell_none(tmp_path):
    files = {f"{name}.png": None for name in "abcd"}
    names = ("Train", "VALIDATION", "Testing", "fold7")
    for word, image in zip(names, "abcd", strict=True):
        files[f"{word}.csv"] = f"{HEADER}{image}.png,15,2,45,18,cat\n"
    root = write(tmp_path, files)
    splits = ("train", "val", "test", "fold7")
    assert [stems(read_dataset(root, s)) for s in splits] == [
        ["a"],
        ["b"],
        ["c"],
        ["d"],
    ]
    assert "are in none: fold7" in read_dataset(root, "train").problems[0]


def test_a_suffix_in_capitals_is_a_table_too(tmp_path):
    files = {f"{name}.png": None for name in "abc"}
    for word, image in zip(("train.csv", "TEST.CSV", "val.Csv"), "abc", strict=True):
        files[word] = f"{HEADER}{image}.png,15,2,45,18,cat\n"
    root = write(tmp_path, files | {"CLASSES.CSV": "dog,0\ncat,1\n"})
    splits = ("train", "test", "val")
    assert [stems(read_dataset(root, s)) for s in splits] == [["a"], ["b"], ["c"]]
    assert read_dataset(root, "train").class_names == ["dog", "cat"]


@pytest.mark.parametrize("mark", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_semicolons_and_tabs(tmp_path, mark, encoding):
    root = write(tmp_path, {"a.png": None})
    text = f"{HEADER}a.png,15,2,45,18,cat\n".replace(",", mark)
    (root / "labels.csv").write_text(text, encoding)
    assert len(read_dataset(root, "trainval").samples[0].truth) == 1


def test_a_guess_never_takes_an_image_of_another_split(tmp_path):
    rows = {"train": ["D:/x/b2/a.png", "D:/x/c.png"], "test": ["D:/x/a.png"]}
    rows["val"] = ["D:/x/d.png"]
    files = {f"images/{name}.png": None for name in "acd"}
    for split, names in rows.items():
        files[f"{split}.csv"] = HEADER + "".join(f"{n},15,2,45,18,cat\n" for n in names)
    dataset = read_dataset(write(tmp_path, files), "train")
    assert stems(dataset) == ["c"]
    told = "a.png: D:/x/a.png and D:/x/b2/a.png both come to this image. Left out."
    assert told in dataset.problems[0]


def test_a_kind_that_is_not_read_is_there(tmp_path):
    text = f"{HEADER}a.gif,15,2,45,18,cat\nb.png,15,2,45,18,cat\n"
    root = write(tmp_path, {"b.png": None, "a.gif": "GIF89a", "labels.csv": text})
    (line,) = read_dataset(root, "trainval").problems
    assert "a.gif: not an image of a known format" in line


def test_spaces_before_quoted_cells(tmp_path):
    text = HEADER.strip().replace(",", '", "')
    text = f'"{text}"\na.png, 15, 2, 45, 18, "cat"\n'
    root = write(tmp_path, {"a.png": None, "labels.csv": text})
    assert len(read_dataset(root, "trainval").samples[0].truth) == 1


def test_a_folder_beside_those_of_splits_is_told(tmp_path):
    files = {}
    for folder in ("train", "valid", "holdout", "exam"):
        files[f"{folder}/{folder}.png"] = None
        row = f"{folder}.png,15,2,45,18,cat\n"
        files[f"{folder}/_annotations.csv"] = HEADER + row
    dataset = read_dataset(write(tmp_path, files), "train")
    assert stems(dataset) == ["train"]
    assert "are in none: exam, holdout; --train-split exam" in dataset.problems[0]
    assert stems(read_dataset(tmp_path, "holdout")) == ["holdout"]


SEMICOLONS = f"{HEADER}a.png,15,2,45,18,cat\n".replace(",", ";")
HALVES = "a.png;15,5;2,25;45,0;18;cat\n"


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        (f"sep=;\n{SEMICOLONS}", (15, 2, 45, 18)),
        (f'"sep=;"\r\n{SEMICOLONS}', (15, 2, 45, 18)),
        (f"SEP=\t\n{SEMICOLONS}".replace(";", "\t"), (15, 2, 45, 18)),
        (f"sep=|\n{SEMICOLONS}".replace(";", "|"), (15, 2, 45, 18)),
        (HALVES, (15.5, 2.25, 45, 18)),
        (HEADER.replace(",", ";") + HALVES, (15.5, 2.25, 45, 18)),
        ('a.png,"15,5","2,25",45,18,cat\n', (15.5, 2.25, 45, 18)),
        ("a.png;0,125;0,250;0,500;0,750;cat\n", (7.5, 10, 30, 30)),  # of 60x40
        (f"{HEADER}a.png,15,2,45,18,cat,,\n", (15, 2, 45, 18)),
    ],
)
def test_separators_and_decimal_commas(tmp_path, text, edges):
    assert boxes(write(tmp_path, {"a.png": None, "b.csv": text})) == [
        ("a", "cat", edges)
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{HEADER}a.png,15,5,2,25,45,0,18,0,cat\n", "line 2: expected 6 cells, rec"),
        (f"sep=,\n{HEADER}a.png,15,5,2,25,45,18,cat\n", "line 3: .* by semicolons"),
        ('a.png,"1,024",2,"2,048",18,cat\n', r"1: 1,024 may mean 1.024 or 1024"),
        ("a.png;15;2;45,125;18;cat\n", r"45,125 may mean 45.125 or 45125"),
    ],
)
def test_numbers_that_may_mean_two_things_are_refused(tmp_path, text, words):
    root = write(tmp_path, {"a.png": None, "b.csv": text})
    with pytest.raises(ValueError, match=rf"b.csv: .*{words}"):
        read_dataset(root, "trainval")


def test_one_image_may_be_written_in_two_ways(tmp_path):
    names = ("./a.png", "a.png", "b\\c.png", "b/c.png")
    rows = "".join(f"{name},{x},1,{x + 5},9,cat\n" for x, name in enumerate(names, 1))
    files = {"a.png": None, "b/c.png": None, "t.csv": HEADER + rows}
    dataset = read_dataset(write(tmp_path, files), "trainval")
    assert [len(sample.truth) for sample in dataset.samples] == [2, 2]
    assert not dataset.problems


def test_an_image_that_is_not_there_is_named(tmp_path):
    rows = f"{HEADER}a.png,1,1,9,9,cat\nx/gone.png,1,1,9,9,cat\nOpenId,1,1,9,9,cat\n"
    root = write(tmp_path, {"a.png": None, "t.csv": rows})
    (line,) = read_dataset(root, "trainval").problems
    words = "2 images of t.csv are not there, the first is 'x/gone.png'"
    assert line == f"{root}: {words}; left out."


def test_a_row_of_a_lost_folder_takes_no_other_image(tmp_path):
    rows = [f"images/{name},15,2,45,18,cat\n" for name in ("b2/a.png", "b3/b.png")]
    files = {"images/b2/a.png": None, "images/b.png": None, "t.csv": "".join(rows)}
    dataset = read_dataset(write(tmp_path, files), "trainval")
    assert stems(dataset) == ["a"] and "images/b3/b.png" in dataset.problems[0]
