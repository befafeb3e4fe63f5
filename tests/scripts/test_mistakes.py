"""Mistakes on the command line: exit status 2 and one line that names them."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import detect
import evaluate
import train
from tests.helpers.scripts import QUICK, check_mistake

ROOT = Path(train.__file__).parent

pytestmark = pytest.mark.usefixtures("slim_squeezenet")


@pytest.fixture
def places(shapes, untrained, tmp_path):
    """Names for the tables below -> paths."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.h5").write_text("no weights")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    (tmp_path / "no.json").write_text("{")
    return {
        "SHAPES": shapes,
        "WEIGHTS": untrained,
        "MISSING": tmp_path / "missing",
        "EMPTY": tmp_path / "empty",
        "TEXT": tmp_path / "text.h5",
        "RUN": tmp_path / "run",
        "JSON": tmp_path / "no.json",
        "OUT": tmp_path / "out",
    }


def fill_in(text, places):
    return [places.get(word, word) for word in text.split()]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--data MISSING", ["MISSING", "no such folder"]),
        ("--data EMPTY", ["EMPTY", "nothing"]),
        ("--data SHAPES --train-split trian", ["trian", "trainval"]),
        ("--data SHAPES --val-split all", ["all", "trainval"]),
        ("--data SHAPES --weights none --classes zebra", ["zebra"]),
        ("--data MISSING --weights OUT", ["--weights", "OUT", "no such file"]),
        ("--data SHAPES --weights TEXT", ["TEXT"]),
        ("--data SHAPES --weights TEXT --backbone vgg16", ["TEXT", "not a weights"]),
        ("--data MISSING --weights EMPTY", ["--weights", "EMPTY", "no such file"]),
        ("--data SHAPES --weights WEIGHTS --backbone small --neck ssd", ["WEIGHTS"]),
        ("--data SHAPES --weights none --output RUN", ["--output", "RUN"]),
        ("--data SHAPES --weights imagenet --backbone small", ["small", "none"]),
        ("--data SHAPES --priors legacy", ["legacy", "--neck ssd"]),
        ("--data SHAPES --weights none --freeze", ["--freeze keeps"]),
        (
            "--data SHAPES --backbone small --weights WEIGHTS --freeze",
            ["--freeze keeps"],
        ),
    ],
)
def test_mistakes_of_train(options, words, places, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    given = [*QUICK, *fill_in(options, places)]
    words = [places.get(word, word) for word in words]
    check_mistake(train, given, words, capsys)
    assert not (tmp_path / "runs").exists()
    assert [path.name for path in places["RUN"].iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--weights MISSING --data SHAPES", ["MISSING", "no such file"]),
        ("--weights TEXT --data SHAPES", ["TEXT"]),
        ("--weights WEIGHTS --data MISSING", ["MISSING", "no such folder"]),
        ("--weights WEIGHTS --data EMPTY", ["EMPTY"]),
        ("--weights WEIGHTS --data SHAPES --split tset", ["tset", "test"]),
        ("--predictions MISSING --data SHAPES", ["MISSING"]),
        ("--predictions JSON --data SHAPES", ["JSON", "not a JSON file"]),
    ],
)
def test_mistakes_of_evaluate(options, words, places, capsys):
    words = [places.get(word, word) if word != "JSON" else "no.json" for word in words]
    check_mistake(evaluate, fill_in(options, places), words, capsys)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("MISSING --weights WEIGHTS", ["MISSING"]),
        ("EMPTY --weights WEIGHTS", ["EMPTY", "no images"]),
        ("SHAPES/JPEGImages --weights MISSING", ["MISSING", "no such file"]),
        ("SHAPES/JPEGImages --weights TEXT", ["TEXT"]),
    ],
)
def test_mistakes_of_detect(options, words, places, capsys):
    given = [
        str(places["SHAPES"] / "JPEGImages") if "JPEGImages" in word else word
        for word in options.split()
    ]
    given = [*(places.get(word, word) for word in given), "--output", places["OUT"]]
    check_mistake(detect, given, [places.get(w, w) for w in words], capsys)
    assert not places["OUT"].exists()


@pytest.mark.parametrize(
    ("script", "options", "words"),
    [
        (train, "--backbone vgg61", "Did you mean vgg19?"),
        (train, "--backbone mobilenet", "Did you mean MobileNet?"),
        (train, "--epochs 0", "--epochs must be above 0"),
        (train, "--batch-size -1", "--batch-size must be above 0"),
        (train, "--lr 0", "--lr must be above 0"),
        (train, "--adapter-filters 300", "--adapter-filters"),
        (train, "--freeze 4 --epochs 4", "must be below --epochs, 4 here"),
        (train, "--freeze 60 --data x", "must be below --epochs, 60 here"),
        (train, "--freeze-epochs 14", "must be below --epochs, 14 here"),
        (train, "--weights none --init-from x", "--init-from is now --weights: give"),
        (train, "--alpha 0", "--alpha must be above 0"),
        (train, "--tile 0", "--tile must be above 0"),
        (train, "--nonsense", "--nonsense"),
        (evaluate, "--predictions a --data x --tile", "--tile goes with --weights"),
        (detect, "a.jpg --tile 0", "--tile must be above 0"),
        (detect, "a.mp4 --every 0", "--every must be above 0"),
        (evaluate, "--data x", "--weights --predictions is required"),
        (evaluate, "--weights a --predictions b --data x", "not allowed with"),
        (evaluate, "--weights a", "--data"),
        (evaluate, "--weights a --data x --batch-size 0", "--batch-size"),
        (detect, "", "SOURCE"),
        (detect, "a.jpg --threshold 2", "--threshold must be from 0 to 1"),
        (detect, "a.jpg --top-k 0", "--top-k"),
    ],
)
def test_mistakes_in_the_options(script, options, words, capsys):
    with pytest.raises(SystemExit) as error:
        script.main(options.split())
    assert error.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", ["train", "evaluate", "detect"])
def test_help_is_quick(name):
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", ROOT / f"{name}.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    first_line = importlib.import_module(name).__doc__.splitlines()[0]
    assert first_line in answer.stdout
    imported = {
        line.rsplit("|", 1)[-1].strip().split(".")[0]
        for line in answer.stderr.splitlines()
    }
    assert "argparse" in imported
    assert not imported & {"keras", "tensorflow", "torch", "jax", "cv2", "matplotlib"}
