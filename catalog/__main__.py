"""What an operator does with a catalog's folder beside the server.

    python -m catalog build FOLDER FINGERPRINT INDEX    build the index now; running servers then use it
    python -m catalog check FOLDER                      compare the database with the saved indexes

FINGERPRINT is the model's, as `mintmark status` shows it. INDEX is as in MINTMARK_INDEX. Exit status: 0; 1 if building
fails or the check finds something wrong; 3 if another process is building.
"""

import argparse
import inspect
import os
import sys
from pathlib import Path

from catalog.folder.check import problems
from catalog.folder.index.builder import BUSY, TooFewViewsError, alone, build
from catalog.folder.index.spec import SpecError, parse_spec
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
    commands.add_parser("check").add_argument("folder", type=Path)
    options = parser.parse_args(argv)
    try:
        return _check(options.folder) if options.command == "check" else _build(options)
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


def _check(folder: Path) -> int:
    found = problems(folder)
    for problem in found:
        print(problem)
    print("something is wrong" if found else "all is well")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
