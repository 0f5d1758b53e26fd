"""The values of cells, however people and their programs write numbers."""

import re
from typing import Any

from mintmark._contract import WHOLE_NUMBERS
from mintmark._errors import InvalidRequest
from mintmark._requests import whole_number

# Three digits after a comma or point may be thousands.
_WHOLE = re.compile(r"(-?\d+)[.,](?:0{1,2}|0{4,})")  # 1990.0, as programs write a whole number
_COMMA = re.compile(r"(-?\d+),(\d{1,2}|\d{4,})")


def optional_value(name: str, text: str) -> Any:
    """The value of an entry's optional field from its cell: a text or a whole number, None if the cell is empty."""
    if not text:
        return None
    if name not in WHOLE_NUMBERS:
        return text
    try:
        return whole_number(_WHOLE.sub(r"\1", text) if _WHOLE.fullmatch(text) else text)
    except ValueError as error:
        raise InvalidRequest(f"the {name} is {error}") from error


def denomination(text: str) -> str:
    """A denomination with a decimal point, if it is a number: '2,5' is '2.5', and '2.0' is '2'; else as it is."""
    if whole := _WHOLE.fullmatch(text):
        return whole[1]
    return _COMMA.sub(r"\1.\2", text) if _COMMA.fullmatch(text) else text


def decimal(text: str) -> float:
    """A number with a decimal point or comma. ValueError if it is none."""
    return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
