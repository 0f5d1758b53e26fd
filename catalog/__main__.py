"""What an operator does with a catalog's folder beside the server.

    python -m catalog build FOLDER FINGERPRINT INDEX    build the index now; running servers then use it
    python -m catalog check FOLDER [--repair]           check every row, and the saved indexes against the database

--repair sets aside what cannot be used: embeddings that are no unit vectors, relief maps of another length, pictures
that cannot be read, metadata that are no JSON. It moves them to FOLDER/set-aside, a file for each. What was made of
pictures is made again by `mintmark reembed`.
FINGERPRINT is the model's, as `mintmark status` shows it. INDEX is as in MINTMARK_INDEX. Exit status: 0; 1 if building
fails or the check finds something wrong; 3 if another process is building.
"""

import argparse
import inspect
import os
import sys
from pathlib import Path

from catalog.folder.check import problems, repair
from catalog.folder.index.builder import BUSY, TooFewViewsError, alone, build
from catalog.folder.index.spec import SpecError, parse_spec
from catalog.service.picture import check_picture
from ensemble.errors import CatalogError

NICE = 10  # searches must not wait for a build


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m catalog",
        description=inspect.getdoc(sys.modules[__name__]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build")
    building.add_argument("folder", type=Path)
    building.add_argument("fingerprint")
    building.add_argument("index")
    checking = commands.add_parser("check")
    checking.add_argument("folder", type=Path)
    checking.add_argument("--repair", action="store_true", help="set aside what cannot be used")
    options = parser.parse_args(argv)
    try:
        return _check(options.folder, options.repair) if options.command == "check" else _build(options)
    except (CatalogError, SpecError, TooFewViewsError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _build(options: argparse.Namespace) -> int:
    os.nice(NICE)
    with alone(options.folder) as held:
        if not held:
            print("another process is building", file=sys.stderr)
            return BUSY
        stamp = build(options.folder, options.fingerprint, parse_spec(options.index))
    print(f"{stamp.spec} of {stamp.views} views, up to change {stamp.sequence}: {dict(stamp.measured)}")
    return 0


def _check(folder: Path, repairing: bool) -> int:
    for line in repair(folder, check_picture) if repairing else ():
        print(f"set aside: {line}")
    found = problems(folder, check_picture)
    for problem in found:
        print(problem)
    print("something is wrong" if found else "all is well")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
