"""A graft without labels beside the same minutes of ordinary training.

    python -m benchmarks.accuracy.grafting --teacher runs/teacher/best.weights.h5 \\
        --data ../shared/data/bccd \\
        --train-split trainval --val-split test --minutes 4 \\
        --backbone squeezenet --weights ../shared/weights/squeezenet_imagenet_notop.h5

The teacher was trained on the same data set, in Pascal VOC's format. Every way
of graft.py sees the images of the training split without their boxes; ordinary
training of the same network, from the same backbone, has all of them, or every tenth
image's. Prints a Markdown table of mAP50 on the validation split, last weights.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WAYS = {
    "graft: adapter and backbone": ["--train-backbone"],
    "the same, cosine": ["--train-backbone", "--distance", "cosine"],
    "the same, hint layer and heads": [
        "--train-backbone",
        "--targets",
        "hint_layer",
        "heads",
    ],
    "graft: adapter": [],
}


def main() -> None:
    """The rows, one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("teacher", "data", "train-split", "val-split", "backbone", "weights"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--alpha", default="1")
    parser.add_argument("--minutes", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(args, Path(folder))


def measure(args: argparse.Namespace, folder: Path) -> None:
    """Print the table."""
    from models.weights import read_detector

    data, tenth, images = prepare(args, folder)
    network = ["--backbone", args.backbone, "--alpha", args.alpha]
    network += ["--weights", args.weights, "--minutes", args.minutes]
    what = f"{args.backbone}, {args.minutes} minutes"
    print(f"| {what} | before | mAP50 | of the teacher's |")
    print("| --- | ---: | ---: | ---: |")
    for number, (way, options) in enumerate(WAYS.items()):
        output = ["--output", str(folder / f"{number}.weights.h5"), *options]
        score = ["--data", str(data), "--split", args.val_split]
        sources = ["--teacher", args.teacher, "--images", str(images)]
        text = run("graft.py", *sources, *network, *score, *output)
        found = re.findall(r"^(teacher|graft \w+): mAP50 (\S+)$", text, re.MULTILINE)
        figures = {name: float(value) for name, value in found}
        of_teacher = figures["graft after"] / figures["teacher"]
        cells = (way, figures["graft before"], figures["graft after"], of_teacher)
        print("| {} | {:.3f} | {:.3f} | {:.2f} |".format(*cells), flush=True)
    neck = read_detector(args.teacher).architecture.neck
    splits = ["--train-split", args.train_split, "--val-split", args.val_split]
    for labelled in (data, tenth):
        output = labelled.with_suffix(".run")
        options = [*network, *splits, "--neck", neck, "--output", str(output)]
        run("train.py", "--data", str(labelled), *options)
        summary = json.loads((output / "summary.json").read_text())
        count, last = summary["images"]["train"], summary["last"]["mAP50"]
        of_teacher = last / figures["teacher"]
        cells = (f"training, labels of {count} images", last, of_teacher)
        print("| {} | | {:.3f} | {:.2f} |".format(*cells), flush=True)
    print(f"| the teacher | | {figures['teacher']:.3f} | 1.00 |")


def prepare(args: argparse.Namespace, folder: Path) -> tuple[Path, Path, Path]:
    """The data set, the same with a tenth of the training list, the images alone."""
    data, tenth, images = (folder / name for name in ("data", "tenth", "images"))
    for copy in (data, tenth):
        shutil.copytree(args.data, copy)
    names_file = Path("ImageSets/Main") / f"{args.train_split}.txt"
    names = (data / names_file).read_text().split()
    (tenth / names_file).write_text("\n".join(names[::10]))
    images.mkdir()
    for name in names:
        for path in (data / "JPEGImages").glob(f"{name}.*"):
            shutil.copy(path, images)
    return data, tenth, images


def run(script: str, *options: str) -> str:
    """What a script prints; its own messages go on."""
    command = [sys.executable, script, *options]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
