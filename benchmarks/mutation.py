"""Faults made by mutmut, one at a time: does a test of the module notice?

    pip install mutmut
    python -m benchmarks.mutation average_precision [--sample 100] [--keep FOLDER]

mutmut (https://mutmut.readthedocs.io) changes one constant, operator, argument or name
of a function at a time; each mutant runs the module's own tests, listed in TARGETS,
in a process of its own, until the first fails. Works in a copy of the files that git
knows. Prints the mutants that no test noticed, then one line of counts. Mutants that
change nothing, and why: docs/mutation.md. Constants of a module are not mutated.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READERS = ROOT / "tests/data/readers"
# name: module, its tests (the fast ones)
TARGETS = {
    "ssd_utils": (
        "ssd_utils.py",
        [
            *(f"tests/ssd_utils/test_{name}.py" for name in ("boxes", "suppression")),
            "tests/ssd_utils/test_matching.py",
            # a doctest compares the module with the file; minutes of matching
            *("-k", "not docstrings and not one_kernel and not 80"),
        ],
    ),
    "multibox_loss": (
        "models/losses/multibox_loss.py",
        ["tests/models/losses/test_multibox_loss.py"],
    ),
    "simota_loss": (
        "models/losses/simota_loss.py",
        ["tests/models/losses/test_simota_loss.py"],
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
        ["tests/training/recovery/test_resume_header.py"],
    ),
    **{
        name: (
            f"data/readers/{name}.py",
            [
                path.relative_to(ROOT).as_posix()
                for test in tests.split()
                for path in READERS.rglob(f"test_{test}.py")
            ],
        )
        for name, tests in {
            "assemble": "assemble coco coco_ids csv_table voc",
            "coco/source": "coco coco_ids assemble",
            "coco/ids": "coco_ids",
            "csv_table": "csv_table image_splits",
            "cvat": "cvat",
            "files/image_splits": "image_splits",
            "files/json_file": "cvat via labelme",
            "files/list_files": "yolo yolo_layout yolo_folders",
            "files/paths": "paths",
            "files/split_files": "assemble coco csv_table image_splits",
            "files/text": "text csv_table via",
            "label_studio": "label_studio",
            "labelme": "labelme",
            "listed": "cvat via labelme",
            "outlines": "outlines",
            "recognise": "recognise assemble voc_layout",
            "splits": "splits",
            "via": "via",
            "voc/layout": "voc_layout",
            "voc/lists": "voc_layout",
            "voc/source": "voc voc_layout",
            "voc/xml_file": "voc",
            "yolo/folders": "yolo_folders yolo_layout yolo",
            "yolo/layout": "yolo_layout",
            "yolo/names": "yolo_names yolo yolo_layout",
            "yolo/project": "yolo_layout yolo_folders yolo_names",
            "yolo/rows": "yolo yolo_layout yolo_folders yolo_names",
            "yolo/source": "yolo yolo_layout yolo_folders",
        }.items()
    },
}
NOTICED = ("killed", "timeout", "suspicious", "segfault", "caught by type check")


def main() -> None:
    """Run one target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--sample", type=int, metavar="N", help="so many, drawn by 0")
    parser.add_argument("--keep", metavar="FOLDER", help="where the copy stays")
    args = parser.parse_args()
    module, tests = TARGETS[args.target]
    folder = Path(
        args.keep or tempfile.mkdtemp(prefix=f"mutation-{Path(args.target).name}-")
    )
    copy_files(folder)
    configure(folder, module, tests)
    mutmut(folder, "run", "no mutant has this name")  # writes them all, runs none
    meta = json.loads((folder / "mutants" / f"{module}.meta").read_text())
    names = list(meta["exit_code_by_key"])
    chosen = random.Random(0).sample(names, min(args.sample or len(names), len(names)))
    (folder / "run.log").write_text(mutmut(folder, "run", "--max-children=1", *chosen))
    if not report(folder, module, chosen, len(names)):
        sys.exit((folder / "run.log").read_text()[-3000:])
    if not args.keep:
        shutil.rmtree(folder)


def mutmut(folder: Path, *words: str) -> str:
    """What a mutmut command prints."""
    command = [sys.executable, "-m", "mutmut", *words]
    return subprocess.run(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout


def report(folder: Path, module: str, chosen: list[str], num_mutants: int) -> bool:
    """Prints the unnoticed ones, then the counts; whether mutmut came to the end."""
    lines = mutmut(folder, "results", "--all", "true").splitlines()
    states = dict(line.strip().rpartition(": ")[::2] for line in lines)
    for name in chosen:
        if states.get(name) not in (*NOTICED, "not checked"):
            print(f"{states.get(name)}: {mutmut(folder, 'show', name)}")
    counts = Counter(states.get(name) for name in chosen)
    noticed = sum(counts[state] for state in NOTICED)
    print(
        f"{module}: {noticed} of {len(chosen)} noticed, drawn from {num_mutants}; "
        f"{dict(counts)}"
    )
    return not counts["not checked"]


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
        "timeout_constant = 15.0",
        "timeout_multiplier = 3.0",
    ]
    with (folder / "pyproject.toml").open("a") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
