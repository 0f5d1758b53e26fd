"""`mintmark recognize`."""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np

from mintmark._cli.options import Commands, add_command, key_value, option, picture_file, positive, whole
from mintmark._cli.output import (
    ENTRY_COLUMNS,
    cells,
    complain,
    counted,
    json_line,
    print_json,
    print_table,
    shortened,
)
from mintmark._cli.terminal import one_line
from mintmark._client import Client
from mintmark._contract import DEFAULT_K, FILTERS, METADATA_FILTER, PHOTO_FORMATS, WHOLE_NUMBERS
from mintmark._errors import InvalidRequest, MintmarkError, ServerUnavailable, Unauthorized
from mintmark._pictures.alike import draw_alike
from mintmark._pictures.canvas import Picture, below, decoded, load, save
from mintmark._pictures.coins import draw_coins
from mintmark._pictures.recognition import draw_recognition
from mintmark._types import FilterCheck, FoundCoin, Match, Recognition


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `recognize`."""
    parser = add_command(commands, common, "recognize", "Say which coins the photos show.")
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help=", ".join(PHOTO_FORMATS))
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
    parser.add_argument("--sum", action="store_true", help="with --all: add the denominations of each currency")
    filters = parser.add_argument_group("filters", "Search only the coins that pass all filters.")
    for name in FILTERS:
        filters.add_argument(option(name), type=whole if name in WHOLE_NUMBERS else str, metavar=name.upper())
    filters.add_argument(
        "--where",
        action="append",
        default=[],
        type=key_value,
        metavar="KEY=VALUE",
        help="a key of the free metadata; may be repeated",
    )
    parser.set_defaults(run=run)


def run(client: Client, args: argparse.Namespace) -> int:
    """Recognize each photo; a photo that fails is reported and does not stop the rest."""
    if args.sum and not args.all:
        raise InvalidRequest("--sum adds up all coins of a photo: give --all too")
    ask = _every if args.all else _one
    answers: list[dict[str, Any]] = []
    failed = False
    for number, photo in enumerate(args.photos, 1):
        out = args.draw if len(args.photos) == 1 or not args.draw else _numbered(args.draw, number)
        try:
            answer = {"photo": photo, **ask(client, photo, args, out)}
        except (ServerUnavailable, Unauthorized):
            raise
        except (MintmarkError, OSError) as error:
            failed = True
            complain(f"{photo}: {error}")
            answer = {"photo": photo, "error": str(error)}
        if args.jsonl:
            print(json_line(answer), flush=True)
        elif args.json and "error" not in answer:
            answers.append(answer)
    if args.json:
        print_json(answers)
    return int(failed)


def _one(client: Client, photo: str, args: argparse.Namespace, out: Path | None) -> dict[str, Any]:
    """The largest coin: asked for, drawn, printed."""
    options = {"verify": args.verify, "candidates": args.candidates}
    recognition = client.recognize(photo, args.top, _filters(args), **options)
    if out:
        save(out, _drawn(client, photo, recognition))
    if not (args.json or args.jsonl):
        _print(photo, recognition, _why_nothing(client, args))
    return asdict(recognition)


def _every(client: Client, photo: str, args: argparse.Namespace, out: Path | None) -> dict[str, Any]:
    """All coins: asked for, drawn, printed."""
    options = {"verify": args.verify, "candidates": args.candidates}
    coins = client.recognize_all(photo, args.top, _filters(args), **options)
    if out:
        save(out, draw_coins(load(photo), coins))
    sums = denominations(coins) if args.sum else {}
    if not (args.json or args.jsonl):
        _print_coins(photo, coins)
        if coins and not any(coin.matches for coin in coins):
            print(f"  {_why_nothing(client, args)()}")
        for currency, total in sums.items():
            print(f"  {total} {currency}")
    return {"coins": [asdict(coin) for coin in coins], **({"sums": sums} if args.sum else {})}


def denominations(coins: Sequence[FoundCoin]) -> dict[str, str]:
    """The sum of the known coins' denominations by currency; a denomination that is no number is counted by itself."""
    numbers: dict[str, Decimal] = {}
    others: Counter[str] = Counter()
    for coin in coins:
        if coin.known and coin.matches:
            entry = coin.matches[0].entry
            try:
                value = Decimal(entry.denomination)
            except InvalidOperation:
                value = Decimal("NaN")
            if value.is_finite():
                numbers[entry.currency] = numbers.get(entry.currency, Decimal()) + value
            else:
                others[f"{entry.denomination} {entry.currency}"] += 1
    return {currency: str(total) for currency, total in numbers.items()} | {
        name: counted(count, "piece") for name, count in others.items()
    }


def _drawn(client: Client, photo: str, recognition: Recognition) -> Picture:
    """The photo with what was found; below it, the coin beside the picture that it matched, if the catalog keeps it."""
    best = recognition.matches[0] if recognition.matches else None
    views = client.views(best.entry.id) if best and best.angle is not None else ()
    kept = next((view.picture for view in views if best and view.id == best.view and view.picture), b"")
    drawn = draw_recognition(load(photo), recognition)
    if best is None or best.angle is None or not kept:
        return drawn
    coin = np.ascontiguousarray(client.embed(photo).coin[:, :, ::-1])
    return below(drawn, draw_alike(coin, decoded(kept), best.angle))


def _filters(args: argparse.Namespace) -> dict[str, str | int]:
    given = {name: value for name in FILTERS if (value := getattr(args, name)) is not None}
    return given | {f"{METADATA_FILTER}{key}": value for key, value in args.where}


def _numbered(out: Path, number: int) -> Path:
    return out.with_name(f"{out.stem}-{number}{out.suffix}")


def _why_nothing(client: Client, args: argparse.Namespace) -> Callable[[], str]:
    """Says why a search had nothing to compare with: what the filters left, and which values there are."""

    def ask() -> str:
        filters = _filters(args)
        checks = client.check_filters(filters) if filters else ()
        if failing := [check for check in checks if not check.views]:
            return "; ".join(map(_nothing_has, failing))
        if checks and all(check.views for check in checks):
            left = (f"{check.filter} {check.value!r} alone leaves {counted(check.views, 'view')}" for check in checks)
            return f"no view of the catalog passes all filters: {', '.join(left)}"
        return "the catalog has nothing to compare with"

    return ask


def _nothing_has(check: FilterCheck) -> str:
    nearest = ", ".join(map(repr, map(shortened, check.nearest)))
    there = f"the nearest there are: {nearest}" if nearest else "none has a value there"
    return f"no view of the catalog has the {check.filter} {check.value!r}; {there}"


def _print(photo: str, recognition: Recognition, why_nothing: Callable[[], str]) -> None:
    print(one_line(f"{photo}: {_verdict(recognition, why_nothing)}"))
    rows = []
    for rank, match in enumerate(recognition.matches, 1):
        *fields, key = cells(match.entry)
        rows.append([str(rank), f"{match.score:.3f}", *fields, match.side, key, _parts(match)])
    if rows:
        print_table(rows, right=frozenset({0}), indent="  ")


def _print_coins(photo: str, coins: Sequence[FoundCoin]) -> None:
    known = sum(coin.known for coin in coins)
    print(one_line(f"{photo}: {counted(len(coins), 'coin')}, {known} of them known"))
    rows = []
    for number, coin in enumerate(coins, 1):
        verdict = "known" if coin.known else "unknown"
        best = coin.matches[0] if coin.matches else None
        fields = cells(best.entry) if best else [""] * len(ENTRY_COLUMNS)
        rows.append([str(number), verdict, f"{best.score:.3f}" if best else "", *fields])
    if rows:
        print_table(rows, right=frozenset({0}), indent="  ")


def _parts(match: Match) -> str:
    """What the score is made of."""
    relief = "not compared" if match.correlation is None else f"{match.correlation:.3f}"
    return f"(embedding {match.cosine:.3f}, relief {relief})"


def _verdict(recognition: Recognition, why_nothing: Callable[[], str]) -> str:
    if not recognition.found:
        return f"unknown: no coin found (probability {recognition.probability:.2f})"
    if not recognition.matches:
        return f"unknown: {why_nothing()}"
    best = recognition.matches[0]
    numbers = f"score {best.score:.3f}, margin {recognition.margin:.3f}"
    return f"match: {shortened(best.entry.name)} ({numbers})" if recognition.known else f"unknown ({numbers}); nearest:"
