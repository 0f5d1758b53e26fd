"""How the commands read their options."""

import argparse
import os
from pathlib import Path
from typing import Any

import cv2

from mintmark._contract import FILTERS, METADATA_FILTER, WHOLE_NUMBERS
from mintmark._requests import whole_number

Commands = Any  # argparse's own type for the group of commands is private


def add_command(
    commands: Commands, common: argparse.ArgumentParser, name: str, summary: str
) -> argparse.ArgumentParser:
    """Add a command, with the options that all commands have."""
    parser: argparse.ArgumentParser = commands.add_parser(name, parents=[common], help=summary, description=summary)
    parser.set_defaults(parser=parser)
    return parser


def whole(text: str) -> int:
    """A whole number, for argparse."""
    try:
        return whole_number(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    number = whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def share(text: str) -> float:
    """A number above 0 and below 1, for argparse."""
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


def picture_file(text: str) -> Path:
    """A file that a picture can be drawn to, for argparse: what cannot be written should cost no work."""
    path = Path(text)
    if not cv2.haveImageWriter(f"picture{path.suffix}"):
        raise argparse.ArgumentTypeError(f"cannot draw to {path}: no picture format has the suffix {path.suffix!r}")
    if not os.access(path.parent, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise argparse.ArgumentTypeError(f"cannot write {path}: its folder is missing, or it may not be written")
    return path


def add_filters(parser: argparse.ArgumentParser, what: str) -> None:
    """The options of the filters; `filters_of` reads them."""
    filters = parser.add_argument_group("filters", what)
    for name in FILTERS:
        filters.add_argument(option(name), type=whole if name in WHOLE_NUMBERS else str, metavar=name.upper())
    filters.add_argument(
        "--where",
        action="append",
        default=[],
        type=key_value,
        metavar="KEY=VALUE",
        help="a key of the free metadata; may be repeated",
    )


def filters_of(args: argparse.Namespace) -> dict[str, str | int]:
    """The filters that were given."""
    given = {name: value for name in FILTERS if (value := getattr(args, name)) is not None}
    return given | {f"{METADATA_FILTER}{key}": value for key, value in args.where}


def option(field: str) -> str:
    """The option for a field of an entry: '--mint-mark' for `mint_mark`."""
    return f"--{field.replace('_', '-')}"
