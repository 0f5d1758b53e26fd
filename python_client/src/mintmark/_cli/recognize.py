"""`mintmark recognize`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mintmark._cli import colour
from mintmark._cli.answers import print_coins, print_pair, print_recognition, why_nothing
from mintmark._cli.options import Commands, add_command, add_filters, filters_of, picture_file, positive
from mintmark._cli.output import INTERRUPTED, JsonArray, complain, counted, json_line
from mintmark._cli.photos import photos_of
from mintmark._client import Client
from mintmark._contract import DEFAULT_K, PHOTO_FORMATS
from mintmark._errors import InvalidRequest, MintmarkError, ServerUnavailable, Unauthorized
from mintmark._pictures.canvas import Picture, decoded, save
from mintmark._pictures.coins import draw_coins
from mintmark._pictures.loading import load
from mintmark._pictures.recognition import MATCHES, Alike, draw_pair, draw_recognition
from mintmark._sums import denominations
from mintmark._types import FoundCoin, PairRecognition, Recognition, View


class _Answer(NamedTuple):
    """An answer in each of the forms in which it is given."""

    said: dict[str, Any]  # for programs
    tell: Callable[[], None]  # prints it for people
    draw: Callable[[], Picture]
    notes: Sequence[str]


class _Notes:
    """Says notes once in a run, since they are about the catalog."""

    def __init__(self) -> None:
        self._told = False

    def tell(self, notes: Sequence[str]) -> None:
        """Say them, unless they were said."""
        for note in () if self._told else notes:
            self._told = True
            complain(note)


_Ask = Callable[[Client, Sequence[str], argparse.Namespace], _Answer]


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `recognize`."""
    parser = add_command(commands, common, "recognize", "Say which coins the photos show.")
    parser.add_argument(
        "photos", nargs="+", metavar="PHOTO", help=f"{', '.join(PHOTO_FORMATS)}; a folder stands for the photos in it"
    )
    parser.add_argument(
        "--top", type=positive, default=DEFAULT_K, metavar="K", help="matches for each photo (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON array, one object for each photo")
    parser.add_argument("--jsonl", action="store_true", help="print a JSON object for each photo as soon as it is done")
    parser.add_argument(
        "--draw", type=picture_file, metavar="OUT.png", help="draw the result; for several photos: OUT-1.png, …"
    )
    parser.add_argument(
        "--candidates", type=positive, metavar="N", help="photos of the catalog whose relief is compared"
    )
    parser.add_argument(
        "--no-verify", dest="verify", action="store_false", help="do not compare reliefs: judge by the embedding alone"
    )
    parser.add_argument("--all", action="store_true", help="every coin of the photo, not the largest alone")
    parser.add_argument(
        "--pair", action="store_true", help="the photos are pairs of both sides of a coin: one answer for each pair"
    )
    parser.add_argument(
        "--both", action="store_true", help="each photo shows both sides of a coin, one beside the other"
    )
    parser.add_argument("--sum", action="store_true", help="with --all: add the denominations of each currency")
    add_filters(parser, "Search only the coins that pass all filters.")
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Recognize each photo or pair of photos; one that fails is reported and does not stop the rest."""
    if args.sum and not args.all:
        raise InvalidRequest("--sum adds up all coins of a photo: give --all too")
    if args.pair + args.both + args.all > 1:
        raise InvalidRequest(
            "--pair is about two photos of one coin, --both about one photo of its two sides, --all about every coin of"
            " a photo: give one of them"
        )
    photos = photos_of(args.photos)
    if args.pair and len(photos) % 2:
        raise InvalidRequest(
            f"--pair takes two photos of each coin, not {counted(len(photos), 'photo')} in all; for a photo that shows"
            " both sides, give --both"
        )
    ask = _pair if args.pair or args.both else _every if args.all else _one
    together = 2 if args.pair else 1
    asked = [photos[first : first + together] for first in range(0, len(photos), together)]
    done, notes = 0, _Notes()
    failed = False
    try:
        with JsonArray() if args.json else nullcontext() as array:
            for number, of in enumerate(asked, 1):
                answer = _answered(client, ask, of, args, array)
                done = number
                if answer and not (args.json or args.jsonl):
                    notes.tell(answer.notes)
                if answer and args.draw:
                    out = args.draw if len(asked) == 1 else _numbered(args.draw, number)
                    failed |= not _drawn(answer, of, out)
                failed |= answer is None
    except KeyboardInterrupt:
        what = "pair" if args.pair else "photo"
        complain(f"interrupted: {done} of {counted(len(asked), what)} done")
        return INTERRUPTED
    return int(failed)


def _answered(
    client: Client, ask: _Ask, photos: Sequence[str], args: argparse.Namespace, array: JsonArray | None
) -> _Answer | None:
    """Ask about a photo or a pair, and print the answer at once; None, and a complaint, if it failed."""
    try:
        answer = ask(client, photos, args)
        if array:
            array.add(answer.said, now=True)
        elif args.jsonl:
            print(json_line(answer.said), flush=True)
        else:
            answer.tell()
            sys.stdout.flush()
    except (BrokenPipeError, ServerUnavailable, Unauthorized):
        raise
    except (MintmarkError, OSError) as error:
        complain(colour.error(f"{' + '.join(photos)}: {error}"))
        if args.jsonl:
            print(json_line({**_named(photos), "error": str(error)}), flush=True)
        return None
    return answer


def _named(photos: Sequence[str]) -> dict[str, Any]:
    return {"photo": photos[0]} if len(photos) == 1 else {"photos": list(photos)}


def _drawn(answer: _Answer, photos: Sequence[str], out: Path) -> bool:
    """Draw an answer; what goes wrong is reported, since the answer is there already."""
    try:
        save(out, answer.draw())
    except (ServerUnavailable, Unauthorized):
        raise
    except (MintmarkError, OSError) as error:
        complain(colour.error(f"{' + '.join(photos)}: not drawn: {error}"))
        return False
    return True


def _one(client: Client, photos: Sequence[str], args: argparse.Namespace) -> _Answer:
    """The largest coin."""
    (photo,) = photos
    recognition = client.recognize(photo, args.top, filters_of(args), verify=args.verify, candidates=args.candidates)

    def draw() -> Picture:
        views = _views(client, recognition)
        return draw_recognition(load(photo), recognition, views, _alike(client, photo, recognition, views))

    def tell() -> None:
        print_recognition(photo, recognition, why_nothing(client, filters_of(args)))

    return _Answer({**_named(photos), **asdict(recognition)}, tell, draw, recognition.notes)


def _pair(client: Client, photos: Sequence[str], args: argparse.Namespace) -> _Answer:
    """Both sides of a coin, in two photos or in one."""
    one, other = photos if len(photos) == 2 else (photos[0], None)
    options = {"verify": args.verify, "candidates": args.candidates}
    pair = client.recognize_pair(one, other, args.top, filters_of(args), **options)
    return _Answer(
        {**_named(photos), **asdict(pair)},
        lambda: print_pair(photos, pair, why_nothing(client, filters_of(args))),
        lambda: draw_pair([load(photo) for photo in photos], pair, _views(client, pair)),
        pair.notes,
    )


def _every(client: Client, photos: Sequence[str], args: argparse.Namespace) -> _Answer:
    """All coins."""
    (photo,) = photos
    coins = client.recognize_all(photo, args.top, filters_of(args), verify=args.verify, candidates=args.candidates)
    sums = denominations(coins) if args.sum else {}

    def tell() -> None:
        print_coins(photo, coins, why_nothing(client, filters_of(args)))
        for currency, total in sums.items():
            print(f"  {total} {currency}")

    notes = coins[0].notes if coins else ()
    said = {"coins": [_without_notes(coin) for coin in coins], "notes": notes, **({"sums": sums} if args.sum else {})}
    return _Answer({**_named(photos), **said}, tell, lambda: draw_coins(load(photo), coins), notes)


def _without_notes(coin: FoundCoin) -> dict[str, Any]:
    """A coin as an object; the notes are said once for the photo."""
    return {name: value for name, value in asdict(coin).items() if name != "notes"}


def _views(client: Client, answer: Recognition | PairRecognition) -> list[tuple[View, ...]]:
    """The views of the entries that are drawn."""
    return [client.views(match.entry.id) for match in answer.matches[:MATCHES]]


def _alike(client: Client, photo: str, recognition: Recognition, views: Sequence[Sequence[View]]) -> Alike | None:
    """The photo's coin and the picture that it matched best, if their reliefs were compared."""
    best = recognition.matches[0] if recognition.matches else None
    if best is None or best.angle is None:
        return None
    kept = next((view.picture for view in views[0] if view.id == best.view), b"")
    if not kept:
        return None
    return Alike(np.ascontiguousarray(client.embed(photo).coin[:, :, ::-1]), decoded(kept), best.angle)


def _numbered(out: Path, number: int) -> Path:
    return out.with_name(f"{out.stem}-{number}{out.suffix}")
