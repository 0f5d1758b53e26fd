"""`mintmark list`, `show`, `update`, `remove` and `status`."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

from mintmark._cli.options import Commands, add_command, key_value, option, picture_file, whole
from mintmark._cli.output import ENTRY_COLUMNS, cells, complain, counted, print_json, print_json_array, print_table
from mintmark._client import Client
from mintmark._contract import FIELD_DOCS, OPTIONAL, REQUIRED, WHOLE_NUMBERS
from mintmark._errors import EntryNotFound, InvalidRequest
from mintmark._pictures.canvas import save
from mintmark._pictures.entry import draw_views
from mintmark._types import Entry, View

_BLOCK = 1000  # entries whose columns are aligned with one another


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `list`, `show`, `update`, `remove` and `status`."""
    listing = add_command(commands, common, "list", "List the catalog.")
    listing.add_argument("--json", action="store_true", help="print a JSON array of entries")
    listing.set_defaults(run=run_list)
    _add_show(commands, common)
    _add_update(commands, common)
    removal = add_command(commands, common, "remove", "Remove entries from the catalog, with all their photos.")
    removal.add_argument("ids", nargs="+", metavar="ID", help="the entry's id, as `list` shows it")
    removal.set_defaults(run=run_remove)
    status = add_command(commands, common, "status", "Say how much the catalog holds and which weights the server has.")
    status.add_argument("--json", action="store_true", help="print a JSON object")
    status.set_defaults(run=run_status)


def _add_show(commands: Commands, common: argparse.ArgumentParser) -> None:
    parser = add_command(commands, common, "show", "Show one entry: its fields and its photos.")
    parser.add_argument("id", metavar="ID", help="the entry's id, as `list` shows it")
    parser.add_argument("--sheet", type=picture_file, metavar="OUT.png", help="draw the fields and the stored pictures")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.set_defaults(run=run_show)


def _add_update(commands: Commands, common: argparse.ArgumentParser) -> None:
    parser = add_command(commands, common, "update", "Change the fields of an entry.")
    parser.add_argument("id", metavar="ID", help="the entry's id, as `list` shows it")
    for name in REQUIRED:
        parser.add_argument(option(name), default=argparse.SUPPRESS, help=FIELD_DOCS[name])
    for name in OPTIONAL:
        kind = _whole_or_none if name in WHOLE_NUMBERS else _text_or_none
        parser.add_argument(
            option(name), type=kind, default=argparse.SUPPRESS, help=f"{FIELD_DOCS[name]}; '' clears it"
        )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=key_value,
        metavar="KEY=VALUE",
        help="set a key of the metadata; may be repeated",
    )
    parser.add_argument(
        "--unset", action="append", default=[], metavar="KEY", help="remove a key of the metadata; may be repeated"
    )
    parser.set_defaults(run=run_update)


def _whole_or_none(text: str) -> int | None:
    return whole(text) if text else None


def _text_or_none(text: str) -> str | None:
    return text or None


def run_list(client: Client, args: argparse.Namespace) -> int:
    """Print all entries."""
    entries = client.entries()
    if args.json:
        print_json_array(entries)
    elif not _print_entries(entries):
        print("the catalog is empty")
    return 0


def _print_entries(entries: Iterator[Entry]) -> int:
    """Print entries, aligned block by block because there may be millions. Returns how many there were."""
    printed = 0
    while block := list(islice(entries, _BLOCK)):
        print_table([*([] if printed else [ENTRY_COLUMNS]), *map(cells, block)])
        printed += len(block)
    return printed


def run_show(client: Client, args: argparse.Namespace) -> int:
    """Print one entry and its views, and draw them if asked to."""
    entry, views = client.show(args.id), client.views(args.id)
    if args.sheet:
        save(args.sheet, draw_views(entry, views))
    if args.json:
        print_json({"entry": entry, "views": [_view_object(view) for view in views]})
        return 0
    rows = [[name, text] for name, text in zip(ENTRY_COLUMNS, cells(entry), strict=True) if text]
    print_table(rows + [[name, _shown(value)] for name, value in entry.metadata.items()])
    print(f"\n{counted(len(views), 'photo')}")
    if views:
        print_table([["side", "picture", "", "id"], *map(_view_cells, views)], right=frozenset({1}), indent="  ")
    return 0


def _view_object(view: View) -> dict[str, Any]:
    return {
        "id": view.id,
        "side": view.side,
        "stale": view.stale,
        "verifiable": view.verifiable,
        "picture_bytes": len(view.picture),
    }


def _view_cells(view: View) -> list[str]:
    size = f"{len(view.picture) / 1000:.1f} kB" if view.picture else "none"
    return [view.side, size, "stale" if view.stale else "" if view.verifiable else "no relief map", view.id]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def run_update(client: Client, args: argparse.Namespace) -> int:
    """Change one entry."""
    changes = {name: getattr(args, name) for name in (*REQUIRED, *OPTIONAL) if hasattr(args, name)}
    if args.set or args.unset:
        changes["metadata"] = _metadata(client.show(args.id), dict(args.set), args.unset)
    if not changes:
        args.parser.error("nothing to change")
    print_table([ENTRY_COLUMNS, cells(client.update(args.id, **changes))])
    return 0


def _metadata(entry: Entry, given: dict[str, str], removed: list[str]) -> dict[str, Any]:
    """The metadata of an entry with some keys set and some removed."""
    if missing := [key for key in removed if key not in entry.metadata]:
        raise InvalidRequest(
            f"the metadata of {entry.id} has no {', '.join(missing)}; it has {', '.join(entry.metadata) or 'nothing'}"
        )
    return {**{key: value for key, value in entry.metadata.items() if key not in removed}, **given}


def run_remove(client: Client, args: argparse.Namespace) -> int:
    """Remove entries; a missing one does not stop the rest."""
    failed = False
    for key in args.ids:
        try:
            client.remove(key)
            print(f"removed {key}")
        except EntryNotFound as error:
            failed = True
            complain(str(error))
    return int(failed)


def run_status(client: Client, args: argparse.Namespace) -> int:
    """Print the catalog's status."""
    status = client.status()
    values = asdict(status)
    values.update(values.pop("details"))
    if args.json:
        print_json(values)
        return 0
    print_table([[key, str(value)] for key, value in values.items()])
    if status.stale_views:
        print(f"{counted(status.stale_views, 'stale view')} not searched: run `mintmark reembed`")
    if status.without_relief:
        print(
            f"{counted(status.without_relief, 'view')} without a relief map, judged by the embedding alone: run"
            " `mintmark reembed`"
        )
    return 0
