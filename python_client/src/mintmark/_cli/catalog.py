"""`mintmark list`, `remove` and `status`."""

import argparse
from dataclasses import asdict

from mintmark._cli.common import ENTRY_COLUMNS, Commands, add_command, cells, print_json, print_table
from mintmark._client import Client


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `list`, `remove` and `status`."""
    listing = add_command(commands, common, "list", "List the catalog.")
    listing.add_argument("--json", action="store_true", help="print a JSON array of entries")
    listing.set_defaults(run=run_list)
    removal = add_command(commands, common, "remove", "Remove an entry from the catalog.")
    removal.add_argument("id", metavar="ID", help="the entry's id, as `list` shows it")
    removal.set_defaults(run=run_remove)
    status = add_command(commands, common, "status", "Say how much the catalog holds and which model serves it.")
    status.add_argument("--json", action="store_true", help="print a JSON object")
    status.set_defaults(run=run_status)


def run_list(client: Client, args: argparse.Namespace) -> int:
    """Print all entries."""
    entries = list(client.entries())
    if args.json:
        print_json(entries)
    elif entries:
        print_table([ENTRY_COLUMNS, *map(cells, entries)])
    else:
        print("the catalog is empty")
    return 0


def run_remove(client: Client, args: argparse.Namespace) -> int:
    """Remove one entry."""
    client.remove(args.id)
    print(f"removed {args.id}")
    return 0


def run_status(client: Client, args: argparse.Namespace) -> int:
    """Print the catalog's status."""
    values = asdict(client.status())
    values.update(values.pop("details"))
    if args.json:
        print_json(values)
    else:
        print_table([[key, str(value)] for key, value in values.items()])
    return 0
