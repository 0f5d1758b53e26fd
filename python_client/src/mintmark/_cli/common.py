"""What several commands share."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from mintmark._contract import OPTIONAL, REQUIRED
from mintmark._tables import align
from mintmark._types import Entry

Commands = Any  # argparse's own type for the group of commands is private

ENTRY_COLUMNS = (*REQUIRED, *OPTIONAL, "id")


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


def share(text: str) -> float:
    """A number between 0 and 1, neither of them, for argparse."""
    number = float(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 1, not {text}")
    return number


def key_value(text: str) -> tuple[str, str]:
    """KEY=VALUE, for argparse."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"must be KEY=VALUE, not {text!r}")
    return key, value


def print_json(value: Any) -> None:
    """One JSON value on stdout; dataclasses become objects."""
    print(json.dumps(value, default=asdict, ensure_ascii=False, indent=2))


def print_json_array(values: Iterable[Any]) -> None:
    """A JSON array on stdout, item by item: there may be millions."""
    print("[", end="")
    for number, value in enumerate(values):
        text = json.dumps(value, default=asdict, ensure_ascii=False, indent=2)
        print(",\n" if number else "\n", "  ", text.replace("\n", "\n  "), sep="", end="")
    print("\n]")


def print_table(rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset(), indent: str = "") -> None:
    """Aligned columns on stdout."""
    for line in align(rows, right):
        print(indent + line)


def option(field: str) -> str:
    """The command line's option for a field of an entry."""
    return f"--{field.replace('_', '-')}"


def cells(entry: Entry) -> list[str]:
    """An entry in the order of ENTRY_COLUMNS."""
    values = (getattr(entry, column) for column in ENTRY_COLUMNS)
    return ["" if value is None else str(value) for value in values]


def counted(number: int, noun: str) -> str:
    """A number of things: '1 view', '2 views'."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def complain(line: str) -> None:
    """One line on stderr about something that does not stop the command."""
    print(f"mintmark: {line}", file=sys.stderr)
