"""What an operator does with a catalog's folder beside the server.

    python -m catalog build FOLDER FINGERPRINT INDEX    build the index now; running servers then use it
    python -m catalog check FOLDER [--repair]           check every row, and the saved indexes against the database
    python -m catalog backup FOLDER FILE                write the whole catalog to a new file, and check that
    python -m catalog restore FILE FOLDER               put it back; what was there before is kept in FOLDER

Servers may run on the folder meanwhile.
--repair sets aside what cannot be used: embeddings that are no unit vectors, relief maps of another length, pictures
that cannot be read, metadata that are no JSON. It moves them to FOLDER/set-aside, a file for each. What was made of
pictures is made again by `mintmark reembed`.
FINGERPRINT is the model's, as `mintmark status` shows it. INDEX is as in MINTMARK_INDEX. Exit status: 0; 1 if something
fails or a check finds something wrong; 3 if another process is building.
"""

import argparse
import inspect
import os
import sys
from pathlib import Path

from catalog.folder.backup import Held, back_up, restore
from catalog.folder.check import problems, repair
from catalog.folder.index.builder import BUSY, TooFewViewsError, alone, build
from catalog.folder.index.spec import SpecError, parse_spec
from catalog.folder.kind import FOLDER
from catalog.folder.sqlite.connection import check_there
from catalog.opening import kind_of
from catalog.service.picture import check_picture
from ensemble.errors import CatalogError

NICE = 10  # searches must not wait for a build


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m catalog",
        description=inspect.getdoc(sys.modules[__name__]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build")
    building.add_argument("folder")
    building.add_argument("fingerprint")
    building.add_argument("index")
    checking = commands.add_parser("check")
    checking.add_argument("folder")
    checking.add_argument("--repair", action="store_true", help="set aside what cannot be used")
    backing_up = commands.add_parser("backup")
    backing_up.add_argument("folder")
    backing_up.add_argument("file", type=Path)
    restoring = commands.add_parser("restore")
    restoring.add_argument("file", type=Path)
    restoring.add_argument("folder")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    options = parse(argv)
    run = {"build": _build, "check": _check, "backup": _back_up, "restore": _restore}[options.command]
    try:
        return run(options)
    except (CatalogError, SpecError, TooFewViewsError, OSError, RuntimeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _build(options: argparse.Namespace) -> int:
    os.nice(NICE)
    folder = _folder(options.folder)
    check_there(folder)
    with alone(folder) as held:
        if not held:
            print("another process is building", file=sys.stderr)
            return BUSY
        stamp = build(folder, options.fingerprint, parse_spec(options.index))
    print(f"{stamp.spec} of {stamp.views} views, up to change {stamp.sequence}: {dict(stamp.measured)}")
    return 0


def _check(options: argparse.Namespace) -> int:
    folder = _folder(options.folder)
    for line in repair(folder, check_picture) if options.repair else ():
        print(f"set aside: {line}")
    found = problems(folder, check_picture)
    for problem in found:
        print(problem)
    print("something is wrong" if found else "all is well")
    return int(bool(found))


def _back_up(options: argparse.Namespace) -> int:
    held = back_up(_folder(options.folder), options.file, check_picture)
    return _said(str(options.file), held)


def _restore(options: argparse.Namespace) -> int:
    held, before = restore(options.file, _folder(options.folder), check_picture)
    if before:
        print(before)
    return _said(options.folder, held)


def _folder(location: str) -> Path:
    """The folder of a catalog. Raises CatalogError for a catalog that lies elsewhere."""
    if kind_of(location) is not FOLDER:
        raise CatalogError(
            f"{location} is no folder: Milvus keeps its own indexes; its backup tool or `mintmark export` backs it up"
        )
    return Path(location)


def _said(name: str, held: Held) -> int:
    print(f"{name}: {held}")
    for problem in held.problems:
        print(problem)
    print("something is wrong: see `python -m catalog check --repair`" if held.problems else "all is well")
    return int(bool(held.problems))


if __name__ == "__main__":
    sys.exit(main())
