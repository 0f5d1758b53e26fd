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
    calamine = _calamine()
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = book.sheet_names
        cells = book.get_sheet_by_index(0).to_python(skip_empty_area=False) if names else []
    except (calamine.CalamineError, ValueError, OSError) as error:
        raise InvalidRequest(f"{path} is not a spreadsheet that can be read: {error}") from error
    others = f"only the first sheet of {path}, {names[0]!r}, is read" if len(names) > 1 else ""
    return Grid(_rows(cells), (others,) if others else ())


def _calamine() -> Any:
    """The module python_calamine. MintmarkError if it is not installed."""
    try:
        return importlib.import_module("python_calamine")
    except ImportError as error:
        raise MintmarkError(f"spreadsheets need python-calamine: pip install mintmark[xlsx] ({error})") from error


def _rows(cells: Sequence[Sequence[Any]]) -> Iterator[GridRow]:
    for number, row in enumerate(cells, 1):
        yield GridRow(number, tuple(map(_text, row)))


def _text(value: Any) -> str:
    """A cell as a person would write it into a CSV file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)
