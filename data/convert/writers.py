"""Writes annotations as VOC, COCO JSON, YOLO or CSV, for `convert.py`.

Every writer takes the folder, the images of each split (None: no splits) by file name
and the class names, and gives the numbers of what it leaves out: its format has no word
for it.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from data.readers.annotation import Annotated, EdgesPx, Object

Parts = dict[str | None, dict[str, Annotated]]

FOLDERS = {  # where each format has the images of a split
    "voc": "JPEGImages",
    "coco": "images",
    "yolo": "images/{}",
    "csv": "images",
}
DECIMALS = 6  # ours: of pixels, more than any tool writes
YOLO_DECIMALS = 10  # ours: pixels come back to DECIMALS


def image_folder(out: Path, to: str, split: str | None) -> Path:
    """Where the images of a split belong."""
    return out / FOLDERS[to].format(split or "")


def write_voc(out: Path, parts: Parts, class_names: list[str]) -> dict[str, int]:
    """JPEGImages, Annotations/*.xml, ImageSets/Main/SPLIT.txt."""
    (out / "Annotations").mkdir(parents=True)
    crowds = thin = 0
    for name, annotated in each_image(parts):
        single = [item for item in annotated.objects if not item.crowd]
        # VOC's corners are pixels of the box: 1 pixel has equal corners
        edges = ((item, *item.edges_px) for item in single)
        kept = [
            item
            for item, left, top, right, bottom in edges
            if right - left > 1 and bottom - top > 1
        ]
        crowds += len(annotated.objects) - len(single)
        thin += len(single) - len(kept)
        path = out / "Annotations" / f"{Path(name).stem}.xml"
        path.write_bytes(_voc_xml(name, annotated.size_wh, kept))
    for split, images in parts.items():
        if split:
            folder = out / "ImageSets" / "Main"
            folder.mkdir(parents=True, exist_ok=True)
            stems = "".join(f"{Path(name).stem}\n" for name in images)
            (folder / f"{split}.txt").write_text(stems, "utf-8")
    return {"crowds": crowds, "boxes no wider or higher than a pixel": thin}


def _voc_xml(name: str, size_wh: tuple[int, int], objects: Iterable[Object]) -> bytes:
    root = ElementTree.Element("annotation")
    _add(root, filename=name)
    size = ElementTree.SubElement(root, "size")
    _add(size, width=size_wh[0], height=size_wh[1], depth=3)
    for item in objects:
        element = ElementTree.SubElement(root, "object")
        _add(element, name=item.name, difficult=int(item.difficult))
        left, top, right, bottom = item.edges_px
        box = ElementTree.SubElement(element, "bndbox")
        _add(box, xmin=_px(left + 1), ymin=_px(top + 1), xmax=_px(right))
        _add(box, ymax=_px(bottom))
    ElementTree.indent(root)
    return ElementTree.tostring(root, "utf-8")


def _add(element: ElementTree.Element, **texts: Any) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(element, tag).text = str(text)


def write_coco(out: Path, parts: Parts, class_names: list[str]) -> dict[str, int]:
    """images, annotations/instances_SPLIT.json; ids from 1."""
    (out / "annotations").mkdir(parents=True)
    ids = {name: number for number, name in enumerate(class_names, start=1)}
    for split, samples in parts.items():
        images, annotations = [], []
        for number, (name, annotated) in enumerate(samples.items(), start=1):
            size = dict(zip(("width", "height"), annotated.size_wh, strict=True))
            images.append({"id": number, "file_name": name, **size})
            for item in annotated.objects:
                place = {"id": len(annotations) + 1, "image_id": number}
                annotations.append(place | _coco_object(item, ids[item.name]))
        content = {"images": images, "annotations": annotations}
        content["categories"] = [{"id": n, "name": name} for name, n in ids.items()]
        path = out / "annotations" / f"instances_{split or 'all'}.json"
        path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return {}


def _coco_object(item: Object, category_id: int) -> dict[str, Any]:
    left, top, right, bottom = item.edges_px
    width, height = right - left, bottom - top
    return {
        "category_id": category_id,
        "bbox": [_px(left), _px(top), _px(width), _px(height)],
        "area": _px(width * height if item.area_px is None else item.area_px),
        "iscrowd": int(item.crowd),
    }


def write_yolo(out: Path, parts: Parts, class_names: list[str]) -> dict[str, int]:
    """images/SPLIT, labels/SPLIT/*.txt, data.yaml."""
    out.mkdir(parents=True, exist_ok=True)
    numbers = {name: number for number, name in enumerate(class_names)}
    for split, images in parts.items():
        folder = out / "labels" / (split or "")
        folder.mkdir(parents=True, exist_ok=True)
        for name, annotated in images.items():
            single = (item for item in annotated.objects if not item.crowd)
            lines = (
                f"{numbers[item.name]} {_yolo_box(item.edges_px, annotated.size_wh)}\n"
                for item in single
            )
            (folder / f"{Path(name).stem}.txt").write_text("".join(lines), "utf-8")
    places = {split: f"images/{split}" for split in parts if split}
    content = places | {"names": dict(enumerate(class_names))}
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    (out / "data.yaml").write_text(text, "utf-8")
    crowds = (item.crowd for _, a in each_image(parts) for item in a.objects)
    return {"crowds": sum(crowds)}


def _yolo_box(edges_px: EdgesPx, size_wh: tuple[int, int]) -> str:
    (left, top, right, bottom), (width, height) = edges_px, size_wh
    middle = ((left + right) / 2 / width, (top + bottom) / 2 / height)
    numbers = (*middle, (right - left) / width, (bottom - top) / height)
    return " ".join(f"{number:.{YOLO_DECIMALS}f}" for number in numbers)


def write_csv(out: Path, parts: Parts, class_names: list[str]) -> dict[str, int]:
    """images, SPLIT.csv with a header, classes.csv as keras-retinanet has it."""
    out.mkdir(parents=True, exist_ok=True)
    header = ("filename", "xmin", "ymin", "xmax", "ymax", "class", "isgroupof")
    for split, images in parts.items():
        rows: list[tuple] = [header]
        for name, annotated in images.items():
            for item in annotated.objects:
                edges = (_px(edge) for edge in item.edges_px)
                rows.append((name, *edges, item.name, int(item.crowd)))
            if not annotated.objects:
                rows.append((name, "", "", "", "", "", ""))
        _write_rows(out / f"{split or 'boxes'}.csv", rows)
    _write_rows(out / "classes.csv", [(n, i) for i, n in enumerate(class_names)])
    return {}


def _write_rows(path: Path, rows: Iterable[tuple]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def each_image(parts: Parts) -> Iterator[tuple[str, Annotated]]:
    """Names and annotations of all splits."""
    for images in parts.values():
        yield from images.items()


def _px(value: float) -> float | int:
    value = round(value, DECIMALS)
    return int(value) if value == int(value) else value
