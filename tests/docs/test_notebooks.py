"""The notebooks of examples/ run from top to bottom; they are stored without output."""

import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONS = "options = []"
QUICK = [
    *("--epochs", "1", "--batch-size", "4", "--precision", "mixed_bfloat16"),
    *("--backbone", "squeezenet", "--weights", "none"),
]


def code_of(name):
    """The code cells of a notebook as one program."""
    notebook = json.loads((ROOT / "examples" / name).read_text("utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    return "\n\n".join("".join(cell["source"]) for cell in cells)


@pytest.fixture(autouse=True)
def no_window(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")


def test_detect(monkeypatch):
    monkeypatch.chdir(ROOT / "examples")
    names = {"__name__": "notebook"}
    exec(compile(code_of("detect.ipynb"), "detect.ipynb", "exec"), names)
    assert len(names["found"]) > 0
    assert set(names["found"].class_names) <= set(names["detector"].class_names)


@pytest.mark.usefixtures("slim_squeezenet")
def test_train(shapes, tmp_path, monkeypatch):
    (tmp_path / "examples").mkdir()
    monkeypatch.chdir(tmp_path / "examples")
    monkeypatch.setattr(sys, "path", [*sys.path])  # the notebook adds its own
    data = shutil.make_archive(tmp_path / "zipped", "zip", shapes)
    code = code_of("train.ipynb")
    assert OPTIONS in code and 'DATA = ""' in code
    code = code.replace(OPTIONS, f"options = {QUICK}")
    code = code.replace('DATA = ""', f"DATA = {data!r}")
    names = {"__name__": "notebook"}
    exec(compile(code, "train.ipynb", "exec"), names)
    folder = tmp_path / names["RUN"]
    assert (folder / "best.onnx").is_file()
    assert Path(names["archive"]).is_file()
    assert len(names["run"].history) == 1
