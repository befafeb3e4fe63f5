"""Files that describe a YOLO data set: data.yaml, Darknet's obj.data."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from base.errors import UserError
from data.readers.files.paths import Finder, child, files_in
from data.readers.files.text import read_lines, read_text

MAX_BYTES = 1_000_000  # ours: a file of names is far smaller
# what tells a data set's YAML file from others that lie in the folder
IS_OURS = re.compile(r"^\s*[\"']?(names|nc|train|val)[\"']?\s*:", re.M | re.I)

TOLD = ("path", "train", "val", "test", "names")  # keys of a data.yaml, ultralytics
KEYS = (*TOLD, "nc", "kpt_shape")  # understood in any case


def yaml_file(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The data.yaml in a folder, whatever it is called, and its content.

    UserError where two files name classes and tell them or the images differently.
    """
    inside = (p for p in folder.iterdir() if p.suffix.lower() in (".yaml", ".yml"))
    found: list[tuple[Path, dict[str, Any]]] = []
    for path in filter(Path.is_file, sorted(inside)):
        text = "\n".join(read_lines(path))
        content = load_yaml(path) if IS_OURS.search(text) else {}
        if {"names", "nc"} & set(content) or (content and path.stem == "data"):
            found.append((path, content))
    # a model's yolov8.yaml has nc, and no names
    found = [one for one in found if "names" in one[1]] or found
    for path, content in found[1:]:
        first, known = found[0]
        if any(known.get(key) != content.get(key) for key in TOLD if "names" in known):
            raise UserError(
                f"{first} and {path} both describe the data, and differ: which of them "
                "is right can't be known. Name one file instead of the folder."
            )
    return found[0] if found else None


class _Loader(yaml.BaseLoader):
    """Every value as its text; a key that stands twice is refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [k.value for k, _ in node.value if isinstance(k, yaml.ScalarNode)]
        keys = [k.lower() if k.lower() in KEYS else k for k in keys]
        ((twice, count),) = Counter(keys).most_common(1) or [("", 1)]
        if count > 1:
            raise yaml.YAMLError(f"{twice!r:.80} stands twice")
        return super().construct_mapping(node, deep)


def load_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's content, every value as its text: `on`, `007`, `null`."""
    try:
        content = yaml.load(read_text(path, MAX_BYTES), _Loader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: not a YAML file: {reason}.") from error
    pairs = content.items() if isinstance(content, dict) else ()
    return {k.lower() if k.lower() in KEYS else k: value for k, value in pairs}


def darknet_file(root: Path) -> Path | None:
    """obj.data of a Darknet project, in its root, data/ or cfg/."""
    for folder in (root, child(root, "data"), child(root, "cfg")):
        for path in files_in(folder, ".data"):
            if {"train", "names"} & set(darknet_values(path)):
                return path
    return None


def darknet_names(root: Path, darknet: Path | None) -> Path | None:
    """The file of names that an obj.data names."""
    named = darknet and darknet_values(darknet).get("names")
    return Finder([root, darknet.parent]).find(named) if named else None


def darknet_values(path: Path) -> dict[str, str]:
    """Keys and values of an obj.data: lines `train = data/train.txt`."""
    pairs = (line.partition("=") for line in read_lines(path, MAX_BYTES))
    return {k.strip().lower(): v.strip() for k, _, v in pairs if v.strip()}
