"""What an XML parser is given; what it refuses, in a line."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException

from base.errors import UserError
from base.files import reading
from data.readers.files.text import encoding_of, read_text


@contextmanager
def xml_source(path: Path, max_bytes: int, problem: str) -> Iterator[Path | StringIO]:
    """What an XML parser reads: a byte order mark decides, else the declaration.

    problem: the words of a UserError, with {} for what the parser says.
    """
    with reading(path, max_bytes):
        with path.open("rb") as file:
            has_mark = encoding_of(file.read(4)) != "utf-8"
        source = StringIO(read_text(path)) if has_mark else path
        try:
            yield source
        except DefusedXmlException as error:
            reason = f"DOCTYPE and entities are refused ({type(error).__name__})"
            raise UserError(f"{path}: {reason}.") from error
        except (ParseError, ValueError, LookupError) as error:
            raise UserError(f"{path}: {problem.format(error)}.") from error
