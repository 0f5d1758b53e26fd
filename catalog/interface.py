"""The interface of every catalog, whichever store it uses."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np

from catalog.entry import Enrolment, Entry, StoredView, View
from catalog.events import ANYONE, By, Event
from catalog.listing import EVERYTHING, Listing
from ensemble.contract import DEFAULT_CANDIDATES
from ensemble.parameters import Filters
from ensemble.verification import NOT_COMPARED, Judge

NO_FILTERS: Filters = {}


class DeviceVectors(Protocol):
    """[B, …] float32, row by row in the memory of a GPU, such as CuPy's arrays."""

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Numba's protocol, version 3: `data` holds the address, `strides` is None if rows have no gaps."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""


Queries: TypeAlias = np.ndarray | DeviceVectors


@dataclass(frozen=True)
class Verification:
    """How a search compares the reliefs of its candidates.

    Attributes:
        reliefs: [B, trials, RELIEF_HARMONICS, RELIEF_NUMBERS] float32, the relief maps of each query's trials, on the
            host or on a GPU.
        judge: ranks the candidates by both similarities.
        candidates: how many views of each query are compared.
        seen: told how many views of a query were compared, and in how many seconds.
    """

    reliefs: Queries
    judge: Judge
    candidates: int = DEFAULT_CANDIDATES
    seen: Callable[[int, float], None] = field(default=lambda views, seconds: None, compare=False)

    @contextmanager
    def timed(self, views: int) -> Iterator[None]:
        """Around the comparison of so many views."""
        began = time.perf_counter()
        yield
        self.seen(views, time.perf_counter() - began)


@dataclass(frozen=True)
class Match:
    """An entry, and how like a query its best view is.

    Attributes:
        entry: which one.
        side: of that view.
        view: its id.
        cosine: of the embeddings, -1 to 1.
        log_odds: that the two are the same; by these a search that verifies ranks. None if it does not.
        correlation: of the relief maps, -1 to 1; NOT_COMPARED if the view has no map or the search does not verify.
        angle: degrees by which the view's picture is turned clockwise to lie as in the query; 0 without correlation.
    """

    entry: Entry
    side: str
    view: str
    cosine: float
    log_odds: float | None = None
    correlation: float = NOT_COMPARED
    angle: float = 0.0


@dataclass(frozen=True)
class Page:
    """Some entries in the order of a list, and where the next page starts: '' after the last."""

    entries: tuple[Entry, ...]
    next: str


@dataclass(frozen=True)
class ViewPage:
    """Some views, each with its entry, in the order of enrolment, and where the next page starts."""

    views: tuple[tuple[Entry, StoredView], ...]
    next: str


@dataclass(frozen=True)
class Status:
    """What a catalog holds.

    Attributes:
        entries: how many.
        views: that can be searched.
        stale_views: without an embedding of this model that counts; the search leaves them out.
        sequence: number of the last change.
        index: its kind, and what was measured when it was built.
        staged: stale views with an embedding of this model that does not count yet.
        without_relief: views that have no relief map of this model: searches judge them by their embedding alone.
    """

    entries: int
    views: int
    stale_views: int
    sequence: int
    index: Mapping[str, Any] = field(default_factory=dict)
    staged: int = 0
    without_relief: int = 0


@dataclass(frozen=True)
class Waiting:
    """Views that wait to be made searchable, or verifiable, as in Status."""

    stale: int = 0
    without_relief: int = 0


class Catalog(Protocol):
    """Entries and the search among them, for the models whose embeddings and relief maps are stored and searched.

    A change is durable when its call returns, and the next search sees it, whoever made it. All methods raise
    CatalogError if the store fails. Methods that name an entry or a view raise EntryNotFoundError if there is none.
    Who makes a change is kept with it, see `history`.
    """

    def enroll(self, enrolment: Enrolment, view: View, by: By = ANYONE) -> str:
        """Store one photo; returns the id of its entry, which is made if it is new.

        A photo that the entry with this id has already, by `Enrolment.photo`, is not stored again.

        Raises:
            EntryError: another model made the view's embedding or its map, the embedding is no unit vector, or the
                existing entry has other fields.
            EntryNotFoundError: the enrolment has only an id, and no entry has it.
        """

    def add(self, batch: Sequence[tuple[Enrolment, View]], by: By = ANYONE) -> int:
        """Store many at once, all or none; returns how many views are new.

        A view is left out if its entry already has one of the same side with the same embedding or the same picture, or
        one of the same photo, so an import can be repeated. Errors as in `enroll`.
        """

    def update(self, entry_id: str, changes: Mapping[str, Any], by: By = ANYONE) -> Entry:
        """Change fields of an entry; returns it. Raises EntryError for a change that is not valid."""

    def remove(self, entry_id: str, by: By = ANYONE) -> None:
        """Remove an entry and its views. What they were is kept with the event, of the last KEPT removals."""

    def remove_view(self, view_id: str, by: By = ANYONE) -> None:
        """Remove one view, likewise. Raises EntryError if it is the entry's only one."""

    def change_view(self, view_id: str, side: str = "", to: Entry | None = None, by: By = ANYONE) -> None:
        """Let a view show another side, or belong to another entry.

        Args:
            view_id: which one.
            side: that it shows; '' leaves it.
            to: the entry, with its id, that it belongs to from now on, which is made if it is not there; None leaves
                it. An entry whose last view goes is removed.
            by: who does it.

        Raises:
            EntryError: the entry is there with other fields than `to`.
        """

    def history(self, entry_id: str, before: str, limit: int) -> Sequence[Event]:
        """At most `limit` events of an entry, or of all with '', newest first, from before an event's number on.

        '' starts with the newest. An id that no entry has or had has no events.
        """

    def kept(self, number: str) -> bytes:
        """What an event kept of the views that it removed, as `kept_records` makes it; b'' if nothing is left."""

    def show(self, entry_id: str) -> Entry:
        """One entry."""

    def views(self, entry_id: str) -> Sequence[StoredView]:
        """The views of an entry, in the order of enrolment."""

    def picture(self, entry_id: str, view_id: str = "") -> bytes:
        """The JPEG of one view of an entry, or of its first view that has one; b'' if none is kept.

        Raises:
            EntryNotFoundError: no entry has the id, or the entry has no such view.
        """

    def page(self, after: str, limit: int, listing: Listing = EVERYTHING) -> Page:
        """At most `limit` entries of a list after `Page.next`; '' starts. Raises EntryError for any other `after`."""

    def export(self, after: str, limit: int) -> ViewPage:
        """At most `limit` views, as `page`."""

    def photos(self, photos: Collection[str]) -> Mapping[str, Sequence[tuple[Entry, str]]]:
        """The entries that have these photos, by `Enrolment.photo`, each with the side that the photo shows.

        Photos that no entry has are left out. Entries are in the order in which they got the photo.
        """

    def count(self, filters: Filters) -> int:
        """How many views, searchable or not, pass filters."""

    def values(self, name: str) -> Sequence[str]:
        """The values that views and entries have for a filter, as `text_of` writes them; many, but perhaps not all."""

    def load(self) -> None:
        """Bring the index up to date now, so that no search waits for it."""

    def search(
        self,
        embeddings: Queries,
        k: int,
        filters: Filters = NO_FILTERS,
        verification: Verification | None = None,
    ) -> Sequence[Sequence[Match]]:
        """The k best entries for each query, best first; fewer if fewer pass the filters.

        An entry is as good as its best view among those that pass.

        Args:
            embeddings: [B, EMBEDDING_SIZE] float32 unit vectors.
            k: how many.
            filters: that entries and views must pass.
            verification: ranks the nearest views again by their reliefs; None ranks by the cosine alone.
        """

    def threshold(self) -> float | None:
        """Probability from which a match counts as known, calibrated for this catalog and models; None if not."""

    def set_threshold(self, threshold: float) -> None:
        """Keep a calibrated threshold for these models."""

    def stale(self, limit: int) -> Sequence[StoredView]:
        """At most `limit` views with a picture and without an embedding of this model, counting or staged."""

    def stage(self, embeddings: Sequence[tuple[str, np.ndarray]]) -> None:
        """Keep embeddings of this model by the ids of views. They do not count before `switch`.

        Raises:
            EntryError: one is no unit vector; none is kept.
        """

    def unmapped(self, limit: int) -> Sequence[StoredView]:
        """At most `limit` views with a picture and without a relief map of this model."""

    def put_reliefs(self, reliefs: Sequence[tuple[str, np.ndarray]]) -> None:
        """Keep relief maps of this model, [RELIEF_HARMONICS, RELIEF_NUMBERS] int8 each, by the ids of views.

        They count at once. A view that has one already keeps it, and views that are gone are left out.

        Raises:
            EntryError: one is no map; none is kept.
        """

    def switch(self) -> int:
        """Let all staged embeddings count from now on, at once; returns how many."""

    def forget(self) -> int:
        """Drop the embeddings and relief maps of all other models; returns how many embeddings."""

    def waiting(self) -> Waiting:
        """How many views wait for the models. Cheap enough for every search: it may be some seconds old."""

    def status(self) -> Status:
        """What the catalog holds."""

    def close(self) -> None:
        """Close files and connections."""
