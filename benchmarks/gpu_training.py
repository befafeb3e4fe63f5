"""A training on a GPU without a network: everything it needs as files of limited size.

    python -m benchmarks.gpu_training pack PARTS --data voc2007 --split trainval \
        --weights vgg19_notop.h5 --wheels keras namex optree opencv-python-headless
    python -m benchmarks.gpu_training train PARTS OUT -- --backbone vgg19 \
        --precision mixed_bfloat16 --batch-size 32 --minutes 9
    cat OUT/best.weights.h5.* > best.weights.h5          # where it came from

`pack` cuts a tar into PARTS/000, 001, ...: the images of the split as JPEGs of 300x300
pixels with VOC's annotations, the file to start from, wheels. One image in 25
validates. `train` unpacks, installs the wheels in a folder of their own and calls
train.py by what stands behind `--`; KERAS_BACKEND says by which backend. It leaves
history.csv, summary.json and the best weights in float16, cut likewise.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import cv2

from base.keras_setup import import_keras

SIDE = 300  # pixels; the network's input
QUALITY = 85  # ours: some 20 kB an image
HELD_BACK = 25  # ours: one image in so many validates
PART_MIB = 15  # ours: what a transfer usually takes as one file
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Pack or train."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("parts", type=Path)
    packing.add_argument("--data", nargs="+", default=["voc2007"])
    packing.add_argument("--split", default="trainval")
    packing.add_argument("--images", type=int, help="only the first, for a dry run")
    packing.add_argument("--weights", type=Path, required=True)
    packing.add_argument("--wheels", nargs="*", default=[], metavar="PACKAGE")
    packing.add_argument("--python", default="3.12", help="the other machine's")
    packing.add_argument("--part-mib", type=float, default=PART_MIB)
    training = commands.add_parser("train")
    training.add_argument("parts", type=Path)
    training.add_argument("output", type=Path)
    training.add_argument("--part-mib", type=float, default=PART_MIB)
    training.add_argument("options", nargs="*", metavar="-- OPTIONS")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (pack if args.command == "pack" else train)(args, Path(folder))


def pack(args: argparse.Namespace, folder: Path) -> None:
    """Data, weights and wheels as a tar in parts."""
    import_keras()
    write_images(args, folder / "data")
    shutil.copy(args.weights, folder / f"start{''.join(args.weights.suffixes)}")
    (folder / "wheels").mkdir()
    if args.wheels:
        options = ["--no-deps", "--only-binary=:all:", "--python-version", args.python]
        for glibc in (17, 27, 28):
            options += ["--platform", f"manylinux_2_{glibc}_x86_64"]
        options += ["--platform", "manylinux2014_x86_64", "-d", folder / "wheels"]
        pip("download", *options, *args.wheels)
    with tempfile.TemporaryFile() as whole:
        with tarfile.open(fileobj=whole, mode="w") as archive:
            for path in sorted(folder.iterdir()):
                archive.add(path, path.name)
        whole.seek(0)
        cut(whole, args.parts, "", args.part_mib)


def write_images(args: argparse.Namespace, folder: Path) -> None:
    """The split in VOC's layout, every image stretched to the network's input."""
    from data import read_dataset, resize
    from data.convert.writers import write_voc
    from data.readers.annotation import Annotated, Object
    from reports.image_encoding import encode_image

    dataset = read_dataset(args.data, args.split)
    images = folder / "JPEGImages"
    images.mkdir(parents=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    splits = {"train": {}, "val": {}}
    for i, sample in enumerate(dataset.samples[: args.images]):
        image, truth = resize(sample.read_image(), sample.truth, SIDE)
        name = f"{sample.path.stem}.jpg"
        (images / name).write_bytes(encode_image(".jpg", image, options))
        objects = [
            Object(
                name=dataset.class_names[int(row[4]) - 1],
                edges_px=tuple(SIDE * row[:4].astype(float)),
                where=name,
                difficult=bool(difficult),
            )
            for row, difficult in zip(truth, sample.difficult, strict=True)
        ]
        split = "train" if i % HELD_BACK else "val"
        splits[split][name] = Annotated(images / name, (SIDE, SIDE), objects)
    for what, count in write_voc(folder, splits, dataset.class_names).items():
        if count:
            print(f"{count} {what} left out")


def train(args: argparse.Namespace, folder: Path) -> None:
    """Unpack, install, train, leave what is to travel back."""
    with tempfile.TemporaryFile() as whole:
        for part in sorted(args.parts.iterdir()):
            whole.write(part.read_bytes())
        whole.seek(0)
        with tarfile.open(fileobj=whole) as archive:
            archive.extractall(folder, filter="data")
    site, run = folder / "site", folder / "run"
    if wheels := list((folder / "wheels").iterdir()):
        pip("install", "--no-index", "--no-deps", "--target", site, *wheels)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    }
    (start,) = folder.glob("start.*")
    options = ["--data", folder / "data", "--weights", start, "--output", run]
    call(environment, "train.py", *options, *args.options)
    half = folder / "half.weights.h5"
    best = run / "best.weights.h5"
    call(environment, "-m", "models.weights", best, "--half", "--output", half)
    args.output.mkdir(parents=True, exist_ok=True)
    for name in ("history.csv", "summary.json"):
        shutil.copy(run / name, args.output)
    with half.open("rb") as file:
        cut(file, args.output, "best.weights.h5.", args.part_mib)


def cut(file, folder: Path, prefix: str, part_mib: float) -> None:
    """A file's bytes as PREFIX000, PREFIX001, ... of at most `part_mib` MiB each."""
    folder.mkdir(parents=True, exist_ok=True)
    size = int(part_mib * 2**20)
    for number, part in enumerate(iter(lambda: file.read(size), b"")):
        path = folder / f"{prefix}{number:03}"
        path.write_bytes(part)
        print(f"{path}: {len(part) / 2**20:.1f} MiB")


def pip(*options: str | Path) -> None:
    """pip of this Python."""
    call(dict(os.environ), "-m", "pip", *options)


def call(environment: dict[str, str], *arguments: str | Path) -> None:
    """This Python with these arguments, in the project's folder; an error ends all."""
    command = [sys.executable, *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


if __name__ == "__main__":
    main()
