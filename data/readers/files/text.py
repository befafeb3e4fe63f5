"""Text as it stands in files: its encoding, its lines, the class names in it."""

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from base.errors import UserError
from base.files import reading

# a byte order mark decides; UTF-32's begins with UTF-16's
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# that nothing is there: pandas.read_csv, keep_default_na; a dash is what people type
MISSING = frozenset(
    (
        *("", "-", "NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "None", "null", "NULL"),
        *("nan", "NaN", "-nan", "-NaN"),
    )
)
SEPARATOR = re.compile(r"\"?sep=(?P<mark>.)\"?\s*$", re.I)  # Excel: the first line
MAX_HEADER = 10_000  # ours: characters of a first line
INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u2060"))  # no white space, no width


def encoding_of(start: bytes) -> str:
    """The encoding that the first bytes of a text tell; UTF-8 without a mark."""
    return next((name for mark, name in MARKS if start.startswith(mark)), "utf-8")


@contextmanager
def open_text(
    path: Path, max_bytes: int | None = None, newline: str | None = None
) -> Iterator[TextIO]:
    """A text file in its own encoding; UserError as of `reading`.

    Bytes that are not UTF-8 become surrogates, as in the names of files: a list in
    Latin-1 finds its files. `check_name` refuses them in class names.
    """
    with reading(path, max_bytes):
        with path.open("rb") as file:
            encoding = encoding_of(file.read(4))
        errors = "surrogateescape" if encoding == "utf-8" else "replace"
        with path.open(encoding=encoding, errors=errors, newline=newline) as file:
            yield file


def read_text(path: Path, max_bytes: int | None = None) -> str:
    """A whole text in its own encoding; UserError where it can't be read."""
    with open_text(path, max_bytes) as file:
        return file.read()


def read_lines(path: Path, max_bytes: int | None = None) -> list[str]:
    """Lines as editors count them: str.splitlines() would also cut at U+2028."""
    return read_text(path, max_bytes).split("\n")


def table_rows(
    path: Path, max_bytes: int | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Line numbers from 1 and cells of a CSV file, whatever separates them."""
    try:
        with open_text(path, max_bytes, newline="") as file:
            first = file.readline(MAX_HEADER)
            said = SEPARATOR.match(first)
            if not said:
                file.seek(0)
            # spreadsheets write semicolons where the comma is in the numbers
            mark = said["mark"] if said else max(",;\t", key=first.count)
            reader = csv.reader(file, delimiter=mark, skipinitialspace=True)
            for row in reader:
                yield reader.line_num + bool(said), row
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: {error}.") from error


def without_mark(data: bytes) -> bytes:
    """Bytes of a text as UTF-8 without a mark, whatever its mark says."""
    encoding = encoding_of(data[:4])
    if encoding == "utf-8":
        return data
    return data.decode(encoding, "replace").encode()


@lru_cache(1 << 16)  # ours: few names, many objects
def clean_name(name: str) -> str:
    """A class name with single white spaces, in Unicode's composed form.

    >>> clean_name(" traffic\\n light"), clean_name("bu\\u0308rste") == "b\\u00fcrste"
    ('traffic light', True)
    """
    name = unicodedata.normalize("NFC", name.translate(INVISIBLE))
    return " ".join(name.split())


def check_names(names: Iterable[str], where: Path | str) -> list[str]:
    """The names, cleaned; UserError where one can't be a text that people wrote."""
    cleaned = [clean_name(name) for name in names]
    for name in cleaned:
        if any(c == "\ufffd" or unicodedata.category(c) in ("Cc", "Cs") for c in name):
            raise UserError(
                f"{where}: the class name {name!a} holds characters that are no "
                "text; save the file as UTF-8."
            )
    return cleaned
