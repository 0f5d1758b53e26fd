"""`mintmark enroll`."""

import argparse
from pathlib import Path

from mintmark._cli.common import Commands, add_command
from mintmark._client import Client
from mintmark._errors import InvalidRequest, MintmarkError, ServerUnavailable, Unauthorized
from mintmark._progress import Progress
from mintmark._tables import read_rows
from mintmark._types import EntryFields

REQUIRED = ("name", "country", "currency", "denomination", "side")
_COLUMNS = ("path", *REQUIRED)


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `enroll`."""
    parser = add_command(commands, common, "enroll", "Add coins to the catalog: one photo, or a table of photos.")
    parser.add_argument("photo", nargs="?", metavar="PHOTO", help="photo of the coin")
    for name in REQUIRED:
        parser.add_argument(f"--{name}", help=f"the coin's {name}")
    parser.add_argument("--year", type=int, help="year of issue")
    parser.add_argument(
        "--from",
        dest="table",
        metavar="LABELS.csv",
        help=f"enroll many: columns {', '.join(_COLUMNS)}, year (optional); other columns become free metadata;"
        " paths are relative to the table",
    )
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Enroll the photo or the table of photos."""
    single = [args.photo, args.year, *(getattr(args, name) for name in REQUIRED)]
    if args.table:
        if any(value is not None for value in single):
            args.parser.error("--from takes neither a photo nor its fields")
        return _enroll_table(client, args.table)
    missing = [f"--{name}" for name in REQUIRED if not getattr(args, name)]
    if not args.photo or missing:
        args.parser.error(f"missing: {', '.join(([] if args.photo else ['PHOTO']) + missing)} (or --from)")
    fields = EntryFields(**{name: getattr(args, name) for name in REQUIRED}, year=args.year)
    print(client.enroll(args.photo, fields).id)
    return 0


def _enroll_table(client: Client, table: str) -> int:
    rows = list(read_rows(table, _COLUMNS))
    failures = 0
    with Progress("rows", len(rows)) as progress:
        for line, row in rows:
            try:
                client.enroll(Path(table).parent / row["path"], _fields(row))
            except (ServerUnavailable, Unauthorized):
                raise
            except MintmarkError as error:
                failures += 1
                progress.note(f"mintmark: {table}:{line}: {error}")
            progress.advance()
    print(f"enrolled {len(rows) - failures} of {len(rows)}")
    return int(failures > 0)


def _fields(row: dict[str, str]) -> EntryFields:
    """What a row says of its coin; empty free cells say nothing."""
    missing = [name for name in _COLUMNS if not row[name]]
    if missing:
        raise InvalidRequest(f"no {', '.join(missing)}")
    year = row.get("year")
    if year and not year.lstrip("-").isdecimal():
        raise InvalidRequest(f"the year is no whole number: {year!r}")
    return EntryFields(
        **{name: row[name] for name in REQUIRED},
        year=int(year) if year else None,
        metadata={name: value for name, value in row.items() if value and name not in (*_COLUMNS, "year")},
    )
