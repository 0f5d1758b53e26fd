"""The values nearest to one that the catalog does not have."""

import difflib
from collections.abc import Sequence

from ensemble.parameters import folded

MOST_SHOWN = 3
MOST_COMPARED = 20_000  # values; comparing takes some microseconds for each


def nearest_values(values: Sequence[str], value: str) -> list[str]:
    """At most MOST_SHOWN values, the nearest first: whole numbers by their distance, other texts by their letters."""
    compared = values[:MOST_COMPARED]
    if _whole(value) and compared and all(map(_whole, compared)):
        return sorted(compared, key=lambda one: abs(int(one) - int(value)))[:MOST_SHOWN]
    spelled: dict[str, str] = {}
    for one in compared:
        spelled.setdefault(folded(one), one)
    return [spelled[one] for one in difflib.get_close_matches(folded(value), spelled, MOST_SHOWN, cutoff=0.0)]


def _whole(text: str) -> bool:
    return len(text) < 20 and text.removeprefix("-").isdecimal()
