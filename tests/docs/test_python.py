"""The program of docs/python.md runs as it stands there, with a quick training."""

import re
import shutil
from pathlib import Path

import keras
import pytest

from tests.helpers.scripts import make_image

PAGE = (Path(__file__).parents[2] / "docs/python.md").read_text("utf-8")
QUICK = (
    '"--epochs", "1", "--backbone", "squeezenet", "--weights", "none", '
    '"--batch-size", "4", "--precision", "mixed_bfloat16"'
)


@pytest.mark.usefixtures("slim_squeezenet")
def test_the_program_runs(shapes, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shapes, "my_images")
    make_image(tmp_path / "street.jpg")
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    assert '"--epochs", "30"' in code
    names = {}
    exec(code.replace('"--epochs", "30"', QUICK), names)
    run = names["run"]
    assert "runs/mine/best.weights.h5" in capsys.readouterr().out
    assert run.best_weights.is_file() and run.last_weights.is_file()
    assert keras.config.dtype_policy().name == "float32"  # what follows has its own
    assert [row["epoch"] for row in run.history] == [1]
    written = pytest.approx(run.history[0]["mAP50"], rel=1e-4)  # in six digits
    assert run.summary["best"]["mAP50"] == written
    # what the table of the page names
    documented = dict(re.findall(r"^\| `run\.(\w+)` \| (.*) \|$", PAGE, re.M))
    columns = set(re.findall(r"`(\w+)`", documented["history"])) - {"val_"}
    assert columns | {"val_loss", "val_acc"} <= run.history[0].keys()
    assert set(re.findall(r"`(\w+)`", documented["summary"])) == run.summary.keys()
    assert names["figures"]["images"] == 5
