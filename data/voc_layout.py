"""Where a VOC-like data set keeps its files, and which picture is in which split."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.pictures import SUFFIXES, is_picture_name
from data.voc_xml import base_name

SPLITS = ("train", "val", "trainval", "test")  # VOC devkit, ImageSets/Main
VAL_PERCENT = 20  # the article's 80/20
LAYOUTS = (  # folder of pictures, folders of annotations, compared in lower case
    ("jpegimages", ("annotations",)),  # VOC devkit
    ("images", ("annotations", "annots")),  # raccoon, kangaroo and many others
)
LAYOUTS_IN_WORDS = (
    "JPEGImages/ + Annotations/ (ImageSets/Main/*.txt if there are lists), "
    "images/ + annotations/ or annots/, or a VOCdevkit/ with VOC2007/, VOC2012/"
)


@dataclass(frozen=True)
class Tree:
    """One folder of pictures with its annotations and the lists of its splits."""

    root: Path
    pictures: dict[str, Path]  # by file name
    pictures_by_stem: dict[str, Path]
    annotations: dict[str, Path]  # XML files by stem
    lists: dict[str, list[str]]  # split -> stems; empty: split by hash

    @property
    def stems(self) -> list[str]:
        return sorted(self.annotations.keys() | self.pictures_by_stem.keys())


def find_trees(root: Path | str) -> list[Tree]:
    """The trees under a folder; ValueError says what was found instead."""
    root = Path(root)
    if not root.is_dir():
        raise ValueError(f"{root}: no such folder; expected a VOC data set.")
    devkits = [root, *_subfolders(root, "vocdevkit")]
    years = [year for kit in devkits for year in _subfolders(kit, "voc2", prefix=True)]
    trees = [tree for tree in map(_tree, [*devkits, *years]) if tree]
    if not trees:
        seen = ", ".join(sorted(p.name for p in root.iterdir())[:12]) or "nothing"
        raise ValueError(
            f"{root}: not a VOC data set; expected {LAYOUTS_IN_WORDS}, found: {seen}."
        )
    return trees


def split_stems(
    trees: Sequence[Tree], split: str
) -> tuple[list[tuple[Tree, list[str]]], list[str]]:
    """Stems of a split per tree that has it, and notes on how it came about.

    ValueError names the splits that exist when no tree has this one.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r}: expected one of {', '.join(SPLITS)}.")
    notes: list[str] = []
    found = [(tree, _stems(tree, split, notes)) for tree in trees]
    found = [(tree, stems) for tree, stems in found if stems is not None]
    if not found and split == "test":
        found, notes = split_stems(trees, "val")
        notes.append("There is no test split: val stands in for it.")
    if not found:
        roots = ", ".join(str(tree.root) for tree in trees)
        exist = ", ".join(sorted({name for tree in trees for name in tree.lists}))
        raise ValueError(f"{roots}: no split {split!r}; the lists there are: {exist}.")
    return found, notes


def is_val(stem: str) -> bool:
    """Whether the automatic split puts a picture into val.

    A hash of the name alone: pictures that come later move none of the others,
    and every machine and every Python decides alike.
    """
    name = unicodedata.normalize("NFC", stem)  # macOS gives names in NFD
    digest = hashlib.sha1(name.encode("utf-8", "surrogateescape"))
    return int.from_bytes(digest.digest()[:8], "big") % 100 < VAL_PERCENT


def _subfolders(root: Path, name: str, prefix: bool = False) -> list[Path]:
    def matches(folder: Path) -> bool:
        lower = folder.name.lower()
        return (lower.startswith(name) if prefix else lower == name) and folder.is_dir()

    return sorted(folder for folder in root.iterdir() if matches(folder))


def _tree(root: Path) -> Tree | None:
    for pictures_name, annotations_names in LAYOUTS:
        pictures = _subfolders(root, pictures_name)
        annotations = [f for name in annotations_names for f in _subfolders(root, name)]
        if pictures and annotations:
            return _read_tree(root, pictures[0], annotations[0])
    return None


def _read_tree(root: Path, pictures_folder: Path, annotations_folder: Path) -> Tree:
    files = sorted(p for p in pictures_folder.iterdir() if is_picture_name(p.name))
    xml_files = sorted(
        p
        for p in annotations_folder.iterdir()
        if p.suffix.lower() == ".xml" and not p.name.startswith(".")
    )
    return Tree(
        root=root,
        pictures={p.name: p for p in files},
        pictures_by_stem={p.stem: p for p in reversed(files)},
        annotations={p.stem: p for p in xml_files},
        lists=_read_lists(root / "ImageSets" / "Main"),
    )


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


def _stems(tree: Tree, split: str, notes: list[str]) -> list[str] | None:
    """Stems of a split in one tree; None when its lists don't give it."""
    lists = tree.lists
    # where no list holds pictures back for validation, train.txt is split as well
    holds_back = not lists.keys().isdisjoint({"val", "trainval"})
    if split in lists and (split != "train" or holds_back):
        return lists[split]
    if not lists:
        if split == "test":
            return None
        pool, origin = tree.stems, "no lists"
    elif "trainval" in lists or "train" in lists:
        pool = lists.get("trainval") or lists["train"] + lists.get("val", [])
        origin = "no list val.txt" if not holds_back else f"no list {split}.txt"
    else:
        return None
    if split in ("trainval", "test"):
        return pool if split == "trainval" else None
    return _derived(tree, split, pool, origin, notes)


def _derived(
    tree: Tree, split: str, pool: list[str], origin: str, notes: list[str]
) -> list[str]:
    """train or val of a pool: what the other's list leaves, else by hash."""
    other = tree.lists.get("val" if split == "train" else "train")
    if other is not None and "trainval" in tree.lists:
        taken = set(other)
        return [stem for stem in pool if stem not in taken]
    notes.append(
        f"{tree.root}: {origin}, so names were split by their hash, "
        f"{100 - VAL_PERCENT}% train and {VAL_PERCENT}% val."
    )
    return [stem for stem in pool if is_val(stem) == (split == "val")]
