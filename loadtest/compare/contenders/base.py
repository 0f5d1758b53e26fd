"""The interface of every contender, its answers, and when two answers count as equal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ensemble.chain import Arrays
from ensemble.contract import COIN_ID, ELLIPSE, FOUND, SCORE
from loadtest.generator import Sample
from loadtest.processes import ProcessTree
from mintmark import Ellipse
from mintmark.metrics import ellipse_iou

# bfloat16 now and then moves an outline by a lobe of the mask, and the score with it. Most scores agree to 0.01.
SCORE_TOLERANCE = 0.1  # probability
IOU_TOLERANCE = 0.9  # of two outlines of one coin


@dataclass(frozen=True)
class Answer:
    """A contender's answer about a photo: best matches first."""

    found: bool
    ids: tuple[str, ...]
    scores: tuple[float, ...]
    ellipse: tuple[float, ...]  # cx, cy, a, b, angle; () where no coin was found


class Contender(Protocol):
    """A running way to recognize coins."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def tree(self) -> ProcessTree | None:
        """Its processes besides this one; None where they are not given."""

    def answer(self, photo: bytes) -> Answer:
        """Its answer about a photo."""

    def load(self, photos: Sequence[bytes], concurrency: int, seconds: float) -> list[Sample]:
        """Keep `concurrency` requests under way for `seconds`."""

    def close(self) -> None:
        """End it."""


def from_tensors(tensors: Arrays) -> Answer:
    """The answer from the outputs of the pipeline's steps for one photo, each [1, …]."""
    found = bool(tensors[FOUND.name][0, 0] > 0.5)
    rows = [
        (key.decode(), float(score))
        for key, score in zip(tensors[COIN_ID.name][0], tensors[SCORE.name][0], strict=True)
        if key
    ]
    ellipse = tuple(float(value) for value in tensors[ELLIPSE.name][0]) if found else ()
    return Answer(found, tuple(key for key, _ in rows), tuple(score for _, score in rows), ellipse)


def difference(one: Answer, other: Answer) -> str:
    """The first difference between two answers beyond the tolerances, in words; '' where there is none.

    Entries whose scores are closer than the tolerance may change places.
    """
    if one.found != other.found:
        return f"found is {one.found} and {other.found}"
    if len(one.ids) != len(other.ids):
        return f"{len(one.ids)} and {len(other.ids)} matches"
    apart = [abs(a - b) for a, b in zip(one.scores, other.scores, strict=True)]
    if max(apart, default=0.0) > SCORE_TOLERANCE:
        return f"scores differ by {max(apart):.3f}"
    for a, b in ((one, other), (other, one)):
        theirs = dict(zip(b.ids, b.scores, strict=True))
        for key, score in zip(a.ids, a.scores, strict=True):
            # An entry that the other does not list ranks below the other's last entry.
            if abs(score - theirs.get(key, min(score, b.scores[-1]))) > SCORE_TOLERANCE:
                return f"entry {key} scores {score:.3f} and {theirs.get(key, 'is not listed')}"
    if one.found and (iou := ellipse_iou(Ellipse(*one.ellipse), Ellipse(*other.ellipse))) < IOU_TOLERANCE:
        return f"the outlines overlap by {iou:.3f}"
    return ""
