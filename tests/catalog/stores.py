"""Catalogs of every kind, and what goes into them, for the tests that every catalog has to pass."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog import Catalog, Enrolment, Entry, Makers, View, open_catalog
from tests.catalog.milvus.servers import LITE, SERVER
from tests.catalog.samples import OWN, coin

# Where a test finds an empty store of each kind.
STORES: dict[str, Callable[[pytest.FixtureRequest, Path], str]] = {
    "folder": lambda request, folder: str(folder / "catalog"),
    LITE: lambda request, folder: str(request.getfixturevalue("milvus_lite").location()),
    SERVER: lambda request, folder: str(request.getfixturevalue("milvus_catalog")),
}
MARKS = dict.fromkeys((LITE, SERVER), pytest.mark.milvus)  # of the kinds that need a server
NASTY = [
    'a"b',
    "a'b",
    "a\\",
    '\\"',
    "a\nb",
    "a\r\nb",
    "a\tb",
    "%",
    "_",
    "{x}",
    "[0]",
    "é€😀",
    "a\\nb",
    "x or 1 == 1",
    '" or "" == "',
]


Open = Callable[..., Catalog]


def new(entry: Entry | None = None, side: str = "obverse", id: str = "") -> Enrolment:
    return Enrolment(side, replace(entry or coin(), id=id), id)


def more(id: str, side: str = "obverse") -> Enrolment:
    return Enrolment(side, None, id)


def counts(catalog: Catalog) -> tuple[int, int, int, int]:
    """Entries, views, stale views, staged embeddings."""
    status = catalog.status()
    return status.entries, status.views, status.stale_views, status.staged


def load(catalog: Catalog, entries: Sequence[Entry], embeddings: np.ndarray, side: str = "obverse") -> None:
    """Enroll one view each of many entries, [N, EMBEDDING_SIZE]."""
    pairs = zip(entries, embeddings, strict=True)
    views = [(Enrolment(side, entry), View(row, OWN, b"")) for entry, row in pairs]
    for start in range(0, len(views), 5000):
        assert catalog.add(views[start : start + 5000]) == len(views[start : start + 5000])


@contextmanager
def opening(location: str) -> Iterator[Open]:
    """Opens the catalog at a location, as often as wanted; closes them all in the end."""
    opened: list[Catalog] = []

    def opener(makers: Makers = OWN) -> Catalog:
        opened.append(open_catalog(location, makers))
        return opened[-1]

    try:
        yield opener
    finally:
        for catalog in opened:
            catalog.close()
