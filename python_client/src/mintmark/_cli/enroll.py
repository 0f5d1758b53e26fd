"""`mintmark enroll`."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mintmark._cli.options import Commands, add_command, option, whole
from mintmark._cli.output import Progress, complain
from mintmark._client import Client
from mintmark._contract import FIELD_DOCS, OPTIONAL, REQUIRED, SIDE, WHOLE_NUMBERS
from mintmark._errors import InvalidRequest, MintmarkError, ServerUnavailable, Unauthorized
from mintmark._tables import optional_value, read_rows
from mintmark._types import EntryFields

_NEEDED = (*REQUIRED, SIDE)
_COLUMNS = ("path", *_NEEDED)
_OTHERS = (*OPTIONAL, "entry", "metadata")  # columns that a table may lack


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `enroll`."""
    parser = add_command(commands, common, "enroll", "Add coins to the catalog: one photo, or a table of photos.")
    parser.add_argument("photo", nargs="?", metavar="PHOTO", help="photo of the coin")
    for name in (*_NEEDED, *OPTIONAL):
        parser.add_argument(option(name), type=whole if name in WHOLE_NUMBERS else str, help=FIELD_DOCS[name])
    parser.add_argument(
        "--entry",
        metavar="ID",
        help="id of the entry; with --side alone, the photo is added to the entry that has this id",
    )
    parser.add_argument(
        "--from",
        dest="table",
        metavar="LABELS.csv",
        help=f"enroll many: columns {', '.join(_COLUMNS)}; optional columns {', '.join(OPTIONAL)}, entry (rows with the"
        " same one are photos of the same coin), metadata (a JSON object); other columns become free metadata; paths"
        " start at the table",
    )
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Enroll the photo or the table of photos."""
    given = [name for name in (*_NEEDED, *OPTIONAL) if getattr(args, name) is not None]
    if args.table:
        if given or args.photo or args.entry:
            args.parser.error("--from takes neither a photo nor its fields")
        return _enroll_table(client, args.table)
    added = bool(args.entry) and not set(given) - {SIDE}
    missing = [option(name) for name in ((SIDE,) if added else _NEEDED) if not getattr(args, name)]
    if not args.photo or missing:
        args.parser.error(f"missing: {', '.join(([] if args.photo else ['PHOTO']) + missing)} (or --from)")
    if added:
        client.add_view(args.photo, args.entry, args.side, on_doubt=complain)
        print(args.entry)
    else:
        fields = EntryFields(**{name: getattr(args, name) for name in (*_NEEDED, *OPTIONAL)})
        print(client.enroll(args.photo, fields, args.entry or "", on_doubt=complain).id)
    return 0


def _enroll_table(client: Client, table: str) -> int:
    rows = list(read_rows(table, _COLUMNS))
    failures = 0
    with Progress("rows", len(rows)) as progress:
        for line, row in rows:
            try:
                doubts: list[str] = []
                _enroll_row(client, Path(table).parent, row, doubts.append)
                for doubt in doubts:
                    progress.note(f"mintmark: {table}:{line}: enrolled, but {doubt}")
            except (ServerUnavailable, Unauthorized):
                raise
            except MintmarkError as error:
                failures += 1
                progress.note(f"mintmark: {table}:{line}: {error}")
            progress.advance()
    print(f"enrolled {len(rows) - failures} of {len(rows)}")
    return int(failures > 0)


def _enroll_row(client: Client, folder: Path, row: dict[str, str], on_doubt: Callable[[str], None]) -> None:
    entry = row.get("entry", "")
    described = any(value for name, value in row.items() if name not in ("path", "entry", SIDE))
    needed = _COLUMNS if described or not entry else ("path", SIDE)
    if missing := [name for name in needed if not row[name]]:
        raise InvalidRequest(f"no {', '.join(missing)}")
    if described:
        client.enroll(folder / row["path"], _fields(row), entry, on_doubt=on_doubt)
    else:
        client.add_view(folder / row["path"], entry, row[SIDE], on_doubt=on_doubt)


def _fields(row: dict[str, str]) -> EntryFields:
    """The fields of a row's coin. Empty cells of free metadata are left out."""
    free = {name: value for name, value in row.items() if value and name not in (*_COLUMNS, *_OTHERS)}
    said: dict[str, Any] = {name: row[name] for name in _NEEDED}
    said |= {name: optional_value(name, row.get(name, "")) for name in OPTIONAL}
    return EntryFields(**said, metadata={**_metadata(row.get("metadata", "")), **free})


def _metadata(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest(f"the metadata is not a JSON object: {text!r}")
    return value
