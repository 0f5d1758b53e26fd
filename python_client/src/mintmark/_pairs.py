"""Two photos of one coin, one of each side: which entry both agree on.

The scores of two sides are independent evidence, so their log odds add up. An entry of which the catalog has one side
alone says nothing about the other side: there, the better score counts.
"""

import math
from bisect import insort
from collections.abc import Callable, Collection
from dataclasses import dataclass

from mintmark._types import Entry, Match, PairMatch, PairRecognition, Recognition

_LEAST = 1e-7  # of a score and of 1 minus a score: a float32 tells no more


@dataclass
class _Candidate:
    entry: Entry
    matches: tuple[Match | None, Match | None]
    odds: tuple[float, float]  # log odds of both photos

    @property
    def most(self) -> float:
        """What its log odds are at most, whichever sides the catalog has."""
        return max(sum(self.odds), *self.odds)


def joined(
    one: Recognition, other: Recognition, k: int, asked: int, threshold: float, sides: Callable[[str], Collection[str]]
) -> PairRecognition:
    """One answer of the answers to both photos; a photo without a coin does not count.

    `asked`: how many matches were asked for, of each photo. `threshold`: score from which a coin counts as known.
    `sides`: tells the sides of an entry that the catalog compares; asked only where a side that is missing decides.
    """
    best: list[tuple[float, int, _Candidate]] = []
    for place, candidate in enumerate(sorted(_candidates(one, other, asked), key=lambda one: -one.most)):
        if len(best) > k and -best[k][0] >= candidate.most:  # one more than k, for the margin
            break
        insort(best, (-_log_odds(candidate, one.found and other.found, sides), place, candidate))
    scored = [(1 / (1 + math.exp(value)), candidate) for value, _, candidate in best]
    first, second = [*(score for score, _ in scored), 0.0, 0.0][:2]
    return PairRecognition(
        answers=(one, other),
        known=bool(scored) and first >= threshold,
        margin=first - second,
        matches=tuple(PairMatch(candidate.entry, score, candidate.matches) for score, candidate in scored[:k]),
        notes=tuple(dict.fromkeys((*one.notes, *other.notes))),
    )


def _candidates(one: Recognition, other: Recognition, asked: int) -> list[_Candidate]:
    first, second = ({match.entry.id: match for match in answer.matches} for answer in (one, other))
    rest = _of_the_rest(one, asked), _of_the_rest(other, asked)
    candidates = []
    for key in dict.fromkeys([*first, *second]):
        matches = first.get(key), second.get(key)
        odds = [unseen if match is None else _logit(match.score) for match, unseen in zip(matches, rest, strict=True)]
        candidates.append(_Candidate((first.get(key) or second[key]).entry, matches, (odds[0], odds[1])))
    return candidates


def _of_the_rest(answer: Recognition, asked: int) -> float:
    """Log odds of the entries that are not among the matches of a photo: at most those of the last one."""
    if not answer.found:
        return 0.0
    last = _logit(answer.matches[-1].score) if len(answer.matches) == asked else _logit(0.0)
    return min(last, 0.0)


def _log_odds(candidate: _Candidate, both: bool, sides: Callable[[str], Collection[str]]) -> float:
    if both and min(candidate.odds) < 0 and len(sides(candidate.entry.id)) < 2:
        return max(candidate.odds)
    return sum(candidate.odds)


def _logit(score: float) -> float:
    bounded = min(max(score, _LEAST), 1 - _LEAST)
    return math.log(bounded / (1 - bounded))
