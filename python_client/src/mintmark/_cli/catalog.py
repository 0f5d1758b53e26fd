"""`mintmark show`, `update`, `photo`, `remove` and `status`."""

import argparse
import json
from dataclasses import asdict
from typing import Any

from mintmark._cli.options import Commands, add_command, key_value, option, picture_file, whole
from mintmark._cli.output import ENTRY_COLUMNS, cells, complain, counted, print_json, print_table, shortened
from mintmark._client import Client
from mintmark._contract import FIELD_DOCS, OPTIONAL, REQUIRED, SIDE, WHOLE_NUMBERS
from mintmark._errors import EntryNotFound, InvalidRequest
from mintmark._pictures.canvas import save
from mintmark._pictures.entry import draw_views
from mintmark._types import Entry, View


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `show`, `update`, `photo`, `remove` and `status`."""
    _add_show(commands, common)
    _add_update(commands, common)
    _add_photo(commands, common)
    removal = add_command(commands, common, "remove", "Remove entries from the catalog, with all their photos.")
    removal.add_argument("ids", nargs="+", metavar="ID", help="the entry's id, as `list` shows it")
    removal.set_defaults(run=run_remove)
    status = add_command(commands, common, "status", "Say how much the catalog holds and which weights the server has.")
    status.add_argument("--json", action="store_true", help="print a JSON object")
    status.set_defaults(run=run_status)


def _add_show(commands: Commands, common: argparse.ArgumentParser) -> None:
    parser = add_command(commands, common, "show", "Show one entry: its fields and its photos.")
    parser.add_argument("id", metavar="ID", help="the entry's id, as `list` shows it")
    parser.add_argument("--draw", type=picture_file, metavar="OUT.png", help="draw the fields and the stored pictures")
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


def _add_photo(commands: Commands, common: argparse.ArgumentParser) -> None:
    parser = add_command(commands, common, "photo", "Change, move or remove one photo of an entry.")
    parser.add_argument("photo", metavar="PHOTO_ID", help="the photo's id, as `show` lists it")
    parser.add_argument(option(SIDE), default="", help="the side that it shows")
    parser.add_argument("--to", default="", metavar="ID", help="the entry that it belongs to")
    parser.add_argument("--remove", action="store_true", help="remove it; the entry keeps its other photos")
    parser.set_defaults(run=run_photo)


def _whole_or_none(text: str) -> int | None:
    return whole(text) if text else None


def _text_or_none(text: str) -> str | None:
    return text or None


def run_show(client: Client, args: argparse.Namespace) -> int:
    """Print one entry and its views, and draw them if asked to."""
    entry, views = client.show(args.id), client.views(args.id)
    if args.draw:
        save(args.draw, draw_views(entry, views))
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


def run_photo(client: Client, args: argparse.Namespace) -> int:
    """Change, move or remove a photo."""
    if args.remove == bool(args.side or args.to):
        args.parser.error(f"give {option(SIDE)}, --to or both, or --remove")
    if args.remove:
        client.remove_view(args.photo)
        print(f"removed the photo {args.photo}; `mintmark undo` brings it back")
        return 0
    client.change_view(args.photo, side=args.side, entry_id=args.to)
    shows = f" shows the {args.side}" if args.side else ""
    belongs = f" belongs to {args.to}" if args.to else ""
    print(f"the photo {args.photo}{shows}{' and' if shows and belongs else ''}{belongs}")
    return 0


def run_remove(client: Client, args: argparse.Namespace) -> int:
    """Remove entries; a missing one does not stop the rest."""
    failed = False
    for key in args.ids:
        try:
            name = client.show(key).name
            client.remove(key)
            print(f"removed {key}, {shortened(name)}; `mintmark undo {key}` brings it back")
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
