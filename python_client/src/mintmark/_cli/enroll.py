"""`mintmark enroll`."""

import argparse
from pathlib import Path

from mintmark._cli.enroll_many import enroll_many
from mintmark._cli.options import Commands, add_command, option, positive, whole
from mintmark._cli.output import complain
from mintmark._client import Client
from mintmark._contract import FIELD_DOCS, OPTIONAL, SIDE, WHOLE_NUMBERS
from mintmark._enrolment.row import NEEDED, PATH
from mintmark._types import EntryFields

_OF_MANY = ("photos", "dry_run", "update", "resume", "failed", "jsonl")  # options


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `enroll`."""
    parser = add_command(
        commands, common, "enroll", "Add coins to the catalog: one photo, or many that a table or a collection lists."
    )
    parser.add_argument("photo", nargs="?", metavar="PHOTO", help="photo of the coin")
    for name in (*NEEDED, *OPTIONAL):
        parser.add_argument(option(name), type=whole if name in WHOLE_NUMBERS else str, help=FIELD_DOCS[name])
    parser.add_argument(
        "--entry",
        metavar="ID",
        help="id of the entry; with --side alone, the photo is added to the entry that has this id",
    )
    many = parser.add_argument_group("many photos", "A photo that the catalog has already is not stored again.")
    many.add_argument(
        "--from",
        dest="table",
        metavar="FILE",
        help=f"a table (CSV, XLSX, ODS) with the columns {', '.join((PATH, *NEEDED))}; optional columns"
        f" {', '.join(OPTIONAL)}, entry (rows with the same one are photos of the same coin), metadata (a JSON object);"
        " other columns become free metadata; or a Numista export, or an OpenNumismat collection (.db)",
    )
    many.add_argument(
        "--photos", type=Path, metavar="DIR", help="folder where the paths of a table start (the table's)"
    )
    many.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")
    many.add_argument("--update", action="store_true", help="change entries that have other fields than their rows say")
    many.add_argument("--resume", action="store_true", help="go on after a stop, without reading the same photos again")
    many.add_argument(
        "--failed", type=Path, metavar="OUT.csv", help="where the rows that fail go (FILE.failed.csv), to be mended"
    )
    many.add_argument("--concurrency", type=positive, default=4, metavar="N", help="photos at a time (%(default)s)")
    many.add_argument("--jsonl", action="store_true", help="print a JSON object for each row as soon as it is done")
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Enroll the photo or the table of photos."""
    given = [name for name in (*NEEDED, *OPTIONAL) if getattr(args, name) is not None]
    if args.table:
        if given or args.photo or args.entry:
            args.parser.error("--from takes neither a photo nor its fields")
        return enroll_many(client, args)
    if alone := [option(name) for name in _OF_MANY if getattr(args, name)]:
        args.parser.error(f"{', '.join(alone)}: only with --from")
    added = bool(args.entry) and not set(given) - {SIDE}
    missing = [option(name) for name in ((SIDE,) if added else NEEDED) if not getattr(args, name)]
    if not args.photo or missing:
        args.parser.error(f"missing: {', '.join(([] if args.photo else ['PHOTO']) + missing)} (or --from)")
    if added:
        client.add_view(args.photo, args.entry, args.side, on_doubt=complain)
        print(args.entry)
    else:
        fields = EntryFields(**{name: getattr(args, name) for name in (*NEEDED, *OPTIONAL)})
        print(client.enroll(args.photo, fields, args.entry or "", on_doubt=complain).id)
    return 0
