"""What the tests of the client enroll, and how they run the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mintmark import Client, Entry, EntryFields, MockTransport
from mintmark._cli import main
from mintmark._cli.options import option
from mintmark._contract import REQUIRED, SIDE
from mintmark._transports.mock import Handler

Run = Callable[..., int]
MakePhoto = Callable[..., Path]
WriteTable = Callable[[str, list[dict[str, Any]]], Path]
Capture = pytest.CaptureFixture[str]

EXPORTS = ["folder", "file.parquet"]  # a target of each format
FIELDS = EntryFields(name="1 złoty", country="Poland", currency="PLN", denomination="1", side="reverse")
SAID = {name: str(getattr(FIELDS, name)) for name in REQUIRED}
OPTIONS = [word for name, value in {**SAID, SIDE: FIELDS.side}.items() for word in (option(name), value)]


def entry_object(entry_id: str, **said: Any) -> dict[str, Any]:
    """An entry as the server answers it; required fields that are not given are 'a'."""
    return {"id": entry_id, **dict.fromkeys(REQUIRED, "a"), **said}


def make_entry(entry_id: str, **said: Any) -> Entry:
    """An entry as the client returns it; required fields that are not given are 'a'."""
    return Entry(**entry_object(entry_id, **said))


def run_on(server: Handler, *argv: object) -> int:
    """Run the command `mintmark` against a server in memory; returns its exit code."""
    return main([str(word) for word in argv], lambda args: Client(transport=MockTransport(server)))
