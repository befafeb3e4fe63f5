"""The bar of a training: on a terminal, in a notebook, in a file."""

import io
import sys
from types import ModuleType, SimpleNamespace

import pytest
from tqdm import tqdm

from training.monitoring.progress_bar import NotebookBar, progress_bar


@pytest.fixture
def shown(monkeypatch):
    """What a notebook shows in the bar's line, one text after another."""
    texts = []

    def display(data, raw, display_id):
        assert raw and display_id
        texts.append(data["text/plain"])
        update = lambda data, raw: texts.append(data["text/plain"])  # noqa: E731
        return SimpleNamespace(update=update)

    module = ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return texts


@pytest.mark.parametrize("num_steps", [4, None])
def test_a_notebook_has_one_line(num_steps, shown, monkeypatch, capsys):
    out = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    monkeypatch.setattr(sys, "stdout", out)
    with progress_bar(num_steps, made=1) as bar:
        assert isinstance(bar, NotebookBar)
        bar.update()
        bar.set_postfix(loss="0.5")
        bar.write("epoch 1")
        bar.update(2)
    assert out.getvalue() == "epoch 1\n"
    assert capsys.readouterr().err == ""
    assert "loss=0.5" in shown[-1] and ("4/4" if num_steps else "4step") in shown[-1]
    assert not any(character in text for text in shown for character in "\r\n")


def test_a_file_has_none(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bar(4, made=0) as bar:
        assert type(bar) is tqdm and bar.disable
        bar.update()
    assert sys.stderr.getvalue() == ""
