"""Where a VOC-like data set keeps its files, and its lists of splits."""

from dataclasses import dataclass
from pathlib import Path

from data.images import SUFFIXES, is_picture_name
from data.readers.splits import SPLITS, split_in_name
from data.readers.voc_xml import base_name

LAYOUTS = (  # folder of pictures, folders of annotations, compared in lower case
    ("jpegimages", ("annotations",)),  # VOC devkit
    ("images", ("annotations", "annots")),  # raccoon, kangaroo and many others
)
IN_WORDS = "Pascal VOC: JPEGImages/ + Annotations/, or XML beside the pictures"


@dataclass(frozen=True)
class Tree:
    """Pictures with their annotations and the lists of their splits.

    Where each split has a folder, its name stands before the stems: `train/a`.
    """

    root: Path
    pictures: dict[str, Path]  # by file name
    pictures_by_stem: dict[str, Path]
    annotations: dict[str, Path]  # XML files by stem
    lists: dict[str, list[str]]  # split -> stems; empty: split by hash

    @property
    def stems(self) -> list[str]:
        return sorted(self.annotations.keys() | self.pictures_by_stem.keys())


def find_trees(root: Path) -> list[Tree]:
    """The trees under a folder, those without annotations too."""
    if not root.is_dir():
        return []
    devkits = [root, *_subfolders(root, "vocdevkit")]
    years = [year for kit in devkits for year in _subfolders(kit, "voc2", prefix=True)]
    trees = [tree for tree in map(_tree, [*devkits, *years]) if tree]
    return trees or [tree for tree in (_tree_beside(root),) if tree]


def _subfolders(root: Path, name: str, prefix: bool = False) -> list[Path]:
    def matches(folder: Path) -> bool:
        lower = folder.name.lower()
        return (lower.startswith(name) if prefix else lower == name) and folder.is_dir()

    return sorted(folder for folder in root.iterdir() if matches(folder))


def _tree(root: Path) -> Tree | None:
    folders = _folders(root)
    return _read_tree(root, *folders) if folders else None


def _folders(root: Path) -> tuple[Path, Path] | None:
    """The folders of pictures and of annotations in one of LAYOUTS."""
    for pictures_name, annotations_names in LAYOUTS:
        pictures = _subfolders(root, pictures_name)
        annotations = [f for name in annotations_names for f in _subfolders(root, name)]
        if pictures and annotations:
            xmls = _subfolders(annotations[0], "xmls")  # Oxford-IIIT Pet
            return pictures[0], (xmls or annotations)[0]
    return None


def _read_tree(root: Path, pictures_folder: Path, annotations_folder: Path) -> Tree:
    files = _pictures_in(pictures_folder)
    return Tree(
        root=root,
        pictures={p.name: p for p in files},
        pictures_by_stem={p.stem: p for p in reversed(files)},
        annotations=_annotations_in(annotations_folder),
        lists=_read_lists(root / "ImageSets" / "Main"),
    )


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if is_picture_name(p.name))


def _annotations_in(folder: Path) -> dict[str, Path]:
    def is_annotation(path: Path) -> bool:
        return path.suffix.lower() == ".xml" and not path.name.startswith(".")

    return {p.stem: p for p in sorted(filter(is_annotation, folder.iterdir()))}


def _tree_beside(root: Path) -> Tree | None:
    """A folder whose XML files lie beside the pictures, or a folder for each split."""
    if _annotations_in(root):
        return _read_tree(root, root, root)
    by_stem: dict[str, Path] = {}
    annotations: dict[str, Path] = {}
    lists: dict[str, list[str]] = {}
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        split = split_in_name(folder.name)
        pictures_folder, annotations_folder = _folders(folder) or (folder, folder)
        found = _annotations_in(annotations_folder)
        if not split or not found:
            continue
        pictures = {p.stem: p for p in reversed(_pictures_in(pictures_folder))}
        by_stem |= {f"{folder.name}/{stem}": p for stem, p in pictures.items()}
        annotations |= {f"{folder.name}/{stem}": p for stem, p in found.items()}
        stems = sorted(pictures.keys() | found.keys())
        lists.setdefault(split, []).extend(f"{folder.name}/{stem}" for stem in stems)
    return Tree(root, {}, by_stem, annotations, lists) if annotations else None


def _read_lists(folder: Path) -> dict[str, list[str]]:
    """train.txt and its like; never VOC's lists per class, aeroplane_train.txt."""
    lists = {}
    for split in SPLITS:
        path = folder / f"{split}.txt"
        if path.is_file():
            lines = path.read_text("utf-8-sig", errors="replace").splitlines()
            stems = (_listed_stem(line) for line in lines)
            lists[split] = list(dict.fromkeys(stem for stem in stems if stem))
    return lists


def _listed_stem(line: str) -> str:
    name = base_name(line.strip())
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in (*SUFFIXES, ".xml") else name
