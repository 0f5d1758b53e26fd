"""What a request says, checked: texts, numbers, bytes. Its errors are EntryError."""

import base64
import binascii

from catalog.service.operations.context import Request
from ensemble.errors import EntryError


def text(request: Request, name: str, default: str | None = None) -> str:
    """A text, not empty where there is no default."""
    value = request.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        raise EntryError(f"{request['operation']} needs {name!r}, a text; it is {value!r}")
    return value


def texts(request: Request, name: str, most: int) -> list[str]:
    """A list of texts, at most so many; empty if it is not there."""
    value = request.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value) or len(value) > most:
        raise EntryError(f"{request['operation']} needs {name!r}, a list of at most {most} texts")
    return value


def number(request: Request, name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`."""
    value = request.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise EntryError(f"{name} is {value!r}; it must be a whole number from 1 to {most}")
    return value


def switch(request: Request, name: str) -> bool:
    """True or false; false if it is not there."""
    value = request.get(name, False)
    if not isinstance(value, bool):
        raise EntryError(f"{name} is {value!r}; it must be true or false")
    return value


def decoded(view: Request, name: str, most: int) -> bytes:
    """Bytes of a base64 text; b'' if there is none."""
    value = view.get(name) or ""
    try:
        data = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise EntryError(f"{name} is not base64: {error}") from error
    if len(data) > most:
        raise EntryError(f"{name} has {len(data)} bytes; the limit is {most}")
    return data


def encoded(data: bytes) -> str:
    """Bytes as a base64 text."""
    return base64.b64encode(data).decode()
