"""Readers of strangers' files, each with a small sound file: what is fuzzed."""

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import cv2
import h5py
import numpy as np

from data.readers import coco, cvat, label_studio, labelme, via
from data.readers.annotation import Missing
from data.readers.assemble import image_of, read_chosen
from data.readers.splits import SplitAssignment
from data.readers.voc import xml_file
from models.weights import hdf5
from models.weights.published import pth


def read_xml(path: Path) -> xml_file.VocAnnotation:
    """One VOC annotation."""
    return xml_file.read_annotation(path)


def read_coco(path: Path) -> list[str]:
    """A COCO JSON file, all of its images; its classes."""
    names = []
    for source in coco.find(path):
        names += source.class_names()
        for key in source.keys(None):
            with suppress(Missing):  # there are no images here
                source.read(key)
    return names


def read_tool(module: ModuleType) -> Callable[[Path], list[str]]:
    """Reads an annotation tool's file with its one image, a.png; names of the boxes."""

    def read(path: Path) -> list[str]:
        image = path.with_name("a.png")
        if not image.exists():
            image.write_bytes(cv2.imencode(".png", np.zeros((40, 60, 3)))[1].tobytes())
        found = []
        for source in module.find(path):
            chosen = SplitAssignment([(source, source.keys(None))], [], made=False)
            names = source.class_names()
            dataset = read_chosen(chosen, "all", names, image_of)
            rows = [row for image in dataset.samples for row in image.truth]
            found += [names[int(row[4]) - 1] for row in rows]
        return found

    return read


def read_hdf5(path: Path) -> dict[str, np.ndarray]:
    """A weights file: walked, then all attributes and arrays read; the arrays."""
    return hdf5.read(path).arrays


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
    """Two images, two categories, a box and an outline."""
    image = {"id": 1, "file_name": "a.png", "width": 60, "height": 40}
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20]}
    outline = {**box, "id": 2, "iscrowd": 0, "segmentation": [[1, 2, 3, 4, 5, 6]]}
    categories = [{"id": 1, "name": "cat"}, {"id": 9, "name": "dog"}]
    content = {"images": [image], "annotations": [box, outline]}
    return json.dumps({**content, "categories": categories}).encode()


def labelme_seed() -> bytes:
    """A shape of each kind and an image in base64."""
    points = [[5, 6], [30, 6], [30, 30]]
    shapes = [
        {"label": "cat", "points": points[::2], "shape_type": "rectangle"},
        {"label": "cat", "points": [[20, 20], [23, 24]], "shape_type": "circle"},
        {"label": "dog", "points": points, "shape_type": "polygon", "group_id": None},
    ]
    file = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": "a.png"}
    return json.dumps({**file, "imageData": "aaaa", "imageWidth": 60}).encode()


SIZES = {"original_width": 60, "original_height": 40, "image_rotation": 0}
PERCENT = [
    {"x": 5, "y": 6, "width": 30, "height": 20.5, "rotation": 12, "labels": ["cat"]},
    {"x": 50, "y": 50, "radiusX": 5, "radiusY": 9, "ellipselabels": ["dog"]},
    {"points": [[1, 2], [30, 4], [9, 30]], "polygonlabels": ["dog"]},
]


def label_studio_seed() -> bytes:
    """A task with a shape of each kind."""
    results = [{"id": f"r{i}", "value": v, **SIZES} for i, v in enumerate(PERCENT)]
    annotation = {"was_cancelled": False, "created_at": "2024", "result": results}
    address = "/data/upload/1/0a1b2c3d-a.png"
    task = {"id": 1, "data": {"image": address}, "annotations": [annotation]}
    return json.dumps([task]).encode()


def json_min_seed() -> bytes:
    """The same as JSON-MIN."""
    item = {"id": 2, "image": "/data/local-files/?d=a.png", "annotation_id": 3}
    label = [{**value, **SIZES} for value in PERCENT]
    return json.dumps([{**item, "label": label, "lead_time": 2.5}]).encode()


def cvat_seed() -> bytes:
    """A shape of each kind."""
    corners = 'xtl="5" ytl="6" xbr="30" ybr="30.5"'
    shapes = (
        f'<box label="cat" {corners} rotation="30"><attribute name="a">b</attribute>'
        '</box><polygon label="dog" points="1,2;30,4;9,30"></polygon>'
        '<ellipse label="dog" cx="20" cy="20" rx="5" ry="9" rotation="3"></ellipse>'
        '<mask label="cat" rle="3, 4" left="1" top="2" width="30" height="9"></mask>'
        '<skeleton label="cat"><points label="p" outside="0" points="1,2"></points>'
        '<points label="q" outside="0" points="9,9"></points></skeleton>'
    )
    labels = "<labels><label><name>cat</name></label></labels>"
    return (
        f"<annotations><meta><task>{labels}</task></meta><image id='0' name='a.png' "
        f"subset='Train' width='60' height='40'>{shapes}</image></annotations>"
    ).encode()


def via_seed() -> bytes:
    """A shape of each kind of a VIA 2 project."""
    polygon = {"all_points_x": [1, 30, 9], "all_points_y": [2, 4, 30]}
    shapes = [
        {"name": "rect", "x": 5, "y": 6, "width": 30, "height": 20},
        {"name": "circle", "cx": 20, "cy": 20, "r": 5},
        {"name": "ellipse", "cx": 20, "cy": 20, "rx": 5, "ry": 9, "theta": 0.5},
        {"name": "polygon", **polygon},
    ]
    regions = [
        {"shape_attributes": shape, "region_attributes": {"class": "cat"}}
        for shape in shapes
    ]
    image = {"filename": "a.png", "size": 9, "regions": regions, "file_attributes": {}}
    return json.dumps({"_via_img_metadata": {"a.png9": image}}).encode()


def via3_seed() -> bytes:
    """A rectangle and a polygon of a VIA 3 project."""
    attribute = {"aname": "class", "type": 4, "options": {"0": "cat", "1": "dog"}}
    regions = {
        str(i): {"vid": "1", "flg": 0, "z": [], "xy": xy, "av": {"1": str(i)}}
        for i, xy in enumerate(([2, 5, 6, 30, 20], [7, 1, 2, 30, 4, 9, 30]))
    }
    return json.dumps(
        {
            "attribute": {"1": attribute},
            "file": {"1": {"fid": "1", "fname": "a.png", "type": 2}},
            "metadata": regions,
            "view": {"1": {"fid_list": ["1"]}},
        }
    ).encode()


def via_csv_seed() -> bytes:
    """Two rows of VIA's CSV."""
    head = "filename,file_size,file_attributes,region_count,region_id,"
    row = (
        'a.png,9,"{}",2,0,"{""name"":""rect"",""x"":5,""y"":6,""width"":30,""height"":9}"'
        ',"{""class"":""cat""}"\n'
    )
    return f"{head}region_shape_attributes,region_attributes\n{row}{row}".encode()


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
    "labelme": (read_tool(labelme), ".json", labelme_seed),
    "label_studio": (read_tool(label_studio), ".json", label_studio_seed),
    "json_min": (read_tool(label_studio), ".json", json_min_seed),
    "cvat": (read_tool(cvat), ".xml", cvat_seed),
    "via": (read_tool(via), ".json", via_seed),
    "via3": (read_tool(via), ".json", via3_seed),
    "via_csv": (read_tool(via), ".csv", via_csv_seed),
    "hdf5": (read_hdf5, ".weights.h5", hdf5_seed),
    "pth": (read_pth, ".pth", pth_seed),
}
