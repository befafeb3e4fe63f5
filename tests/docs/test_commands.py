"""The commands of README and the guides run, in a folder with what they name.

Commands are lines of code blocks and pieces of inline code that call Python, and the
`mkdir` between them. Those of a page run in their order, in a folder of the page; one
that stands on several pages runs once. What is left out, and why, is LEFT_OUT.

    pytest -m slow tests/docs/test_commands.py
"""

import re
import shlex
import shutil
import subprocess
import textwrap
from importlib import import_module
from pathlib import Path

import cv2
import keras
import pytest

from data import read_image
from tests.helpers.exportables import need
from tests.helpers.slim import slim
from tests.helpers.videos import write_video

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
SCRIPTS = {
    **{f"{name}.py": name for name in ("train", "evaluate", "detect", "export")},
    **{f"{name}.py": name for name in ("compare", "graft")},
    "-m data": "data.__main__",
    "-m models.weights": "models.weights.__main__",
}
LEFT_OUT = {
    r"voc2007|voc0712|coco2017|held_back|--weights coco|yolox_nano\.onnx": "downloads",
    r"train\.py .*--backbone|compare\.py .*--backbones|graft\.py": "ImageNet's weights",
    r"BCCD_Dataset|raccoon_dataset": "data that are cloned",
    r"-m benchmarks\.": "minutes, and packages of peers: tests/benchmarks",
    r"triton": "the first export of its page, to another place",
    r"openvino|litert|saved_model|int8|\.tflite|\.xml": "minutes: tests/exporting",
    r"detect\.py (0|rtsp)": "a camera",
    r"--devices|/shared/|torchrun": "several devices: tests/training/hardware",
    r"--minutes": "minutes",
    r"examples/(track|fiftyone|ray)": "packages: tests/docs/test_examples.py",
    r"-m (venv|http\.server|scalabel)|\.venv/bin": "not ours, or an installation",
    r"\.\./\.\./export": "in the folder of the page: tests/docs/test_browser.py",
}
QUICK = ["--epochs", "1", "--batch-size", "4", "--precision", "float32"]
SLIM = ["--backbone", "squeezenet", "--weights", "none"]


PLACES = {"IN": "my_images", "OUT": "converted", "FOLDER": "my_images"}
PLACES["FILE"] = "weights/voc_yolox_nano.weights.h5"


def calls(page):
    """The command lines of a page, whole."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    text = re.sub(r"^```python\n.*?^```", "", text, flags=re.M | re.S)
    lines = re.findall(r"^    ((?:[A-Z_]+=\S+ )?(?:python|mkdir) .*)", text, re.M)
    inline = re.findall(r"`(python (?:[\w/.]+\.py|-m\s[\w.]+)\s[^`]+)`", text)
    for line in (*lines, *inline):
        yield " ".join(line.partition(" #")[0].split())


def reason(command):
    """Why a command is left out; empty where it runs."""
    return next((why for what, why in LEFT_OUT.items() if re.search(what, command)), "")


def first_calls():
    """The pages with those of their commands that no page before has."""
    seen = set()
    for page in PAGES:
        commands = [call for call in dict.fromkeys(calls(page)) if call not in seen]
        seen.update(commands)
        commands = [command for command in commands if not reason(command)]
        if commands:
            yield pytest.param(commands, id=page.name)


def main_of(command):
    """A script's function and its arguments."""
    words = [PLACES.get(word, word) for word in shlex.split(command)][1:]
    name = " ".join(words[:2]) if words[0] == "-m" else words[0]
    return import_module(SCRIPTS[name]).main, words[len(name.split()) :]


def run(command):
    """Its exit status, by its main() in this process, on a detector that is quick."""
    if command.startswith("mkdir"):
        return subprocess.run(command, shell=True, check=False).returncode
    main, words = main_of(command)
    if "train.py" in command and not {"--resume", "--help"} & {*words}:
        words += [*QUICK, *(SLIM[:2] if "--weights" in words else SLIM)]
    if "detect.py" in command and not {"--weights", "examples/images"} & {*words}:
        words += ["--weights", "runs/RUN/best.weights.h5"]
    try:
        return main(words)
    except SystemExit as end:  # argparse, after --help
        return end.code


@pytest.fixture(scope="module")
def world(shapes, tmp_path_factory):
    """A folder with what the commands name; runs/RUN is a training of one epoch."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exports need TensorFlow")
    folder = tmp_path_factory.mktemp("world")
    (folder / "examples").symlink_to(ROOT / "examples")
    for name in ("my_images", "large_images"):
        shutil.copytree(shapes, folder / name)
    for name in ("photos", "new_images", "weights"):
        (folder / name).mkdir()
    shutil.copy(ROOT / PLACES["FILE"], folder / "weights")
    photo = ROOT / "examples/images/cat.jpg"
    pixels = cv2.resize(read_image(photo), (96, 64))
    for name in ("photos/street.jpg", "new_images/cat.jpg", "street.jpg"):
        shutil.copy(photo, folder / name)
    cv2.imwrite(str(folder / "large.jpg"), cv2.resize(pixels, (500, 300)))
    cv2.imwrite(str(folder / "other.png"), pixels)
    write_video(folder / "clip.mp4", [pixels] * 3)
    run_folder = folder / "runs/RUN"
    options = ["--data", str(folder / "my_images"), "--output", str(run_folder)]
    assert import_module("train").main([*options, *QUICK, *SLIM]) == 0
    shutil.copytree(run_folder, folder / "runs/OLD")
    return folder


@pytest.fixture(scope="module", autouse=True)
def small():
    with slim():
        yield


@pytest.fixture
def place(world, tmp_path, monkeypatch):
    """A copy of the world as the working folder; the checkout stays as it is."""
    before = {*ROOT.iterdir(), *(ROOT / "weights").iterdir()}
    folder = shutil.copytree(world, tmp_path / "place", symlinks=True)
    monkeypatch.chdir(folder)
    yield folder
    assert {*ROOT.iterdir(), *(ROOT / "weights").iterdir()} == before


@pytest.mark.slow  # some two minutes on a machine with nothing else to do
@pytest.mark.parametrize("commands", first_calls())
def test_the_commands_of_a_page_run(commands, place, capsys):
    for command in commands:
        if "onnx" in command:
            need("onnx")
        status = run(command)
        printed = capsys.readouterr()
        assert status == 0, f"{command}\n{printed.out}\n{printed.err}"
        if "--format onnx" in command:  # other commands take it from here
            shutil.copy(place / "runs/RUN/best.onnx", place / "best.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs/detection.md"])
def test_the_program_of_a_page_runs(page, place):
    (code,) = re.findall(
        r"^    from inference .*\n(?:(?:    .*)?\n)+", page.read_text(), re.M
    )
    names = {"array": read_image(place / "street.jpg")}
    exec(textwrap.dedent(code), names)
    assert len(names["found"].boxes) == len(names["found"].scores)


def test_nothing_is_left_out_that_is_not_there():
    commands = [command for page in PAGES for command in calls(page)]
    for what in LEFT_OUT:
        assert any(re.search(what, command) for command in commands), what
    assert any(not reason(command) for command in commands)


@pytest.mark.slow
def test_a_wrong_command_fails(place, capsys):
    assert run("python evaluate.py --weights runs/RUN/nothing.h5 --data my_images") == 2
    assert run("python detect.py photos --no-such-option") == 2
