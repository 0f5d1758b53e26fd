"""CSV files: which encoding and which separator they have, and their lines."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence

from mintmark._errors import InvalidRequest
from mintmark._tables.base import Grid, GridRow, canonical

SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # Excel's own, as the first line
_LOOKED = 400  # bytes that show whether every other one is zero, but for letters outside Latin-1
_ZEROS = 0.2


def read_text(path: str, data: bytes, names: Sequence[str]) -> Grid:
    """The cells of a CSV file. `names`: columns that the header may have. InvalidRequest if it is none."""
    text, note = _decoded(path, data)
    lines = list(io.StringIO(text, newline=""))
    said = _SEPARATOR_LINE.fullmatch(lines[0].strip("\r\n")) if lines else None
    separator = said[1] if said else _separator(lines, names)
    return Grid(_rows(path, lines, separator, int(said is not None)), (note,) if note else (), separator)


def _decoded(path: str, data: bytes) -> tuple[str, str]:
    """The text, and what to tell people about its encoding."""
    encoding = _encoding(data)
    try:
        return data.decode(encoding), ""
    except UnicodeDecodeError as error:
        failed = error
    if encoding == "utf-8-sig" and b"\0" not in data:
        try:
            return data.decode("cp1252"), (
                f"{path} is not in UTF-8: it was read as Windows-1252; if letters look wrong, save it as UTF-8"
            )
        except UnicodeDecodeError:
            pass
    raise InvalidRequest(f"{path} is not a CSV file in UTF-8, UTF-16 or Windows-1252: {failed}") from failed


def _encoding(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = (data[start:_LOOKED:2].count(0) for start in (0, 1))
    if max(even, odd) > _ZEROS * len(data[:_LOOKED]) and not min(even, odd):
        return "utf-16-le" if odd else "utf-16-be"
    return "utf-8-sig"


def _separator(lines: Sequence[str], names: Sequence[str]) -> str:
    """The separator that makes the most known columns of the header, or else the most columns."""
    header = next((line for line in lines if line.strip()), "")

    def columns(separator: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=separator), [])
        except csv.Error:  # a cell that is too long; in Python 3.10, a NUL
            cells = header.split(separator)
        return sum(canonical(cell, names) in names for cell in cells), len(cells)

    return max(SEPARATORS, key=columns)


def _rows(path: str, lines: Sequence[str], separator: str, start: int) -> Iterator[GridRow]:
    reader = csv.reader(iter(lines[start:]), delimiter=separator, strict=True)
    while True:
        first = start + reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = start + reader.line_num
            if "unexpected end" in str(error):
                raise InvalidRequest(f"{path}:{first + 1}: a quotation mark opens a cell that never ends") from error
            text = "".join(lines[first:last]).rstrip("\r\n")
            yield GridRow(last, tuple(text.split(separator)), f"this is no row of a CSV file: {error}")
        else:
            yield GridRow(start + reader.line_num, tuple(cells))
