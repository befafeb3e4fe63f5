"""Readers of strangers' files, each with a small sound file: what is fuzzed."""

import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

from data.readers import coco, voc_xml
from data.readers.annotation import Missing
from models.weights import hdf5
from models.weights.published import pth


def read_xml(path: Path) -> voc_xml.VocAnnotation:
    """One VOC annotation."""
    return voc_xml.read_annotation(path)


def read_coco(path: Path) -> list[str]:
    """A COCO JSON file, all of its pictures; its classes."""
    names = []
    for source in coco.find(path):
        names += source.class_names()
        for key in source.keys(None):
            with suppress(Missing):  # there are no pictures here
                source.read(key)
    return names


def read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """A weights file: walked, then all attributes and arrays read; the arrays."""
    arrays = {}

    def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with hdf5.opened(path) as file:
        dict(file.attrs)
        file.visititems(keep)
    return arrays


def read_pth(path: Path) -> dict[str, np.ndarray]:
    """A PyTorch state file."""
    return pth.read_pth(path)


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
