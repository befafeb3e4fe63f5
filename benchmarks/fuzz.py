"""Readers of strangers' files under mutated inputs, guided by what they execute.

    pip install atheris
    python -m benchmarks.fuzz xml|coco|hdf5|pth [--inputs 100000]

A reader may raise ValueError in one line and nothing else, take at most 2 s for one
and 500 MB more than it had; anything else is printed and the input kept as crash-*,
timeout-* or oom-* in the folder that is named. No Keras is loaded.
"""

import argparse
import io
import json
import os
import resource
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np

SECONDS, MEGABYTES = 2, 500  # the limits for one input
# a file system in memory: an input is a file, as for the readers of a data set
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None

with atheris.instrument_imports(include=["data", "models", "defusedxml"]):
    import h5py

    from data import coco, voc_xml
    from models import hdf5, pth


def read_xml(path: Path) -> None:
    """One VOC annotation; parsed each time."""
    voc_xml.read_annotation.__globals__["_read_cached"].cache_clear()
    voc_xml.read_annotation(path)


def read_coco(path: Path) -> None:
    """A COCO JSON file, all of its pictures."""
    for source in coco.find(path):
        source.class_names()
        for key in source.keys(None):
            try:
                source.read(key)
            except LookupError as error:  # source.Missing: there are no pictures here
                if type(error).__name__ != "Missing":
                    raise


def read_hdf5(path: Path) -> None:
    """A weights file: walked, then all attributes and arrays read."""
    with hdf5.opened(path) as file:
        dict(file.attrs)
        file.visititems(
            lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None
        )


def read_pth(path: Path) -> None:
    """A PyTorch state file."""
    pth.read_pth(path)


def xml_seed() -> bytes:
    """An annotation of two objects."""
    box = "<bndbox><xmin>5</xmin><ymin>6</ymin><xmax>30</xmax><ymax>3e1</ymax></bndbox>"
    item = f"<object><name>cat</name><difficult>0</difficult>{box}</object>"
    size = "<size><width>60</width><height>40</height></size>"
    head = f"<annotation><filename>a.png</filename>{size}"
    return f"{head}{item}{item}</annotation>".encode()


def coco_seed() -> bytes:
    """Two pictures, two categories, a box and an outline."""
    image = {"id": 1, "file_name": "a.png", "width": 60, "height": 40}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20]}
    outline = {**box, "id": 2, "iscrowd": 0, "segmentation": [[1, 2, 3, 4, 5, 6]]}
    categories = [{"id": 1, "name": "cat"}, {"id": 9, "name": "dog"}]
    content = {"images": [image], "annotations": [box, outline]}
    return json.dumps({**content, "categories": categories}).encode()


def hdf5_seed() -> bytes:
    """Two layers with attributes as Keras writes them."""
    file = io.BytesIO()
    with h5py.File(file, "w") as content:
        content.attrs["ssd300"] = json.dumps({"class_names": ["cat"]})
        content.attrs["layer_names"] = [b"conv1"]
        group = content.create_group("conv1")
        group.attrs["weight_names"] = [b"kernel", b"bias"]
        group["kernel"] = np.ones((3, 3, 3, 4), "float32")
        group["bias"] = np.zeros(4, "float32")
    return file.getvalue()


def pth_seed() -> bytes:
    """A zip as torch.save writes it: one tensor of four numbers."""
    pickle = (
        b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x06\x00\x00\x00weightq\x02"
        b"ctorch._utils\n_rebuild_tensor_v2\nq\x03((X\x07\x00\x00\x00storageq\x04"
        b"ctorch\nFloatStorage\nq\x05X\x01\x00\x00\x000q\x06X\x03\x00\x00\x00cpuq\x07"
        b"K\x04tq\x08QK\x00K\x04\x85q\tK\x01\x85q\n\x89h\x00)Rq\x0btq\x0cRq\rs."
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        members.writestr("archive/data.pkl", pickle)
        members.writestr("archive/data/0", np.arange(4, dtype="<f4").tobytes())
        members.writestr("archive/version", b"3\n")
    return file.getvalue()


TARGETS = {  # reader, ending of its files, a sound file
    "xml": (read_xml, ".xml", xml_seed),
    "coco": (read_coco, ".json", coco_seed),
    "hdf5": (read_hdf5, ".weights.h5", hdf5_seed),
    "pth": (read_pth, ".pth", pth_seed),
}


def main() -> None:
    """Fuzz one reader; the process ends when libFuzzer does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--inputs", type=int, default=100_000)
    args = parser.parse_args()
    read, suffix, seed = TARGETS[args.target]
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{args.target}-", dir=MEMORY))
    (folder / "corpus").mkdir()
    (folder / "corpus" / "sound").write_bytes(seed())
    read_one = one_input(read, folder / f"input{suffix}", Watch())
    read_one(seed())
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    options = [
        f"-runs={args.inputs}",
        f"-timeout={SECONDS}",
        f"-rss_limit_mb={base + MEGABYTES}",
        f"-artifact_prefix={folder}/",
        "-max_len=16384",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    print(f"{args.target}: {base} MB at the start; findings go to {folder}", flush=True)
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], read_one)
    atheris.Fuzz()


class Watch:
    """Counts inputs, those that were read, and the slowest."""

    def __init__(self) -> None:
        self.inputs = self.sound = 0
        self.slowest = 0.0

    def report(self) -> None:
        """A line, now and then: libFuzzer ends the process without a farewell."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{self.inputs} inputs, {self.sound} read, slowest {self.slowest:.3f} s, "
            f"peak {peak} MB",
            flush=True,
        )


def one_input(
    read: Callable[[Path], None], path: Path, watch: Watch
) -> Callable[[bytes], None]:
    """What libFuzzer calls: ValueError of one line is how a reader refuses."""

    def call(data: bytes) -> None:
        path.write_bytes(data)
        stamp = watch.inputs  # another time each: no cache takes it for the one before
        os.utime(path, ns=(stamp, stamp))
        started = time.perf_counter()
        try:
            read(path)
            watch.sound += 1
        except ValueError as error:
            if "\n" in str(error):
                raise AssertionError(f"several lines: {error}") from error
        watch.slowest = max(watch.slowest, time.perf_counter() - started)
        watch.inputs += 1
        if watch.inputs % 10_000 == 0:
            watch.report()

    return call


if __name__ == "__main__":
    main()
