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
    ],
)
def test_ids(own, given, wanted, words):
    entries, assumed = own.translate([result(*ids) for ids in given])
    assert entries == [result(*ids) for ids in wanted] and words in assumed


def test_evaluate_takes_the_ids_of_the_json(tmp_path, capsys):
    names = ["a.png", "b.png"]
    write_json(
        tmp_path / "annotations" / "instances_val.json",
        names,
        BOXES,
        image_folder=tmp_path / "images",
    )
    boxes = [box for box in BOXES if not box["iscrowd"]]
    results = [{**box, "score": 0.9} for box in boxes]  # image_id 7 and 8
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    figures = tmp_path / "figures.json"
    options = ["--predictions", str(path), "--data", str(tmp_path), "--json"]
    assert evaluate.main([*options, str(figures)]) == 0
    assert json.loads(figures.read_text())["mAP50"] == pytest.approx(1)
    assert "image_id taken as ids of the data's own JSON" in capsys.readouterr().out
