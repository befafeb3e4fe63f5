"""Faults made by mutmut, one at a time: does a test of the module notice?

    pip install mutmut
    python -m benchmarks.mutation average_precision [--keep FOLDER]

mutmut (https://mutmut.readthedocs.io) changes one constant, operator, argument or name
of a function at a time; each mutant runs the module's own tests, listed in TARGETS,
in a process of its own, until the first fails. Works in a copy of the files that git
knows. Prints the mutants that no test noticed, then one line of counts. Mutants that
change nothing, and why: docs/mutation.md.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READERS = "tests/data/readers"
# name: module, its tests (the fast ones)
TARGETS = {
    "ssd_utils": ("ssd_utils.py", ["tests/ssd_utils"]),
    "multibox_loss": (
        "models/multibox_loss.py",
        ["tests/models/test_multibox_loss.py"],
    ),
    "average_precision": (
        "evaluation/average_precision.py",
        ["tests/evaluation/test_voc.py", "evaluation/average_precision.py"],
    ),
    "threshold": (
        "evaluation/threshold.py",
        ["tests/evaluation/test_threshold.py", "evaluation/threshold.py"],
    ),
    "schedule": ("training/schedule.py", ["tests/training/test_schedule.py"]),
    "resume": (
        "training/recovery/resume.py",
        ["tests/training/recovery/test_resume.py"],
    ),
    **{
        name: (f"data/readers/{name}.py", [f"{READERS}/test_{test}.py"])
        for name, test in {
            "labelme": "labelme",
            "label_studio": "label_studio",
            "cvat": "cvat",
            "via": "via",
            "coco": "coco",
            "yolo": "yolo",
            "csv_table": "csv_table",
            "voc": "voc",
            "voc_xml": "voc",
            "voc_layout": "voc",
            "recognise": "recognise",
        }.items()
    },
}
# shared by all formats: noticed by the tests of any of them
for _name in ("assemble", "splits", "paths", "annotation", "outlines", "json_file"):
    TARGETS[_name] = (f"data/readers/{_name}.py", [READERS])
NOTICED = ("killed", "timeout", "suspicious", "segfault", "caught by type check")


def main() -> None:
    """Run one target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--keep", metavar="FOLDER", help="where the copy stays")
    args = parser.parse_args()
    module, tests = TARGETS[args.target]
    folder = Path(args.keep or tempfile.mkdtemp(prefix=f"mutation-{args.target}-"))
    copy_files(folder)
    configure(folder, module, tests)
    mutmut = [sys.executable, "-m", "mutmut"]
    with (folder / "run.log").open("w") as log:
        status = subprocess.run(
            [*mutmut, "run", "--max-children", "1"], cwd=folder, stdout=log, stderr=log
        ).returncode
    listed = subprocess.run(
        [*mutmut, "results", "--all", "true"],
        cwd=folder,
        capture_output=True,
        text=True,
    ).stdout
    results = [line.strip().rpartition(": ")[::2] for line in listed.splitlines()]
    counts = Counter(state for _, state in results if state)
    for name, state in results:
        if state and state not in NOTICED:
            shown = [*mutmut, "show", name]
            diff = subprocess.run(shown, cwd=folder, capture_output=True, text=True)
            print(f"{state}: {diff.stdout}")
    noticed = sum(counts[state] for state in NOTICED)
    total = sum(counts.values())
    print(f"{module}: {total} mutants, {noticed} noticed; {dict(counts)}")
    if not total:
        sys.exit(f"mutmut ended with status {status}: see {folder / 'run.log'}")
    if not args.keep:
        shutil.rmtree(folder)


def copy_files(folder: Path) -> None:
    """What git knows, as it is now; the shared material is reached through a link."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    for name in os.fsdecode(names).split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def configure(folder: Path, module: str, tests: list[str]) -> None:
    """[tool.mutmut] of the copy: this module, its tests, one process."""
    source = Path(module).parts[0]
    others = sorted(p.name for p in folder.iterdir() if p.name not in (source, "tests"))
    lines = [
        "\n[tool.mutmut]",
        f"source_paths = [{source!r}]",
        f"only_mutate = [{module!r}]",
        f"also_copy = {others!r}",
        f"pytest_add_cli_args_test_selection = {tests!r}",
        "pytest_add_cli_args = ['-n0', '-p', 'no:cacheprovider']",
        "process_isolation = 'forkserver'",  # TensorFlow's threads don't outlive a fork
        "use_git_change_detection = false",
        "timeout_constant = 20.0",
    ]
    with (folder / "pyproject.toml").open("a") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
