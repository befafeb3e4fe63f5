"""Writes small VOC data sets for tests."""

from pathlib import Path

import cv2
import numpy as np


def object_xml(name, box, difficult=0):
    corners = "".join(
        f"<{tag}>{value}</{tag}>"
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{corners}</bndbox></object>"
    )


def annotation_xml(filename, size_wh, objects):
    """objects: (name, (xmin, ymin, xmax, ymax)[, difficult]) in VOC's pixels."""
    return (
        f"<annotation><filename>{filename}</filename><size><width>{size_wh[0]}</width>"
        f"<height>{size_wh[1]}</height><depth>3</depth></size>"
        + "".join(object_xml(*item) for item in objects)
        + "</annotation>"
    )


def write_image(path, size_wh, seed=0):
    """A noise image; the suffix tells the format."""
    shape = (size_wh[1], size_wh[0], 3)
    image = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def write_voc(
    root,
    images,
    lists=None,
    size_wh=(60, 40),
    folders=("JPEGImages", "Annotations"),
    suffix=".png",
):
    """A data set: images maps stems to objects (None: no XML); lists: split -> stems.

    Returns the root as a Path.
    """
    root = Path(root)
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for seed, (stem, objects) in enumerate(images.items()):
        write_image(root / folders[0] / f"{stem}{suffix}", size_wh, seed)
        if objects is not None:
            xml = annotation_xml(f"{stem}{suffix}", size_wh, objects)
            path = root / folders[1] / f"{stem}.xml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(xml, "utf-8")
    if lists:
        folder = root / "ImageSets" / "Main"
        folder.mkdir(parents=True, exist_ok=True)
        for name, stems in lists.items():
            (folder / f"{name}.txt").write_text("".join(f"{s}\n" for s in stems))
    return root
