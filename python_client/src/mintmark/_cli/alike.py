"""`mintmark similar` and `duplicates`: entries that are hard to tell apart."""

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from mintmark._cli.options import Commands, add_command, positive
from mintmark._cli.output import Progress, counted, print_json, print_table
from mintmark._client import Client
from mintmark._contract import DEFAULT_K
from mintmark._errors import EntryNotFound
from mintmark._types import Entry, Similar

_BLOCK = 256  # entries that are read before the next are asked about
_NEAREST = 20  # entries that one is compared with; of more duplicates, each finds some


@dataclass(frozen=True, slots=True)
class Pair:
    """Two entries that look the same: the first, and what is said of the second."""

    first: Entry
    second: Similar


def add_commands(commands: Commands, common: argparse.ArgumentParser) -> None:
    """Add `similar` and `duplicates`."""
    similar = add_command(commands, common, "similar", "Say which entries look most like one entry.")
    similar.add_argument("id", metavar="ID", help="the entry's id, as `list` shows it")
    similar.add_argument("--top", type=positive, default=DEFAULT_K, metavar="K", help="how many (%(default)s)")
    similar.add_argument("--json", action="store_true", help="print a JSON array")
    similar.set_defaults(run=run_similar)
    duplicates = add_command(
        commands, common, "duplicates", "List pairs of entries that look the same, or have the very same photo."
    )
    duplicates.add_argument(
        "--from",
        type=_probability,
        dest="least",
        metavar="SCORE",
        help="probability from which a pair is listed (that from which a coin counts as known)",
    )
    duplicates.add_argument(
        "--concurrency", type=positive, default=4, metavar="N", help="entries at a time (%(default)s)"
    )
    duplicates.add_argument("--json", action="store_true", help="print a JSON array of pairs")
    duplicates.set_defaults(run=run_duplicates)


def _probability(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 1, not {text}")
    return number


def run_similar(client: Client, args: argparse.Namespace) -> int:
    """Print what looks like an entry."""
    found = client.similar(args.id, args.top)
    if args.json:
        print_json(found)
    elif found:
        columns = ["score", "name", "country", "year", "own view", "view", "id"]
        print_table([columns, *([*_scored(one), one.entry.id] for one in found)])
    else:
        print("nothing to compare with")
    return 0


def _scored(one: Similar) -> list[str]:
    fields = [one.entry.name, one.entry.country, "" if one.entry.year is None else str(one.entry.year)]
    return [_score(one), *fields, _view(one.own_side, one.own_view), _view(one.side, one.view)]


def _score(one: Similar) -> str:
    return "same photo" if one.same_photo else f"{one.score:.3f}"


def _view(side: str, view: str) -> str:
    return f"{side} {view}".strip()


def run_duplicates(client: Client, args: argparse.Namespace) -> int:
    """Compare all entries with what is nearest to them, and print the pairs that look the same."""
    status = client.status()
    least = status.threshold if args.least is None else args.least
    pairs: dict[frozenset[str], Pair] = {}
    for entry, found in _all_similar(client, status.entries, args.concurrency):
        for one in found:
            if one.same_photo or one.score >= least:
                both = frozenset({entry.id, one.entry.id})
                if both not in pairs or _rank(one) < _rank(pairs[both].second):
                    pairs[both] = Pair(entry, one)
    ranked = sorted(pairs.values(), key=lambda pair: (*_rank(pair.second), pair.first.id, pair.second.entry.id))
    if args.json:
        print_json(ranked)
        return 0
    if ranked:
        columns = ["score", "name", "view", "id", "name", "view", "id"]
        print_table([columns, *map(_pair_cells, ranked)])
    print(_summary(ranked))
    return 0


def _rank(one: Similar) -> tuple[bool, float]:
    return not one.same_photo, -one.score


def _pair_cells(pair: Pair) -> list[str]:
    one = pair.second
    own = [pair.first.name, _view(one.own_side, one.own_view), pair.first.id]
    return [_score(one), *own, one.entry.name, _view(one.side, one.view), one.entry.id]


def _summary(pairs: Sequence[Pair]) -> str:
    same = sum(pair.second.same_photo for pair in pairs)
    if not pairs:
        return "no two entries look the same"
    return f"{counted(len(pairs), 'pair')} of entries look the same, {same} of them with the very same photo"


def _all_similar(client: Client, total: int, workers: int) -> Iterator[tuple[Entry, tuple[Similar, ...]]]:
    """What is nearest to each entry; the server's index is loaded by the first request, which comes alone."""

    def ask(entry: Entry) -> tuple[Similar, ...]:
        try:
            return client.similar(entry.id, _NEAREST)
        except EntryNotFound:  # it was removed meanwhile
            return ()

    entries = client.entries()
    with Progress("entries", total) as progress, ThreadPoolExecutor(workers) as pool:
        try:
            for first in islice(entries, 1):
                yield first, ask(first)
                progress.advance()
            while block := list(islice(entries, _BLOCK)):
                for entry, found in zip(block, pool.map(ask, block), strict=True):
                    yield entry, found
                    progress.advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
