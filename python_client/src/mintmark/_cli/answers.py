"""What the commands print of an answer: the verdict, and a table of its matches or coins."""

from collections.abc import Callable, Mapping, Sequence

from mintmark._cli import colour
from mintmark._cli.output import ENTRY_COLUMNS, cells, counted, print_table, shortened
from mintmark._cli.terminal import one_line
from mintmark._client import Client
from mintmark._types import FilterCheck, FoundCoin, Match, PairMatch, PairRecognition, Recognition

_UNKNOWN = colour.unknown("unknown")

Why = Callable[[], str]
"""Says why a search had nothing to compare with."""


def why_nothing(client: Client, filters: Mapping[str, str | int]) -> Why:
    """What the filters left, and which values there are; asked for only where nothing was left."""

    def ask() -> str:
        checks = client.check_filters(filters) if filters else ()
        if failing := [check for check in checks if not check.views]:
            return "; ".join(map(_nothing_has, failing))
        if checks:
            left = (f"{check.filter} {check.value!r} alone leaves {counted(check.views, 'view')}" for check in checks)
            return f"no view of the catalog passes all filters: {', '.join(left)}"
        return "the catalog has nothing to compare with"

    return ask


def _nothing_has(check: FilterCheck) -> str:
    nearest = ", ".join(map(repr, map(shortened, check.nearest)))
    there = f"the nearest there are: {nearest}" if nearest else "none has a value there"
    return f"no view of the catalog has the {check.filter} {check.value!r}; {there}"


def print_recognition(photo: str, recognition: Recognition, why: Why) -> None:
    """The verdict on the coin of a photo, and its matches."""
    if recognition.found:
        said = _verdict(recognition, why)
    else:
        said = (_UNKNOWN, f": no coin found (probability {recognition.probability:.2f})")
    rows = [[*_ranked(match), match.side, match.entry.id, _parts(match)] for match in recognition.matches]
    _print(photo, said, rows)


def print_pair(photos: Sequence[str], pair: PairRecognition, why: Why) -> None:
    """The verdict on the coin of two photos, and its matches with the score of either side."""
    found = any(answer.found for answer in pair.answers)
    said = _verdict(pair, why) if found else (_UNKNOWN, ": no coin found in either photo")
    rows = []
    for match in pair.matches:
        sides = (f"{seen.side} {seen.score:.3f}" if seen else "-" for seen in match.matches)
        rows.append([*_ranked(match), match.entry.id, f"({', '.join(sides)})"])
    _print(" + ".join(photos), said, rows)


def print_coins(photo: str, coins: Sequence[FoundCoin], why: Why) -> None:
    """All coins of a photo, each with its best match."""
    known = sum(coin.known for coin in coins)
    rows = []
    for coin in coins:
        best = coin.matches[0] if coin.matches else None
        fields = cells(best.entry) if best else [""] * len(ENTRY_COLUMNS)
        rows.append([colour.known("known") if coin.known else _UNKNOWN, f"{best.score:.3f}" if best else "", *fields])
    _print(photo, [f"{counted(len(coins), 'coin')}, {known} of them known"], rows)
    if coins and not any(coin.matches for coin in coins):
        print(f"  {why()}")


def _print(photo: str, said: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """One line, whose parts may be painted, and a table whose rows are numbered."""
    colour.say(one_line(f"{photo}: "), *(colour.like(part, one_line(part)) for part in said))
    if rows:
        print_table([[str(number), *row] for number, row in enumerate(rows, 1)], right=frozenset({0}), indent="  ")


def _ranked(match: Match | PairMatch) -> list[str]:
    return [f"{match.score:.3f}", *cells(match.entry)[:-1]]


def _parts(match: Match) -> str:
    """What the score is made of."""
    relief = "not compared" if match.correlation is None else f"{match.correlation:.3f}"
    return f"(embedding {match.cosine:.3f}, relief {relief})"


def _verdict(answer: Recognition | PairRecognition, why: Why) -> Sequence[str]:
    """The parts of a line."""
    if not answer.matches:
        return _UNKNOWN, f": {why()}"
    best = answer.matches[0]
    numbers = f"(score {best.score:.3f}, margin {answer.margin:.3f})"
    if not answer.known:
        return _UNKNOWN, f" {numbers}; nearest:"
    return colour.known("match"), ": ", colour.bold(shortened(best.entry.name)), f" {numbers}"
