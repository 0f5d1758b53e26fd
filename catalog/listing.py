"""Which entries a list shows, and in which order."""

import base64
import binascii
import json
import re
from dataclasses import dataclass, field

from catalog.entry import Entry
from ensemble.entry import ENTRY_FIELDS, SIDE
from ensemble.errors import EntryError
from ensemble.parameters import Filters, folded

ORDERS = tuple(one.name for one in ENTRY_FIELDS)  # fields by which entries are sorted
_FIRST, _LAST = "0", "2"  # before and after what has a value, "1"
_DIGITS = re.compile(r"\d+")
_WIDTH = 12  # digits of a number within a text, which is then sorted as a number


@dataclass(frozen=True)
class Listing:
    """What a list shows.

    Attributes:
        text: words that the entry's name has, each somewhere in it; '' for all entries.
        filters: that the entry must pass; one for the side asks for a view of that side.
        sort: one of ORDERS; '' for the order of enrolment.
        descending: the last comes first.
    """

    text: str = ""
    filters: Filters = field(default_factory=dict)
    sort: str = ""
    descending: bool = False

    def __post_init__(self) -> None:
        if self.sort and self.sort not in ORDERS:
            raise EntryError(f"sort is {self.sort!r}; it must be one of {', '.join(ORDERS)}")

    @property
    def words(self) -> list[str]:
        """The words of the text, as names are compared with them."""
        return folded(self.text).split()

    @property
    def side(self) -> str:
        """The side that is asked for; '' if none is."""
        return self.filters.get(SIDE, "")

    @property
    def of_entries(self) -> Filters:
        """The filters that fields of the entry answer."""
        return {name: value for name, value in self.filters.items() if name != SIDE}

    def shows(self, entry: Entry) -> bool:
        """Whether the entry's name has all words. Filters are the store's."""
        name = folded(entry.name)
        return all(word in name for word in self.words)

    def key(self, entry: Entry) -> str:
        """By which the entry is sorted; '' in the order of enrolment."""
        return sort_key(getattr(entry, self.sort), self.descending) if self.sort else ""


EVERYTHING = Listing()


def sort_key(value: str | int | None, descending: bool) -> str:
    """A text that sorts as people expect: whatever the case, numbers by their value, what has no value at the end."""
    if value is None:
        return _FIRST if descending else _LAST
    if isinstance(value, int):
        return f"1{value + 10**_WIDTH:0{_WIDTH + 1}d}"
    return "1" + _DIGITS.sub(lambda digits: digits[0].zfill(_WIDTH), folded(value))


def cursor_text(key: str, place: str) -> str:
    """Where a page ended: the last entry's key and its place in the order of enrolment."""
    return base64.urlsafe_b64encode(json.dumps([key, place]).encode()).decode()


def cursor_of(after: str) -> tuple[str, str] | None:
    """What `cursor_text` wrote; None for ''. Raises EntryError for a text that no page gave."""
    if not after:
        return None
    try:
        key, place = json.loads(base64.b64decode(after, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error) as error:
        raise EntryError(f"after is {after!r}; it must be what the page before gave as 'next'") from error
    if not isinstance(key, str) or not isinstance(place, str):
        raise EntryError(f"after is {after!r}; it must be what the page before gave as 'next'")
    return key, place
