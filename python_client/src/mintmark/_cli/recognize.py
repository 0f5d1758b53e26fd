"""`mintmark recognize`."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mintmark import _draw
from mintmark._cli.common import Commands, add_command, cells, complain, positive, print_json, print_table
from mintmark._client import Client
from mintmark._contract import DEFAULT_K
from mintmark._errors import MintmarkError, ServerUnavailable, Unauthorized
from mintmark._types import Recognition


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `recognize`."""
    parser = add_command(commands, common, "recognize", "Say which coins the photos show.")
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="JPEG, PNG, WebP, BMP or TIFF")
    parser.add_argument("--top", type=positive, default=DEFAULT_K, metavar="K", help="matches for each photo (5)")
    parser.add_argument("--json", action="store_true", help="print a JSON array, one object for each photo")
    parser.add_argument("--draw", type=Path, metavar="OUT.png", help="draw the result; of several photos: OUT-1.png, …")
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Recognize each photo; one that fails is reported and does not stop the rest."""
    answers: list[dict[str, Any]] = []
    failed = False
    for number, photo in enumerate(args.photos, 1):
        try:
            recognition = client.recognize(photo, args.top)
            if args.draw:
                out = args.draw if len(args.photos) == 1 else _numbered(args.draw, number)
                _draw.save(out, _draw.draw(_draw.load(photo), recognition))
        except (ServerUnavailable, Unauthorized):
            raise
        except (MintmarkError, OSError) as error:
            failed = True
            complain(f"{photo}: {error}")
            continue
        answers.append({"photo": photo, **asdict(recognition)})
        if not args.json:
            _print(photo, recognition)
    if args.json:
        print_json(answers)
    return int(failed)


def _numbered(out: Path, number: int) -> Path:
    return out.with_name(f"{out.stem}-{number}{out.suffix}")


def _print(photo: str, recognition: Recognition) -> None:
    print(f"{photo}: {_verdict(recognition)}")
    rows = [[str(rank), f"{match.score:.3f}", *cells(match.entry)] for rank, match in enumerate(recognition.matches, 1)]
    if rows:
        print_table(rows, right=frozenset({0}), indent="  ")


def _verdict(recognition: Recognition) -> str:
    if not recognition.found:
        return "no coin found"
    if not recognition.known:
        return "a coin that is not in the catalog" + ("; nearest:" if recognition.matches else "")
    return recognition.matches[0].entry.name if recognition.matches else "known"
