"""The data doctor: one data set per illness, and the real ones."""

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from base.priors import LAYOUTS, make_priors
from data import doctor, open_dataset
from data.__main__ import main
from data.doctor.boxes import best_overlaps, check_priors
from data.doctor.findings import SEVERITIES, Finding, table
from data.readers.splits import is_val
from tests.helpers.findings import all_findings
from tests.helpers.tool_files import write
from tests.helpers.voc_files import write_image, write_voc

BOX = (5, 5, 30, 30)
MANY = [("cat", (x, y, x + 25, y + 25)) for x in (2, 30) for y in (2, 8, 14)]
IMAGES = {"a": MANY, "b": MANY, "v": [("cat", BOX)]}
LISTS = {"train": ["a", "b"], "val": ["v"]}


def check_dataset(root):
    """Findings by id, without what a set this small always has."""
    found = {finding.id: finding for finding in all_findings(root)}
    return {id: f for id, f in found.items() if id not in ("priors", "class-rare")}


@pytest.fixture
def root(tmp_path):
    return write_voc(tmp_path / "set", IMAGES, LISTS)


def test_nothing_is_wrong(root):
    assert check_dataset(root) == {}


@pytest.mark.parametrize(
    ("objects", "id", "severity", "count"),
    [
        ([("cat", (50, 5, 61, 20))], "reaches-out", "warning", 1),
        ([("cat", (-1, 5, 20, 20))], "reaches-out", "warning", 1),
        ([("cat", (61, 5, 70, 20))], "outside", "error", 1),
        ([("cat", (60, 5, 70, 20))], "reaches-out", "warning", 1),  # its last column
        ([("cat", (30, 5, 20, 20))], "swapped", "error", 1),
        ([("cat", (30, 5, 30, 20))], "no-area", "error", 1),
        ([("cat", ("nan", 5, 30, 20))], "number", "error", 1),
        ([("cat", (0, 5, 30, 20))], "from-zero", "note", 1),
        ([("", BOX)], "name-missing", "error", 1),
        ([("cat", BOX), ("cat", BOX)], "duplicate", "warning", 1),
        ([("cat", BOX)] * 3, "duplicate", "warning", 3),
        ([], "empty", "note", 1),
        ([("dog", BOX)], "class-absent", None, 0),
        ([("Cat", BOX)], "class-spelling", "error", 1),
        ([("C a-t", BOX)], "class-spelling", "error", 1),
    ],
)
def test_boxes(objects, id, severity, count, tmp_path):
    root = write_voc(tmp_path / "set", {**IMAGES, "b": objects}, LISTS)
    found = check_dataset(root)
    if severity is None:
        assert id not in found
        return
    assert (found[id].severity, found[id].count) == (severity, count)
    assert all("\n" not in example for example in found[id].examples)


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("~", "=", False),
        ("-", "_", False),
        ("-1", "1", False),
        ("1.5", "15", False),
        ("c++", "c", False),
        ("कि", "की", False),  # a vowel's sign is no letter
        ("stop sign", "Stop_Sign", True),
        ("class 1", "class1", True),
        ("4-door", "4door", True),
        ("cat_", "cat", True),
    ],
)
def test_names_without_letters_are_no_other_spelling(name, other, same, tmp_path):
    images = {**IMAGES, "b": [(name, BOX), (other, BOX)]}
    root = write_voc(tmp_path / "set", images, LISTS)
    assert ("class-spelling" in check_dataset(root)) is same


def test_tiny_boxes(tmp_path):
    # 9 of 600 pixels are 4.5 of 300, 7 are 3.5
    objects = [("cat", (5, 5, 13, 90)), ("cat", (5, 5, 11, 90))]
    images = {**IMAGES, "b": objects}
    root = write_voc(tmp_path / "set", images, LISTS, size_wh=(600, 400))
    tiny = check_dataset(root)["tiny"]
    assert (tiny.severity, tiny.count) == ("warning", 1)
    assert "cat of 3.5x64.5" in tiny.examples[0]


def test_a_class_that_training_lacks(tmp_path):
    root = write_voc(tmp_path / "set", {**IMAGES, "v": [("dog", BOX)]}, LISTS)
    assert check_dataset(root)["class-absent"].examples == ["dog"]


def test_similar_names(tmp_path):
    names = ["platelets", "platelet"]
    objects = [(name, box) for name in names for _, box in MANY[:3]]
    root = write_voc(tmp_path / "set", {**IMAGES, "b": objects}, LISTS)
    (example,) = check_dataset(root)["class-similar"].examples
    assert example == "platelet (3) and platelets (3)"


def test_xml_and_missing_files(root):
    (root / "Annotations" / "a.xml").write_text("<annotation>")
    (root / "JPEGImages" / "b.png").unlink()
    write_image(root / "JPEGImages" / "extra.png", (60, 40), 9)
    shutil.copy(root / "Annotations" / "v.xml", root / "Annotations" / "w.xml")
    write_image(root / "JPEGImages" / "w.png", (50, 40), 10)
    lists = root / "ImageSets" / "Main"
    (lists / "train.txt").write_text("w\n")
    found = check_dataset(root)
    ids = ("xml", "image-missing", "annotation-missing", "size")
    assert all(found[id].count == 1 for id in ids)
    assert "broken XML" in found["xml"].examples[0]
    assert "60x40, it is 50x40" in found["size"].examples[0]


def test_broken_images(root):
    header, pixels = (root / "JPEGImages" / f"{stem}.png" for stem in "ab")
    header.write_bytes(b"no image")
    content = bytearray(pixels.read_bytes())
    content[60:400] = bytes(340)  # the header is whole
    pixels.write_bytes(content)
    found = [f for f in all_findings(root) if f.id == "image-broken"]
    assert [f.severity for f in found] == ["error", "error"]
    assert str(header) in found[0].examples[0]
    assert str(pixels) in found[1].examples[0]


def test_a_size_that_is_not_the_images(tmp_path):
    from tests.data.readers.coco.test_coco import BOXES, write_json

    write_json(tmp_path / "a.json", ["a.png", "b.png"], BOXES[:2])
    assert "image-size" not in check_dataset(tmp_path)
    write_image(tmp_path / "b.png", (40, 60))  # as annotators see it without EXIF
    finding = check_dataset(tmp_path)["image-size"]
    assert (finding.severity, finding.count) == ("error", 1)
    assert "b.png says 60x40, the image is 40x60" in finding.examples[0]


@pytest.mark.parametrize(
    ("bbox", "severity"), [([5, 5, 90, 20], "warning"), ([70, 5, 5, 5], "error")]
)
def test_what_a_coco_reader_mends_and_what_it_leaves_out(bbox, severity, tmp_path):
    from tests.data.readers.coco.test_coco import BOXES, write_json

    boxes = [BOXES[0], {**BOXES[1], "bbox": bbox}]  # clipped; outside of 60x40
    write_json(tmp_path / "a.json", ["a.png", "b.png"], boxes)
    finding = check_dataset(tmp_path)["reader"]
    assert (finding.severity, finding.count) == (severity, 1)


def test_one_image_in_two_splits(root):
    folder = root / "JPEGImages"
    photo = cv2.resize(
        np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8),
        (60, 40),
        interpolation=cv2.INTER_CUBIC,
    )
    for stem, image in (("a", photo), ("v", photo), ("b", 255 - photo)):
        cv2.imwrite(str(folder / f"{stem}.png"), image)
    assert check_dataset(root)["two-splits"].count == 1
    # compressed again in a JPEG's way: other bytes, nearly the same image
    jpeg = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    cv2.imwrite(str(folder / "v.png"), cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
    found = check_dataset(root)
    assert "two-splits" not in found
    assert found["nearly-two-splits"].count == 1
    shutil.copy(folder / "a.png", folder / "b.png")  # both of train
    assert check_dataset(root)["same-file"].severity == "warning"


def test_one_file_that_two_lists_name(tmp_path):
    lists = {**LISTS, "val": ["v", "a"]}
    finding = check_dataset(write_voc(tmp_path / "set", IMAGES, lists))["two-splits"]
    assert (finding.severity, finding.count) == ("error", 1)
    assert finding.examples[0].count("a.png") == 2


def test_best_overlaps_by_hand():
    priors = np.array([[0.5, 0.5, 0.2, 0.2], [0.2, 0.2, 0.4, 0.1]])  # centers
    boxes = np.array([[0.4, 0.4, 0.6, 0.5], [0.0, 0.15, 0.4, 0.25], [0.9, 0.9, 1, 1]])
    # half of the first prior; the second itself; none
    assert best_overlaps(boxes, priors) == pytest.approx([0.5, 1, 0])
    assert best_overlaps(np.zeros((0, 4)), priors).shape == (0,)


def test_priors_reach_themselves_but_no_slivers():
    priors = make_priors()
    half = priors[:, 2:] / 2
    corners = np.concatenate([priors[:, :2] - half, priors[:, :2] + half], axis=1)
    (finding,) = check_priors(corners[::50], priors)
    assert (finding.count, finding.severity) == (0, "note")
    slivers = np.tile([0.1, 0.5, 0.9, 0.51], (4, 1))
    (finding,) = check_priors(slivers, priors)
    assert (finding.count, finding.severity) == (4, "warning")


def test_priors_are_checked_where_overlap_decides_who_learns(root):
    datasets = doctor.read_splits(open_dataset([root]))
    found = {
        layout: [f.id for f in doctor.check_annotations(datasets, layout)]
        for layout in LAYOUTS
    }
    assert found.pop("yolox") == []
    assert all("priors" in ids for ids in found.values())


def test_table_begins_with_the_gravest():
    found = [Finding(s, s, "x", 2, ["here"]) for s in SEVERITIES[::-1]]
    lines = table(found).splitlines()
    assert [line.split()[0] for line in lines[::2]] == list(SEVERITIES)
    assert lines[1].strip() == "here"


def test_command_line(root, tmp_path, capsys):
    image = tmp_path / "doctor.png"
    assert main([str(root), "--plot", str(image)]) == 0
    assert "priors" in capsys.readouterr().out
    assert cv2.imread(str(image)).size > 10_000
    (root / "Annotations" / "a.xml").write_text("<annotation>")
    assert main([str(root)]) == 1
    assert main([str(tmp_path / "nothing")]) == 2
    assert "nothing" in capsys.readouterr().err


# counted apart from this code, by a few lines over the files


def test_blood_cells(shared):
    found = check_dataset(shared / "data/bccd")
    assert found.keys() == {"no-area"}
    assert found["no-area"].count == 2
    names = ("BloodImage_00338.xml: object 13", "BloodImage_00343.xml: object 4")
    for name, example in zip(names, found["no-area"].examples, strict=True):
        assert name in example


def test_raccoons(shared):
    found = check_dataset(shared / "data/raccoon")
    same = [f for id, f in found.items() if id in ("two-splits", "same-file")]
    assert sum(f.count for f in same) == 4


def test_a_data_set_without_a_training_split_is_examined(tmp_path, capsys):
    root = write_voc(tmp_path / "set", {"a": MANY, "v": MANY}, {"val": ["a", "v"]})
    assert main([str(root)]) == 0
    shown = capsys.readouterr().out
    assert "set val: Pascal VOC, 2" in shown and "no split 'train'" in shown


def test_listed_images_that_are_not_there_are_an_error(tmp_path):
    root = write_voc(tmp_path / "set", IMAGES, {**LISTS, "train": ["a", "b", "gone"]})
    found = check_dataset(root)["image-missing"]
    assert (found.severity, found.count) == ("error", 1)
    assert "'gone', listed in train" in found.examples[0]


def test_a_split_whose_images_are_gone_is_an_error(tmp_path, capsys):
    lists = {"train": ["a", "b"], "val": ["x", "y"]}
    root = write_voc(tmp_path / "set", IMAGES, lists)
    found = check_dataset(root)["split-lost"]
    assert found.severity == "error" and "'val': no images" in found.examples[0]
    assert main([str(root)]) == 1
    assert "split-lost" in capsys.readouterr().out


@pytest.mark.parametrize("illness", [{"images": []}, {"annotations": [{"id": 1}]}])
def test_a_split_of_a_broken_file_is_an_error(tmp_path, illness):
    for split in ("train", "val"):
        content = {
            "images": [{"id": 1, "file_name": f"{split}.png"}],
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [5, 5, 20, 20]}],
            "categories": [{"id": 1, "name": "cat"}],
        }
        content |= illness if split == "val" else {}
        files = {f"{split}.png": None, f"annotations/instances_{split}.json": content}
        write(tmp_path, files)
    found = check_dataset(tmp_path)["split-lost"]
    assert found.severity == "error" and "val: " in found.examples[0]


@pytest.mark.parametrize(
    "lists",
    [
        {"train": ["gone"], "val": ["v"]},
        {"train": [], "val": ["v"]},
        {"train": ["gone"], "test": ["v"]},
        {"trainval": ["v"], "val": ["v"]},
    ],
)
def test_a_training_split_without_images_is_an_error(tmp_path, lists, capsys):
    root = write_voc(tmp_path / "set", IMAGES, lists)
    assert check_dataset(root)["no-training"].severity == "error"
    assert main([str(root)]) == 1
    assert "no-training      error" in capsys.readouterr().out


def test_one_image_that_the_hash_puts_into_val_is_an_error(tmp_path):
    write(tmp_path, {"v3.png": None, "a.csv": "v3.png,5,5,20,20,cat\n"})
    assert is_val("v3")
    assert check_dataset(tmp_path)["no-training"].severity == "error"


def test_the_doctor_needs_no_keras(root):
    program = (
        "import sys; from data.__main__ import main; main(sys.argv[1:]); "
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", program, str(root)]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True)
