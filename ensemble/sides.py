"""What is wrong with a text that should be a side of a coin, and which side it means."""

import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from ensemble.entry import SIDE, SIDES

# What people call the sides in English, German, French, Spanish and Italian, without accents and points; and what
# telephones make of the first.
_NAMES = dict(
    zip(
        SIDES,
        (
            "obverse observe obv front head heads face av avers vorderseite vs bildseite kopf kopfseite avant droit"
            " anverso cara dritto diritto testa",
            "reverse rev back tail tails rv revers ruckseite rueckseite rs wertseite zahl zahlseite arriere dos pile"
            " reverso cruz rovescio verso croce",
            "edge rim border rand kante randschrift tranche canto borde bordo taglio contorno",
        ),
        strict=True,
    )
)
_SIDE_OF = {name: side for side, names in _NAMES.items() for name in names.split()}
_CLOSE, _CLEAR = 0.75, 0.05  # what a close spelling has of difflib's ratio, and more of it than any of another side
_SHOWN = 40  # characters of what was given


def wrong_side(text: str, sides: Sequence[str] = SIDES) -> str:
    """Why a text is no side of a coin, on one line, with the side that it seems to mean; '' if it is one of `sides`."""
    if text in sides:
        return ""
    given = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    meant = _meant(text, sides)
    guess = f"did you mean {meant!r}? " if meant else ""
    return f"{SIDE} is {given!r}: {guess}a side is {', '.join(SIDES[:-1])} or {SIDES[-1]}"


def _meant(text: str, sides: Sequence[str]) -> str:
    """The side that a text names, or nearly names; '' where it may be two of them, or none."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", text[:_SHOWN].casefold()) if letter.isalpha())
    names = {**_SIDE_OF, **{side: side for side in sides}}
    if letters in names:
        return names[letters]
    near = dict.fromkeys(sides, 0.0)
    for name, side in names.items():
        near[side] = max(near[side], SequenceMatcher(None, letters, name).ratio())
    second, first = sorted(near, key=near.__getitem__)[-2:]
    return first if near[first] >= max(_CLOSE, near[second] + _CLEAR) else ""
