"""`mintmark history` and `undo`."""

import argparse
import json
from itertools import islice
from typing import Any

from mintmark._cli.options import Commands, add_command, positive
from mintmark._cli.output import counted, print_json_array, print_table, shortened
from mintmark._client import Client
from mintmark._types import Event

_SHOWN = 20  # events
_TIME = "%Y-%m-%d %H:%M:%S"


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `history` and `undo`."""
    history = add_command(commands, common, "history", "Say what happened to an entry or to the catalog, newest first.")
    history.add_argument("id", nargs="?", default="", metavar="ID", help="of the entry; without it, all entries")
    history.add_argument("--limit", type=positive, default=_SHOWN, metavar="N", help="events (%(default)s)")
    history.add_argument("--json", action="store_true", help="print a JSON array of events")
    history.set_defaults(run=run_history)
    undo = add_command(commands, common, "undo", "Undo the last change that was not undone; again: the one before it.")
    undo.add_argument("id", nargs="?", default="", metavar="ID", help="of the entry that changed; without it, any")
    undo.add_argument("--event", default="", metavar="NUMBER", help="undo this one, as `history` numbers it")
    undo.set_defaults(run=run_undo)


def run_history(client: Client, args: argparse.Namespace) -> int:
    """Print the events."""
    events = islice(client.history(args.id), args.limit)
    if args.json:
        print_json_array({**_plain(event), "said": told(event)} for event in events)
        return 0
    rows = [_cells(event) for event in events]
    if rows:
        print_table([["time (UTC)", "who", "event", "entry", "what"], *rows])
    else:
        print("nothing happened yet" if not args.id else f"nothing is known of an entry {args.id}")
    return 0


def run_undo(client: Client, args: argparse.Namespace) -> int:
    """Undo a change and say which it was."""
    event = client.undo(args.id, event=args.event)
    by = f" by {event.who}" if event.who else ""
    print(f"undone: {event.entry}, {told(event)} ({event.at.strftime(_TIME)} UTC{by})")
    return 0


def _plain(event: Event) -> dict[str, Any]:
    fields = ("number", "who", "kind", "entry", "other", "undoes", "details")
    return {**{name: getattr(event, name) for name in fields}, "at": event.at.isoformat()}


def _cells(event: Event) -> list[str]:
    undoing = f" (undoes {event.undoes})" if event.undoes else ""
    return [event.at.strftime(_TIME), event.who or "-", event.number, event.entry, told(event) + undoing]


def told(event: Event) -> str:
    """What an event did, in words."""
    details = event.details
    views = details.get("views") or []
    photos = f"{counted(len(views), 'photo')} ({', '.join(str(view.get('side')) for view in views)})"
    if event.kind == "added":
        return f"new, with {photos}" if details.get("new") else f"{photos} added"
    if event.kind == "updated":
        before, after = details.get("before") or {}, details.get("after") or {}
        return ", ".join(f"{name}: {_value(before.get(name))} → {_value(value)}" for name, value in after.items())
    if event.kind == "changed":
        sides = [str(side) for side in details.get("side") or ()]
        turned = [f"photo is the {sides[-1]}, not the {sides[0]}"] if len(set(sides)) > 1 else []
        moved = [f"photo went to {event.other}"] if event.other else []
        gone = ["the entry went with it"] if details.get("left") else []
        return ", ".join(turned + moved + gone)
    if event.kind == "removed":
        name = str(details.get("name"))
        return f"{shortened(name)} removed, with {photos}" if details.get("whole") else f"{photos} removed"
    return event.kind


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
