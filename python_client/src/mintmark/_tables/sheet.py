"""Spreadsheets: XLSX, and what else python-calamine reads.

Only this module needs python-calamine, and imports it only when a spreadsheet is read. It was chosen over openpyxl: it
reads XLS, XLSB and ODS as well, in a fraction of the time, and its parser of XML expands no entities.
"""

import datetime
import importlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mintmark._errors import InvalidRequest, MintmarkError
from mintmark._tables.base import Grid, GridRow

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"  # how these files begin


def is_sheet(path: str, data: bytes) -> bool:
    """Whether a file is a spreadsheet, by its name or by how it begins."""
    return Path(path).suffix.lower() in SUFFIXES or data.startswith((_ZIP, _OLE))


def read_sheet(path: str, data: bytes) -> Grid:
    """The cells of the first sheet as texts. InvalidRequest if the file is damaged or is something else."""
    try:
        return grid_of(path, *sheet_of(data))
    except InvalidRequest as error:
        raise InvalidRequest(f"{path} {error}") from error


def sheet_of(data: bytes) -> tuple[list[str], list[list[str]]]:
    """The names of all sheets, and the cells of the first one as texts. InvalidRequest, without the file's name."""
    library = calamine()
    try:
        book = library.CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = book.sheet_names
        cells = book.get_sheet_by_index(0).to_python(skip_empty_area=False) if names else []
    except (library.CalamineError, ValueError, OSError) as error:
        raise InvalidRequest(f"is not a spreadsheet that can be read: {error}") from error
    return names, [list(map(_text, row)) for row in cells]


def grid_of(path: str, names: Sequence[str], cells: Sequence[Sequence[str]]) -> Grid:
    """What `sheet_of` says of a file, as a grid."""
    others = f"only the first sheet of {path}, {names[0]!r}, is read" if len(names) > 1 else ""
    return Grid(_rows(cells), (others,) if others else ())


def calamine() -> Any:
    """The module python_calamine. MintmarkError if it is not installed."""
    try:
        return importlib.import_module("python_calamine")
    except ImportError as error:
        raise MintmarkError(f"spreadsheets need python-calamine: pip install python-calamine ({error})") from error


def _rows(cells: Sequence[Sequence[str]]) -> Iterator[GridRow]:
    for number, row in enumerate(cells, 1):
        yield GridRow(number, tuple(row))


def _text(value: Any) -> str:
    """A cell as a person would write it into a CSV file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
