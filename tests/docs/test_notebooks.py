"""The notebooks of examples/ run from top to bottom; they are stored without output."""

import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONS = "options = []"
ONNX = "if not all(map(find_spec, ONNX_PACKAGES)):"
QUICK = [
    *("--epochs", "1", "--batch-size", "4", "--precision", "mixed_bfloat16"),
    *("--backbone", "squeezenet", "--weights", "none"),
]


def cells_of(name):
    """The code of each cell of a notebook that has some."""
    notebook = json.loads((ROOT / "examples" / name).read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    return ["".join(cell["source"]) for cell in cells]


def code_of(name):
    """All of it as one program."""
    return "\n\n".join(cells_of(name))


@pytest.fixture(autouse=True)
def no_window(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")


@pytest.mark.parametrize("name", ["train.ipynb", "detect.ipynb"])
def test_the_first_cell_in_colab(name, tmp_path, monkeypatch):
    """It clones and installs; here for no more than their commands."""
    commands = []

    def run(command, check):
        commands.append(command)
        if command[0] == "git":
            (tmp_path / command[-1]).mkdir()

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    code = cells_of(name)[0]
    with pytest.raises(AssertionError, match="fill in the address"):
        exec(code, {})
    assert 'REPOSITORY = ""' in code
    exec(code.replace('REPOSITORY = ""', 'REPOSITORY = "https://here"'), {})
    assert [command[-1] for command in commands] == ["ssd300", "requirements.txt"]
    assert sys.path[0] == str(Path.cwd()) == str(tmp_path / "ssd300")


def test_detect(monkeypatch):
    monkeypatch.chdir(ROOT / "examples")
    monkeypatch.setattr(sys, "path", [*sys.path])  # the notebook adds its own
    names = {"__name__": "notebook"}
    exec(compile(code_of("detect.ipynb"), "detect.ipynb", "exec"), names)
    assert len(names["found"]) > 0
    assert set(names["found"].class_names) <= set(names["detector"].class_names)


@pytest.mark.usefixtures("slim_squeezenet")
def test_train(shapes, tmp_path, monkeypatch):
    (tmp_path / "examples").mkdir()
    monkeypatch.chdir(tmp_path / "examples")
    monkeypatch.setattr(sys, "path", [*sys.path])  # the notebook adds its own
    shutil.make_archive(tmp_path / "examples/zipped", "zip", shapes)
    code = code_of("train.ipynb")
    assert OPTIONS in code and 'DATA = ""' in code
    code = code.replace(OPTIONS, f"options = {QUICK}")
    code = code.replace('DATA = ""', 'DATA = "zipped.zip"  # beside it')
    assert ONNX in code
    installs = []
    monkeypatch.setattr("subprocess.run", lambda command, **_: installs.append(command))
    code = code.replace(ONNX, "if not find_spec('no_such_package'):")
    names = {"__name__": "notebook"}
    exec(compile(code, "train.ipynb", "exec"), names)
    folder = tmp_path / names["RUN"]
    assert (folder / "best.onnx").is_file()
    assert Path(names["archive"]).is_file()
    assert len(names["run"].history) == 1
    assert [command[-1] for command in installs] == ["requirements-export.txt"]
