"""Formats that are known but not read, and what to export instead."""

from collections.abc import Sequence
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from base.errors import UserError
from data.readers.files.json_file import holds
from data.readers.files.paths import files_under
from data.readers.files.text import open_text

MAX_FILES = 5000  # ours: the first files of a folder tell what it is
HEAD_BYTES = 4096  # ours: a CSV's header


class Foreign(NamedTuple):
    """keys: texts that one of the files holds, all of them; none: the name tells."""

    name: str
    patterns: str  # of files' names, as fnmatch has them, with spaces between
    instead: str
    keys: Sequence[bytes] = ()


COCO = "export COCO JSON"
# fmt: off
FOREIGN = (  # the format's own documentation names the files and keys
    # tensorflow.org/tutorials/load_data/tfrecord
    Foreign("TFRecord", "*.tfrecord *.tfrecords *.record *.tfrecord-*",
        "export COCO JSON or Pascal VOC where it was made (Roboflow, CVAT have both)"),
    # huggingface.co/docs/datasets and datasets/image_dataset
    Foreign("parquet or Arrow, as of Hugging Face", "*.parquet *.arrow",
        "write the images to files and the boxes as COCO JSON or CSV"),
    Foreign("Hugging Face's metadata.jsonl", "metadata.jsonl",
        "write the boxes as COCO JSON or CSV"),
    # docs.cvat.ai/docs/other/xml_format
    Foreign("CVAT for video", "*.xml", "export CVAT for images 1.1", (b"<track",)),
    # openvinotoolkit.github.io/datumaro, formats/datumaro
    Foreign("Datumaro JSON", "*.json", "run: datum convert -if datumaro -f coco",
        (b'"items"', b'"categories"', b'"label')),
    # docs.supervisely.com, Supervisely JSON format
    Foreign("Supervisely", "*.json", COCO, (b'"classTitle"', b'"objects"')),
    # developer.apple.com/documentation/createml; Roboflow
    Foreign("CreateML JSON", "*.json", COCO, (b'"coordinates"', b'"annotations"')),
    # github.com/microsoft/VoTT
    Foreign("VoTT JSON", "*.json *.vott", "export CSV",
        (b'"asset', b'"boundingBox"')),
    # doc.scalabel.ai
    Foreign("BDD100K or Scalabel JSON", "*.json",
        "run: python -m scalabel.label.to_coco", (b'"box2d"',)),
    # docs.labelbox.com, export
    Foreign("Labelbox", "*.json *.ndjson", COCO, (b'"data_row"',)),
    # docs.v7labs.com, Darwin JSON
    Foreign("Darwin JSON of V7", "*.json", COCO,
        (b'"bounding_box"', b'"annotations"')),
    # docs.aws.amazon.com/sagemaker, output of labeling jobs
    Foreign("SageMaker manifest", "*.manifest", "convert it to COCO JSON"),
    # roboflow.com/formats: YOLO Keras TXT, Multiclass Classification
    Foreign("Roboflow's YOLO Keras TXT", "_annotations.txt", "export YOLOv8 or COCO"),
    Foreign("Roboflow's classes without boxes", "_classes.csv",
        "an object detection project: export COCO"),
    # motchallenge.net/instructions
    Foreign("MOT", "gt.txt", "convert the frames to COCO JSON"),
)
# fmt: on
# columns of CSV variants that hold a box in another way: x and width, a list
BOX_WORDS = {"bbox", "box", "bounding_box", "x", "xc", "x_center", "width", "w", "cx"}


def describe(path: Path) -> str | None:
    """A line that names the format of a folder or file and what to export instead."""
    files = list(islice(files_under(path), MAX_FILES)) if path.is_dir() else [path]
    for foreign in FOREIGN:
        file = next((file for file in files if _fits(file, foreign)), None)
        if file:
            return f"{file.name} is {foreign.name}, not read here; {foreign.instead}."
    tables = (file for file in files if file.suffix.lower() == ".csv")
    return next((line for file in tables if (line := _table(file))), None)


def _fits(path: Path, foreign: Foreign) -> bool:
    name, patterns = path.name.lower(), foreign.patterns.split()
    is_named = any(fnmatch(name, pattern) for pattern in patterns)
    return is_named and (not foreign.keys or holds(path, foreign.keys))


def _table(path: Path) -> str | None:
    """Of a CSV file whose columns hold boxes in another way."""
    try:
        with open_text(path) as file:
            head = file.read(HEAD_BYTES)
    except UserError:
        return None
    words = [word.strip().strip('"') for word in head.partition("\n")[0].split(",")]
    if not BOX_WORDS & {word.lower() for word in words}:
        return None
    return (
        f"{path.name} has the columns {', '.join(words)[:80]}, not read here; write "
        "filename,xmin,ymin,xmax,ymax,class with edges in pixels."
    )
