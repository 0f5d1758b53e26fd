"""The interface that every catalog has, whatever stores it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from catalog.entry import Entry, View
from catalog.vectors import Queries


@dataclass(frozen=True)
class Match:
    """An entry and its cosine similarity to a query, -1 to 1."""

    entry: Entry
    score: float


@dataclass(frozen=True)
class Page:
    """Some of the entries, in the order of their enrolment, and how many there are in all."""

    entries: tuple[Entry, ...]
    total: int


@dataclass(frozen=True)
class Status:
    """What a catalog holds.

    Attributes:
        entries: how many.
        views: embeddings that can be searched.
        stale_views: embeddings made by another model, left out of the search.
        sequence: number of the last change.
    """

    entries: int
    views: int
    stale_views: int
    sequence: int


class Catalog(Protocol):
    """Entries and the search among them. Changes are durable when the call returns, and the next search sees them."""

    def enroll(self, entry: Entry, view: View) -> str:
        """Store an entry with its first view; returns its id. Raises EntryError for a view made by another model."""

    def remove(self, entry_id: str) -> None:
        """Remove an entry and its views. Raises EntryNotFoundError."""

    def show(self, entry_id: str) -> Entry:
        """One entry. Raises EntryNotFoundError."""

    def page(self, offset: int, limit: int) -> Page:
        """Entries from `offset`, at most `limit`."""

    def load(self) -> None:
        """Bring the index up to date now, so that no search has to wait for it."""

    def search(self, embeddings: Queries, k: int) -> Sequence[Sequence[Match]]:
        """The k best entries for each of [B, 64] unit vectors, best first; fewer where the catalog has fewer."""

    def status(self) -> Status:
        """What the catalog holds."""

    def close(self) -> None:
        """Let go of files and connections."""
