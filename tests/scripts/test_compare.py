"""compare.py: what it trains and when."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import compare
from comparison import duration_estimate, plan, processes
from tests.helpers import comparisons

# in place of train.py: notes how it was called, and leaves a copy of a run; END names
# runs that are stopped before their end, and may say "crash"
TRAIN = """
import os, shutil, sys
from pathlib import Path
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join(words) + chr(10))
resumes = words[0] == "--resume"
folder = Path(words[1] if resumes else words[words.index("--output") + 1])
end = os.environ["END"].split(",")
if folder.name not in end:
    shutil.copytree({run!r}, folder, dirs_exist_ok=True)
elif "crash" in end:
    folder.mkdir(parents=True)
    sys.exit(3)
else:
    folder.mkdir(parents=True)
    (folder / "checkpoint.npz").write_text("")
"""


@pytest.fixture
def call(tmp_path, shapes, monkeypatch):
    """compare.py with trainings that only note their options and leave a run.

    Called with the names that END holds; returns the status, the calls of train.py and
    the runs that the page would show.
    """
    log, script = tmp_path / "log", tmp_path / "fake.py"
    kept = comparisons.write_run(tmp_path / "kept", "small")
    script.write_text(TRAIN.format(run=str(kept), log=str(log)))
    shown = []
    monkeypatch.setattr(compare, "TRAIN", script)
    monkeypatch.setattr(compare, "report", lambda _, runs: shown.append(runs))
    monkeypatch.setattr(duration_estimate, "reasons_against", lambda c: [None] * len(c))
    monkeypatch.setattr(duration_estimate, "seconds_a_image", lambda c: [60.0] * len(c))
    output = tmp_path / "out"

    def run(*options, end=""):
        monkeypatch.setenv("END", end)
        log.write_text("")
        shown.clear()
        what = ["--data", str(shapes), "--output", str(output), *options]
        status = compare.main(what)
        names = [run.folder.name for runs in shown for run in runs]
        return status, log.read_text().splitlines(), names

    run.output = output
    return run


A, B = "--backbones=small,vgg16", ("small-seed0", "vgg16-seed0")


def test_nothing_finished_is_trained_twice(call, capsys):
    status, calls, names = call(A, "--epochs=2")
    assert status == 0
    assert [c.split("--backbone ")[1].split()[0] for c in calls] == ["small", "vgg16"]
    assert all("--epochs 2" in c and "--seed 0" in c for c in calls)
    assert names == list(B)
    # 21 images, 2 epochs, a minute an image: 42 minutes each
    assert "2 of 2 to train, about 84 minutes in all" in capsys.readouterr().out
    status, calls, names = call(A, "--epochs=2")
    assert (status, calls, names) == (0, [], list(B))
    assert "0 of 2 to train" in capsys.readouterr().out


def test_the_table_grows(call):
    call("--backbones=small", "--epochs=2")
    status, calls, names = call("--backbones=vgg16", "--epochs=2")
    assert status == 0
    assert len(calls) == 1
    assert names == list(B)


def test_other_options_behind_the_dashes(call):
    _, (line,), _ = call("--backbones=small", "--minutes=1", "--", "--lr", "0.1")
    assert "--minutes 1 " in line
    assert "--lr 0.1" in line


def test_a_mistake_behind_the_dashes_is_told_before_all_else(call, capsys):
    with pytest.raises(SystemExit) as stopped:
        call("--backbones=small", "--", "--lr", "fast")
    assert stopped.value.code == 2
    assert "--lr" in capsys.readouterr().err
    assert not call.output.exists()


def test_a_stop_ends_all_and_the_same_command_goes_on(call, capsys):
    status, calls, names = call(A, end="small-seed0")
    assert (status, len(calls), names) == (130, 1, [])
    assert "the same command goes on" in capsys.readouterr().out
    status, calls, names = call(A)
    assert status == 0
    assert calls[0] == f"--resume {call.output / 'small-seed0'}"
    assert "--output" in calls[1]
    assert names == list(B)


def test_a_crash_is_the_trainings_own(call, capsys):
    status, calls, names = call(A, end="small-seed0,crash")
    assert (status, len(calls), names) == (1, 2, ["vgg16-seed0"])
    assert "small-seed0 failed" in capsys.readouterr().out
    status, calls, names = call(A)
    assert (status, len(calls), names) == (0, 1, list(B))


def test_another_budget_needs_another_folder(call, capsys):
    call(A, "--epochs=2")
    status, calls, _ = call(A, "--epochs=3")
    assert (status, calls) == (2, [])
    (line,) = capsys.readouterr().err.splitlines()
    assert "--epochs 2" in line
    assert "--output" in line


def test_weights_that_are_there_are_never_removed(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "best.weights.h5").write_text("precious")
    script = tmp_path / "nothing.py"
    script.write_text("")
    processes.train(script, folder, [])
    assert (folder / "best.weights.h5").read_text() == "precious"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "nothing to compare"),
        (["--backbones=small"], "--data"),
        (["--runs=a", "--seeds=0"], "--seeds"),
        (["--runs=a", "--minutes=0"], "--minutes"),
        (["--runs=a", "--adapter-filters=wide"], "--adapter-filters"),
        (["--runs=a", "--epochs=1", "--minutes=1"], "not allowed"),
    ],
)
def test_options_that_make_no_sense(options, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        compare.main(options)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_a_run_that_is_none_is_one_line(tmp_path, capsys):
    assert compare.main(["--runs", str(tmp_path / "x"), "--output", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"compare.py: {tmp_path / 'x'}: ")


def test_list(tmp_path, capsys):
    comparisons.write_run(tmp_path / "mine", "small")
    assert compare.main(["--list", str(tmp_path)]) == 0
    assert "small light" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_request_to_end_reaches_the_training(tmp_path):
    script, parent = tmp_path / "train.py", tmp_path / "parent.py"
    script.write_text(
        "import signal, sys, time\n"
        "from pathlib import Path\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        f"Path({str(tmp_path / 'ready')!r}).write_text('')\n"
        "time.sleep(60)\n"
    )
    parent.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(compare.__file__).parent)!r})\n"
        "from comparison.processes import train\n"
        f"sys.exit(train(Path({str(script)!r}), Path({str(tmp_path / 'run')!r}), []))\n"
    )
    process = subprocess.Popen([sys.executable, str(parent)])
    ends = time.monotonic() + 60
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < ends
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 7


# what Keras knows


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"backbones": ["small"], "adapter_filters": (512,)}, "no adapter"),
        ({"backbones": ["small"], "freeze": "yes"}, "no ImageNet weights"),
        (
            {"backbones": ["vgg16"], "freeze": "yes", "weights": ["none"]},
            "can't be frozen",
        ),
        ({"backbones": ["vgg16"], "adapter_filters": (512,), "freeze": "yes"}, None),
        ({"backbones": ["MobileNet@0.25"]}, None),
        ({"backbones": ["yolox_nano"], "freeze": "yes"}, None),  # weights/ has one
        ({"backbones": ["yolox_nano/native"], "freeze": "yes"}, None),
    ],
)
def test_what_cant_be_trained(options, reason):
    (received,) = duration_estimate._reasons(plan.combine(**options))
    assert reason in received if reason else received is None


@pytest.mark.parametrize(
    ("options", "neck"),
    [
        ({"backbones": ["yolox_nano"]}, "yolox"),
        ({"backbones": ["yolox_nano/light"]}, "light"),
        ({"backbones": ["yolox_nano"], "weights": ["none"]}, "native"),
        ({"backbones": ["squeezenet"]}, "light"),
    ],
)
def test_the_time_is_that_of_the_network_that_train_py_builds(options, neck):
    (combination,) = plan.combine(**options)
    assert duration_estimate._architecture(combination).neck == neck


def test_a_mistake_is_told_before_anything_is_trained():
    with pytest.raises(ValueError, match="--neck heavy"):
        duration_estimate.reasons_against(plan.combine(["small/heavy"]))


@pytest.mark.slow
def test_seconds_a_image_are_measured():
    few = plan.combine(["squeezenet", "squeezenet"], seeds=2)
    seconds = duration_estimate.seconds_a_image(few)
    assert len(set(seconds)) == 1  # one architecture is measured once
    assert seconds[0] > 0
