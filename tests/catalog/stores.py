"""Catalogs of both kinds, and what goes into them, for the tests that every catalog has to pass."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from catalog import Catalog, Enrolment, Entry, LocalCatalog, View
from catalog.milvus.store import MilvusCatalog
from tests.catalog.milvus_lite import MilvusLite
from tests.catalog.samples import MODEL, coin

STORES = ["local", "milvus"]
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
    """Enroll one view each of many entries, [N, 64]."""
    pairs = zip(entries, embeddings, strict=True)
    views = [(Enrolment(side, entry), View(row, MODEL, b"")) for entry, row in pairs]
    for start in range(0, len(views), 5000):
        assert catalog.add(views[start : start + 5000]) == len(views[start : start + 5000])


@contextmanager
def opening(request: pytest.FixtureRequest, folder: Path) -> Iterator[Open]:
    """Opens catalogs of the kind that the request's parameter names, all on one store; closes them in the end.

    For Milvus it takes the server that the fixture `milvus` gives.
    """
    opened: list[Catalog] = []
    server: MilvusLite | None = request.getfixturevalue("milvus") if request.param == "milvus" else None
    location = server.location() if server else ""

    def opener(fingerprint: str = MODEL) -> Catalog:
        made = MilvusCatalog(location, fingerprint) if location else LocalCatalog(folder / "catalog", fingerprint)
        opened.append(made)
        return made

    try:
        yield opener
    finally:
        for catalog in opened:
            catalog.close()
