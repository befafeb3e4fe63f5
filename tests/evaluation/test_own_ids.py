"""Results by the ids of the data's own JSON."""

import json

import pytest

import evaluate
from evaluation import OwnIds
from tests.data.readers.coco.test_coco import BOXES, write_json

OWN = OwnIds([40, 30, 1], {3: 1, 90: 2})


def result(image_id, category_id):
    return {"image_id": image_id, "category_id": category_id, "bbox": [0, 0, 1, 1]}


@pytest.mark.parametrize(
    ("own", "given", "wanted", "words"),
    [
        (OWN, [(40, 90), (1, 3)], [(1, 2), (3, 1)], "ids of the data's own JSON"),
        (OWN, [(40, 1), (30, 2)], [(1, 1), (2, 2)], "positions of the classes"),
        (OWN, [(1, 90)], [(3, 2)], "category_id as ids of it"),  # not the first image
        (OWN, [(2, 90)], [(2, 90)], "positions in the split"),  # no id of the JSON
        (OWN, [("a.jpg", 2)], [("a.jpg", 2)], "file names"),
        (OWN, [([], 2)], [([], 2)], "positions"),
        (OwnIds(["7"], {}), [(7, 1)], [(1, 1)], "own JSON"),
        (OwnIds([None], {}), [(1, 1)], [(1, 1)], "positions in the split"),
        (OWN, [], [], "own JSON"),
        (OWN, [("40", "90"), (1, 3)], [(1, 2), (3, 1)], "category_id as ids of it"),
        (OwnIds(["01"], {"090": 2}), [(1, 90)], [(1, 2)], "category_id as ids of it"),
        (OwnIds(["1", "01"], {}), [(1, 1)], [(1, 1)], "own JSON"),
        (OWN, [(40.0, 3.0)], [(1, 1)], "category_id as ids of it"),
        (OWN, [(True, 3)], [(True, 3)], "for True is no image_id of the data's"),
        (OWN, [("40", 3), ("a.jpg", 3)], [("40", 3), ("a.jpg", 3)], "'a.jpg' is no"),
        (OWN, [(40, 2)], [(1, 2)], "for 2 is no category_id of the data's own JSON"),
    ],
)
def test_ids(own, given, wanted, words):
    entries, assumed = own.translate([result(*ids) for ids in given])
    assert entries == [result(*ids) for ids in wanted] and words in assumed


@pytest.mark.parametrize(
    ("own", "given", "words"),
    [
        (OwnIds(["01", "001"], {}), (1, 1), "image_id 1 can be '001' or '01'"),
        (OwnIds([1], {"01": 1, "001": 2}), (1, 1), "category_id 1 can be '001' or"),
    ],
)
def test_an_id_of_two_is_refused(own, given, words):
    with pytest.raises(ValueError, match=words):
        own.translate([result(*given)])


def test_an_id_that_is_another_images_name_is_refused():
    # 7.jpg has the id 9, 9.jpg the id 7; 8.jpg its own
    own = OwnIds([9, 7, 8], {})
    stems = {"7": [0], "9": [1], "8": [2]}
    with pytest.raises(ValueError, match="image_id '7' is the name of one image and"):
        own.translate([result("8", 1), result("7", 1)], stems)
    for fine in (["8"], [7, 9], [8, "8"]):
        own.translate([result(number, 1) for number in fine], stems)
    entries, _ = own.translate([result("7", 1), result("8", 1)], {"7": [0]})
    assert [entry["image_id"] for entry in entries] == [2, 3]  # "8" is an id only


def write_set(tmp_path, **changes):
    """A data set in COCO JSON, its boxes as results with each key changed."""
    names = ["a.png", "b.png"]
    write_json(
        tmp_path / "annotations" / "instances_val.json",
        names,
        BOXES,
        image_folder=tmp_path / "images",
    )
    boxes = [box for box in BOXES if not box["iscrowd"]]
    results = [{**box, "score": 0.9} for box in boxes]  # image_id 7 and 8
    for entry in results:
        entry.update({key: change(entry[key]) for key, change in changes.items()})
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    return ["--predictions", str(path), "--data", str(tmp_path)]


@pytest.mark.parametrize("kind", [int, str])
def test_evaluate_takes_the_ids_of_the_json(kind, tmp_path, capsys):
    options = write_set(tmp_path, image_id=kind, category_id=kind)
    figures = tmp_path / "figures.json"
    assert evaluate.main([*options, "--json", str(figures)]) == 0
    assert json.loads(figures.read_text())["mAP50"] == pytest.approx(1)
    assert "image_id taken as ids of the data's own JSON" in capsys.readouterr().out


def test_a_refusal_says_what_was_assumed(tmp_path, capsys):
    options = write_set(
        tmp_path, image_id={7: "a.png", 8: "b.png"}.get, category_id=lambda _: 90
    )
    assert evaluate.main(options) == 2
    error = capsys.readouterr().err
    assert "entry 0: expected a category_id of 1 to 2. Received: 90; image_id" in error
    assert "file names, category_id as positions of the classes from 1, for" in error
    assert "'a.png' is no image_id of the data's own JSON" in error
