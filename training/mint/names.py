"""Invented countries and the words on their coins."""

from dataclasses import dataclass

import numpy as np

_STARTS = (
    "Val",
    "Kor",
    "Est",
    "Mar",
    "Zel",
    "Tor",
    "Bra",
    "Lun",
    "Ost",
    "Ner",
    "Ard",
    "Pel",
    "Vis",
    "Gol",
    "Sar",
    "Hal",
)
_MIDDLES = ("d", "v", "m", "th", "r", "nd", "l", "st", "rn", "k", "b", "z")
_ENDS = ("ora", "ania", "avia", "ium", "esia", "ovo", "mark", "land", "eth", "ia", "undo", "istan")
_CURRENCIES = ("taler", "ducat", "florin", "penny", "groat", "crown", "lira", "mark", "peso", "denar", "kopa", "real")
_PLURALS = {"penny": "pence", "mark": "marks", "real": "reales"}
VALUES = (1, 2, 3, 5, 10, 15, 20, 25, 30, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Identity:
    """A catalog's description of one side of one coin type."""

    country: str
    currency: str
    denomination: int
    side: str  # obverse or reverse
    year: int

    @property
    def value(self) -> str:
        """Denomination with its currency, as '5 talers'."""
        if self.denomination == 1:
            return f"1 {self.currency}"
        return f"{self.denomination} {_PLURALS.get(self.currency, self.currency + 's')}"

    @property
    def name(self) -> str:
        """Plain words, as 'Valdora 5 talers obverse 1987'."""
        return f"{self.country} {self.value} {self.side} {self.year}"


def draw_country(rng: np.random.Generator) -> tuple[str, str]:
    """A country and its currency."""
    country = str(rng.choice(_STARTS)) + str(rng.choice(_MIDDLES)) + str(rng.choice(_ENDS))
    return country, str(rng.choice(_CURRENCIES))


def draw_identity(country: str, currency: str, rng: np.random.Generator) -> Identity:
    """One coin side of a country's currency."""
    side = "obverse" if rng.random() < 0.5 else "reverse"
    return Identity(country, currency, int(rng.choice(VALUES)), side, int(rng.integers(1880, 2025)))
