"""What several commands share."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mintmark._tables import align
from mintmark._types import Entry

Commands = Any  # argparse's own type for the group of commands is private

ENTRY_COLUMNS = ("name", "country", "currency", "denomination", "side", "year", "id")


def add_command(
    commands: Commands, common: argparse.ArgumentParser, name: str, summary: str
) -> argparse.ArgumentParser:
    """A new command with the options that all have."""
    parser: argparse.ArgumentParser = commands.add_parser(name, parents=[common], help=summary, description=summary)
    parser.set_defaults(parser=parser)
    return parser


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def print_json(value: Any) -> None:
    """One JSON value on stdout; dataclasses become objects."""
    print(json.dumps(value, default=asdict, ensure_ascii=False, indent=2))


def print_table(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset(), indent: str = "") -> None:
    """Aligned columns on stdout."""
    for line in align(rows, right):
        print(indent + line)


def cells(entry: Entry) -> list[str]:
    """An entry in the order of ENTRY_COLUMNS."""
    values = (getattr(entry, column) for column in ENTRY_COLUMNS)
    return ["" if value is None else str(value) for value in values]


def complain(line: str) -> None:
    """One line on stderr about something that does not stop the command."""
    print(f"mintmark: {line}", file=sys.stderr)
