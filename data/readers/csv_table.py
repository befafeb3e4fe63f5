"""CSV: a row for each box, its columns told by the header or by what stands in them.

Without a header the order is that of keras-retinanet, path,x1,y1,x2,y2,class
(https://github.com/fizyr/keras-retinanet#csv-datasets), whose rows path,,,,, are
images without objects; with one, columns go by their names: TensorFlow Object
Detection's filename,width,height,class,xmin,ymin,xmax,ymax, Open Images'
ImageID,...,LabelName,...,XMin,XMax,YMin,YMax,... in 0..1, and others.
"""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

from base.errors import UserError
from data.images import SUFFIXES, UNREAD_SUFFIXES, image_size, is_image_name
from data.readers.annotation import Annotated, EdgesPx, Object, size_problems
from data.readers.files.image_splits import SPLIT_KEYS
from data.readers.files.paths import Finder, files_in, image_folders
from data.readers.files.split_files import AnnotationFile, SplitFiles, files_of_splits
from data.readers.files.text import check_names, table_rows
from data.readers.outlines import as_number
from data.readers.splits import split_in_name

IN_WORDS = "CSV: filename,xmin,ymin,xmax,ymax,class"
COLUMNS = {  # names of a column in lower case: TFOD, Open Images, keras-retinanet, ours
    "image": ("filename", "imageid", "image_id", "image", "path", "file", "img"),
    "left": ("xmin", "x1", "x_min", "left"),
    "top": ("ymin", "y1", "y_min", "top"),
    "right": ("xmax", "x2", "x_max", "right"),
    "bottom": ("ymax", "y2", "y_max", "bottom"),
    "name": ("class", "labelname", "label", "class_name", "name"),
    "width": ("width", "image_width", "img_width"),  # of the image, as TFOD
    "height": ("height", "image_height", "img_height"),
    "split": SPLIT_KEYS,  # of the image
    "crowd": ("isgroupof",),  # Open Images: more than five objects in one box
}
SIDES = ("left", "top", "right", "bottom")
WITHOUT_HEADER = ("image", *SIDES, "name")  # keras-retinanet
# keras-retinanet, Open Images
CLASS_FILE = re.compile(r"(classes|class-descriptions.*)\.csv$", re.I)
THOUSANDS = re.compile(r"\s*[1-9]\d{0,2}(,\d{3})+\s*$")  # 1,024: whole or not?


class _Row(NamedTuple):
    line: int
    name: str
    numbers: tuple[float | None, ...]  # left, top, right, bottom
    crowd: bool
    written_wh: tuple[float | None, float | None]


def find(path: Path) -> list["TableSource"]:
    files = files_of_splits(path, ".csv")
    beside = (f for place in {f.parent for f in files} for f in files_in(place, ".csv"))
    classes = sorted(file for file in beside if CLASS_FILE.search(file.name))
    files = [file for file in files if file not in classes and _columns(file)]
    root = path if path.is_dir() else path.parent
    return [TableSource(root, files, classes)] if files else []


class _Columns(NamedTuple):
    """Where each column stands, of how many, and whether a header says so."""

    at: dict[str, int]
    count: int
    has_header: bool


def _columns(path: Path) -> _Columns | None:
    """The columns of a table of boxes; None where it is none."""
    first = next((row for _, row in table_rows(path) if row), [])
    words = [word.strip().lower() for word in first]
    at = {
        column: words.index(name)
        for column, names in COLUMNS.items()
        for name in reversed(names)
        if name in words
    }
    if set(WITHOUT_HEADER) <= set(at):
        return _Columns(at, len(first), has_header=True)
    is_row = len(first) == len(WITHOUT_HEADER) and is_image_name(Path(first[0]).name)
    if is_row and all(_number(word) is not None or not word for word in first[1:5]):
        at = {column: i for i, column in enumerate(WITHOUT_HEADER)}
        return _Columns(at, len(first), has_header=False)
    return None


def _number(cell: str) -> float | None:
    """A finite number, with a decimal point or comma; else None."""
    return as_number(cell.replace(",", "."))


class TableSource(SplitFiles):
    """CSV files of one data set."""

    format_name = "CSV"

    def __init__(
        self, root: Path, files: Sequence[Path], class_files: Sequence[Path]
    ) -> None:
        super().__init__(root, files)
        self._classes = dict(
            pair for file in class_files for pair in _class_pairs(file)
        )
        self.names_have_order = bool(self._classes)

    def open_file(self, path: Path) -> AnnotationFile:
        return _Table(path, self.root, self._classes)

    def class_names(self) -> list[str]:
        """Those of the file of classes in its order, else all that occur."""
        tables = map(self.open, self.paths())
        images = (rows for table in tables for rows in table.images.values())
        used = {row.name for rows in images for row in rows}
        if not self._classes:
            return sorted(used)
        names = list(dict.fromkeys(self._classes.values()))
        if names == list(self._classes):  # keras-retinanet
            return names
        return [name for name in names if name in used]  # Open Images describes 601


def _class_pairs(path: Path) -> list[tuple[str, str]]:
    """What stands in the boxes' rows, and the name of the class.

    keras-retinanet's file has name,number, that of Open Images code,name.
    """
    rows = [[cell.strip() for cell in row[:2]] for _, row in table_rows(path)]
    rows = [row for row in rows if len(row) == 2 and all(row)]
    if len(rows) > 1 and not rows[0][1].isdecimal() and rows[1][1].isdecimal():
        rows = rows[1:]  # a header: class,id
    if rows and all(row[1].isdecimal() for row in rows):
        rows = sorted(rows, key=lambda row: int(row[1]))
        return [(name, name) for name, _ in rows]
    return [(code, name) for code, name in rows]


class _Table(AnnotationFile):
    """One CSV file: the rows of each image."""

    def __init__(self, path: Path, root: Path, classes: dict[str, str]) -> None:
        self.path = path
        self.images: dict[str, list[_Row]] = {}
        self.splits: dict[str, str] = {}
        at, _, has_header = columns = _columns(path)
        known: set[str] = set()
        filled = (item for item in table_rows(path) if item[1])
        for line, cells in islice(filled, int(has_header), None):
            _check_cells(f"{path}: line {line}", cells, columns)
            sample = cells[at["image"]].strip().replace("\\", "/").removeprefix("./")
            rows = self.images.setdefault(sample, [])
            if "split" in at and (split := cells[at["split"]].strip()):
                self._set_split(sample, split, line)
            name = cells[at["name"]].strip()
            if name not in known:
                check_names([name], f"{path}: line {line}")
                known.add(name)
            numbers = tuple(_number(cells[at[side]]) for side in SIDES)
            if name or any(cells[at[side]].strip() for side in SIDES):
                crowd = "crowd" in at and cells[at["crowd"]].strip() == "1"
                written_wh = tuple(
                    _number(cells[at[s]]) if s in at else None
                    for s in ("width", "height")
                )
                name = classes.get(name, name)
                rows.append(_Row(line, name, numbers, crowd, written_wh))
        # Open Images: numbers are shares of the sides; no box of pixels is so small
        self.is_relative = _is_relative(self.images)
        self.finder = Finder(image_folders(path, root))
        kinds = (*SUFFIXES, *UNREAD_SUFFIXES)  # reading tells which is not read
        self.paths = self.finder.find_all(
            name for name in self.images if name.lower().endswith(kinds)
        )

    def _set_split(self, name: str, word: str, line: int) -> None:
        split = split_in_name(word) or word
        first = self.splits.setdefault(name, split)
        if first != split:
            raise UserError(
                f"{self.path}: line {line}: {name} is in {split}, before it was in "
                f"{first}; an image is in one split."
            )

    def annotated(self, name: str, path: Path) -> Annotated:
        size_wh = image_size(path)
        rows = self.images[name]
        written = {r.written_wh: r.line for r in rows[::-1] if not _is_size_of_box(r)}
        problems = [
            text
            for written_wh, line in written.items()
            for text in size_problems(f"{self.path}: line {line}", written_wh, size_wh)
        ]
        objects = [self._object(row, size_wh) for row in rows]
        return Annotated(path, size_wh, objects, problems)

    def find(self, name: str) -> Path | None:
        if name in self.paths:
            return self.paths[name]
        found = (self.finder.find(name + suffix) for suffix in SUFFIXES)  # Open Images
        return next((path for path in found if path), None)

    def _object(self, row: _Row, size_wh: tuple[int, int]) -> Object:
        edges_px: EdgesPx | None = None
        if None not in row.numbers:
            scale = size_wh if self.is_relative else (1, 1)
            edges_px = tuple(x * s for x, s in zip(row.numbers, scale * 2, strict=True))
        where = f"{self.path}: line {row.line}"
        raw_values = () if edges_px is None else row.numbers
        return Object(row.name, edges_px, where, raw_values, crowd=row.crowd)


def _check_cells(where: str, cells: Sequence[str], columns: _Columns) -> None:
    """UserError where cells are missing, too many, or two numbers at once."""
    at, count, _ = columns
    if len(cells) <= max(at.values()):
        raise UserError(
            f"{where}: expected {max(at.values()) + 1} or more cells, received "
            f"{len(cells)}."
        )
    if any(cells[count:]):
        raise UserError(
            f"{where}: expected {count} cells, received {len(cells)}. Numbers with "
            "decimal commas need cells that are separated by semicolons."
        )
    odd = next((cells[at[s]] for s in SIDES if THOUSANDS.match(cells[at[s]])), None)
    if odd:
        raise UserError(
            f"{where}: {odd} may mean {odd.replace(',', '.')} or "
            f"{odd.replace(',', '')}; write it without a comma."
        )


def _is_size_of_box(row: _Row) -> bool:
    left, top, right, bottom = row.numbers
    return None not in row.numbers and row.written_wh == (right - left, bottom - top)


def _is_relative(images: dict[str, list[_Row]]) -> bool:
    far = [x for rows in images.values() for row in rows for x in row.numbers[2:]]
    known = [x for x in far if x is not None]
    # the median: a box may reach out of its image, and one above 1 makes no pixels
    return bool(known) and median(known) <= 1
