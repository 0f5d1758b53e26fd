"""`mintmark list`."""

import argparse
from collections.abc import Iterator
from itertools import islice

from mintmark._cli.options import Commands, add_command, add_filters, filters_of, positive
from mintmark._cli.output import ENTRY_COLUMNS, cells, print_json_array, print_table
from mintmark._client import Client
from mintmark._contract import OPTIONAL, REQUIRED
from mintmark._types import Entry

_BLOCK = 1000  # entries whose columns are aligned with one another


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `list`."""
    parser = add_command(commands, common, "list", "List the catalog: all of it, or what is searched for.")
    parser.add_argument("text", nargs="*", metavar="WORD", help="a word in the name; each of them must be there")
    parser.add_argument(
        "--sort",
        choices=(*REQUIRED, *OPTIONAL),
        metavar="FIELD",
        help=f"one of {', '.join((*REQUIRED, *OPTIONAL))} (the order of enrolment)",
    )
    parser.add_argument("--reverse", action="store_true", help="the last one comes first")
    parser.add_argument("--limit", type=positive, metavar="N", help="at most so many")
    parser.add_argument("--json", action="store_true", help="print a JSON array of entries")
    add_filters(parser, "List only the coins that pass all filters.")
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Print the entries."""
    text, filters = " ".join(args.text), filters_of(args)
    entries = client.entries(text, filters, sort=args.sort or "", descending=args.reverse)
    entries = islice(entries, args.limit)
    if args.json:
        print_json_array(entries)
    elif not _print_entries(entries):
        print("no entry of the catalog is like that" if text or filters else "the catalog is empty")
    return 0


def _print_entries(entries: Iterator[Entry]) -> int:
    """Print entries, aligned block by block because there may be millions. Returns how many there were."""
    printed = 0
    while block := list(islice(entries, _BLOCK)):
        print_table([*([] if printed else [ENTRY_COLUMNS]), *map(cells, block)])
        printed += len(block)
    return printed
