"""Encodings and class names, whatever the format."""

import codecs

import pytest

from base.errors import UserError
from data.readers.files.text import (
    check_names,
    clean_name,
    read_lines,
    table_rows,
    without_mark,
)

ENCODINGS = [
    (b"", "utf-8"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),  # PowerShell, Notepad
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
]


@pytest.mark.parametrize(("mark", "encoding"), ENCODINGS)
def test_a_byte_order_mark_decides(tmp_path, mark, encoding):
    path = tmp_path / "a.txt"
    data = mark + "Bär\r\n犬\u2028x\n".encode(encoding)
    path.write_bytes(data)
    assert read_lines(path) == ["Bär", "犬\u2028x", ""]
    assert without_mark(data).decode() == "Bär\r\n犬\u2028x\n"


def test_bytes_that_are_no_utf16_are_replaced():
    assert without_mark(codecs.BOM_UTF16_LE + b"a\0b").decode() == "a\ufffd"


def test_a_table_that_is_none_is_refused_with_its_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"a,b\n{'x' * 200_000},1\n")
    with pytest.raises(UserError, match=r"a\.csv: line 2: field larger"):
        list(table_rows(path))


def test_bytes_that_are_no_utf8_are_those_of_the_file_system(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"f\xfcr.jpg\n")
    assert read_lines(path)[0] == b"f\xfcr.jpg".decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("cat\n", "cat"),
        ("\ttraffic \r\n light\u3000", "traffic light"),
        ("\ufeffcat\u200b", "cat"),
        ("a\u0308", "ä"),
        ("\u00a0", ""),
        ("Cat-1 (ok)", "Cat-1 (ok)"),
    ],
)
def test_white_space_and_forms_of_a_class_name(name, cleaned):
    assert clean_name(name) == cleaned


@pytest.mark.parametrize("name", ["\x07bell", "c\x00a\x00t", "B\udce4r", "b\ufffdr"])
def test_a_name_that_is_no_text_is_refused_with_its_file(name):
    with pytest.raises(ValueError, match=r"^classes.txt: .*UTF-8\.$") as error:
        check_names(["cat", name], "classes.txt")
    assert str(error.value).isascii()  # printed in any terminal
