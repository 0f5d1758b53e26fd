"""`mintmark enroll`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mintmark._both import BOTH
from mintmark._cli.enroll_many import enroll_many
from mintmark._cli.enroll_one import FACES, Told, enroll_one
from mintmark._cli.options import Commands, add_command, option, positive, whole
from mintmark._cli.output import counted
from mintmark._client import Client
from mintmark._contract import FIELD_DOCS, OPTIONAL, SIDE, SIDES, WHOLE_NUMBERS
from mintmark._enrolment.row import NEEDED, PATH
from mintmark._requests import check_side

_FIELDS = tuple(name for name in (*NEEDED, *OPTIONAL) if name != SIDE)
_OF_MANY = ("photos", "dry_run", "update", "resume", "failed", "jsonl")  # options


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `enroll`."""
    parser = add_command(
        commands, common, "enroll", "Add coins to the catalog: photos of one coin, or many coins that a table lists."
    )
    parser.add_argument("photo", nargs="*", metavar="PHOTO", help="photos of the coin")
    parser.add_argument(
        option(SIDE),
        action="append",
        help=f"{FIELD_DOCS[SIDE]}; or {BOTH}, where a photo shows {FACES[0]} and {FACES[1]} one beside the other, the"
        f" {FACES[0]} left or above; once for all photos, or once for each in their order; without it, the first of two"
        f" photos shows the {FACES[0]}, the second the {FACES[1]}",
    )
    for name in _FIELDS:
        parser.add_argument(option(name), type=whole if name in WHOLE_NUMBERS else str, help=FIELD_DOCS[name])
    parser.add_argument(
        "--entry",
        metavar="ID",
        help="id of the entry; with --side alone, the photo is added to the entry that has this id",
    )
    parser.add_argument(
        "--new", action="store_true", help="make a new entry without asking whether the coin is in the catalog already"
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
    """Enroll the photos of a coin, or a table of photos."""
    given = {name: value for name in _FIELDS if (value := getattr(args, name)) is not None}
    if args.table:
        if given or args.side or args.photo or args.entry or args.new:
            args.parser.error("--from takes neither a photo nor its fields nor --new")
        return enroll_many(client, args)
    if alone := [option(name) for name in _OF_MANY if getattr(args, name)]:
        args.parser.error(f"{', '.join(alone)}: only with --from")
    if args.new and args.entry:
        args.parser.error("--new makes a new entry; --entry ID says which entry the photos belong to")
    sides = _sides(args)
    added = bool(args.entry) and not given
    needed = () if added else tuple(name for name in NEEDED if name != SIDE)
    missing = [option(name) for name in needed if not given.get(name)] + ([] if sides else [option(SIDE)])
    if not args.photo or missing:
        args.parser.error(f"missing: {', '.join(([] if args.photo else ['PHOTO']) + missing)} (or --from)")
    return enroll_one(client, Told(args.photo, sides, given, args.entry or "", args.new))


def _sides(args: argparse.Namespace) -> Sequence[str]:
    """The side of each photo; none where they are not said. InvalidRequest before any photo is sent if one is wrong."""
    sides = [side for side in args.side or () if side]
    for side in sides:
        check_side(side, (*SIDES, BOTH))
    if not sides:
        return FACES if len(args.photo) == len(FACES) else ()
    if len(sides) == 1:
        return sides * len(args.photo)
    if len(sides) != len(args.photo):
        args.parser.error(f"--side is given {len(sides)} times for {counted(len(args.photo), 'photo')}: once for each")
    return sides
