"""Random changes through two servers on a folder, compared with brute force while indexes are built and swapped.

Builds happen at once, in the test's process. They are loaded in the background as always, so chance decides when a
search starts to use one. The build in another process is in `test_keeper.py`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog import Enrolment
from catalog.folder.index.builder import build
from catalog.folder.index.keeper import Growth, IndexKeeper
from catalog.folder.index.spec import IndexSpec
from catalog.folder.store import FolderCatalog
from ensemble.errors import EntryNotFoundError
from tests.catalog.samples import MODEL, THEIRS, Exact, clustered, coin, fill, ids, photo, unit_vectors

pytestmark = pytest.mark.slow

Open = Callable[..., FolderCatalog]
# Thorough enough to be exact among some hundreds: these tests are about following changes, not about recall.
KINDS = ("Flat", "SQ8", "HNSW32:efSearch=2000", "IVF4,Flat:nprobe=4", "")
STEPS = 150
COUNTRIES, MINTS, SIDES = ("KR", "JP", "FR"), ("Seoul", "Daejeon", 7, True), ("obverse", "reverse")


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of index that were built. Every kind can be built from 39 views here."""
    done: list[str] = []

    def at_once(keeper: IndexKeeper) -> None:
        build(keeper._folder, keeper._fingerprint, keeper._spec)
        done.append(keeper._spec.text)

    monkeypatch.setattr(IndexKeeper, "_build", at_once)
    monkeypatch.setattr(IndexSpec, "least_views", lambda spec: 39)
    return done


class Trial:
    """Two servers, what they should hold, and a random generator."""

    def __init__(self, servers: tuple[FolderCatalog, FolderCatalog], other: FolderCatalog, seed: int) -> None:
        self.servers, self.other = servers, other
        self.rng = np.random.default_rng(seed)
        self.exact = Exact()
        self.made = 0
        self.stale: list[tuple[str, str]] = []  # entry and side of views of the other model

    def one_of(self, things: object) -> object:
        return list(things)[int(self.rng.integers(len(list(things))))]  # type: ignore[call-overload]

    def server(self) -> FolderCatalog:
        return self.servers[int(self.rng.integers(2))]

    def embedding(self) -> np.ndarray:
        return clustered(1, 20, seed=int(self.rng.integers(2**31)))[0]

    def fields(self) -> dict[str, Any]:
        metadata = {"mint": self.one_of(MINTS)} if self.rng.random() < 0.7 else {}
        return {"country": self.one_of(COUNTRIES), "year": int(self.rng.integers(1990, 1993)), "metadata": metadata}

    def enroll(self) -> None:
        side, row = str(self.one_of(SIDES)), self.embedding()
        if self.exact.entries and self.rng.random() < 0.4:
            entry = self.exact.entries[str(self.one_of(self.exact.entries))]
            enrolment = Enrolment(side, None, entry.id)
        else:
            self.made += 1
            entry = coin(id=f"coin-{self.made}", **self.fields())
            enrolment = Enrolment(side, entry, entry.id)
        self.server().enroll(enrolment, photo(row))
        self.exact.add(entry, side, row)

    def add(self) -> None:
        entries = [coin(id=f"bulk-{self.made}-{n}", **self.fields()) for n in range(int(self.rng.integers(1, 40)))]
        self.made += 1
        rows = [self.embedding() for _ in entries]
        pairs = list(zip(entries, rows, strict=True))
        batch = [(Enrolment("obverse", entry, entry.id), photo(row, b"")) for entry, row in pairs]
        assert self.server().add(batch) == len(batch)
        for entry, row in pairs:
            self.exact.add(entry, "obverse", row)

    def remove(self) -> None:
        for _ in range(int(self.rng.integers(1, 4))):
            if self.exact.entries:
                gone = str(self.one_of(self.exact.entries))
                self.server().remove(gone)
                self.exact.remove(gone)
                self.stale = [each for each in self.stale if each[0] != gone]
                with pytest.raises(EntryNotFoundError):
                    self.server().remove(gone)

    def update(self) -> None:
        if self.exact.entries:
            changed = str(self.one_of(self.exact.entries))
            self.exact.entries[changed] = self.server().update(changed, self.fields())

    def enroll_by_the_other_model(self) -> None:
        self.made += 1
        entry = coin(id=f"stale-{self.made}", **self.fields())
        self.other.enroll(Enrolment("obverse", entry, entry.id), photo(self.embedding(), makers=THEIRS))
        self.exact.entries[entry.id] = entry
        self.stale.append((entry.id, "obverse"))

    def embed_again_and_switch(self) -> None:
        views = self.server().stale(1000)
        assert [view.entry_id for view in views] == [entry_id for entry_id, _ in self.stale]
        rows = [self.embedding() for _ in views]
        self.server().stage([(view.id, row) for view, row in zip(views, rows, strict=True)])
        if self.rng.random() < 0.5:
            self.search()  # they do not count yet
        assert self.server().switch() == len(views)
        for (entry_id, side), row in zip(self.stale, rows, strict=True):
            self.exact.add(self.exact.entries[entry_id], side, row)
        self.stale = []

    def search(self) -> None:
        filters: dict[str, str] = {}
        if self.rng.random() < 0.6:
            filters["country"] = str(self.one_of((*COUNTRIES, "XX")))
        if self.rng.random() < 0.3:
            filters["metadata.mint"] = str(self.one_of(("Seoul", "Daejeon", "7", "true")))
        if self.rng.random() < 0.2:
            filters["side"] = str(self.one_of(SIDES))
        if self.rng.random() < 0.2:
            filters["year"] = str(self.one_of(("1990", "1992")))
        k = int(self.one_of((1, 3, 10, 400)))  # type: ignore[call-overload]
        queries = np.stack([self.embedding() for _ in range(int(self.rng.integers(1, 4)))])
        for server in self.servers:
            self.exact.hold(server.search(queries, k, filters), queries, k, filters)

    def run(self, steps: int) -> None:
        kinds = [self.enroll, self.add, self.remove, self.update, self.search]
        rare = [self.enroll_by_the_other_model, self.embed_again_and_switch]
        for _ in range(steps):
            if self.rng.random() < 0.08:
                rare[int(self.rng.integers(2))]()
            else:
                kinds[int(self.rng.choice(5, p=[0.3, 0.05, 0.2, 0.15, 0.3]))]()
        status = self.servers[0].status()
        assert (status.entries, status.views) == (len(self.exact.entries), len(self.exact.views))
        assert status.stale_views == len(self.stale)


@pytest.mark.parametrize("kind", KINDS)
def test_any_sequence_of_changes(kind: str, open_at: Open, builds: list[str], tmp_path: Path) -> None:
    growth = Growth(first=25, share=0.25)
    servers = open_at(index=kind, growth=growth), open_at(index="", growth=Growth(first=10**9))
    trial = Trial(servers, open_at(THEIRS), seed=len(kind))
    trial.run(STEPS)
    assert len(builds) >= 2 and set(builds) == {kind or "Flat"}
    # A server that starts now finds the same, from the saved index or without.
    late = open_at(index=kind, growth=growth)
    late.load()
    trial.servers = late, servers[1]
    trial.run(30)


def test_an_index_is_swapped_in_between_two_searches(open_at: Open, builds: list[str]) -> None:
    catalog = open_at(index="Flat", growth=Growth(first=50))
    rows = unit_vectors(60)
    fill(catalog, rows)
    catalog.search(rows[:1], 1)  # builds, and the next starts to load
    for _ in range(3):
        catalog.search(rows[:1], 1)
        loader = catalog._index._keeper._loader if catalog._index._keeper else None
        if loader is not None:
            loader.join()
    assert builds == ["Flat"]
    assert catalog._index._built is not None and catalog._index._live.ntotal == 0
    assert catalog._index.ntotal == 60
    catalog.remove("coin-7")
    assert "coin-7" not in ids(catalog.search(rows[7:8], 100)[0])
    assert catalog._index.ntotal == 59


def test_a_switch_drops_the_built_index(open_at: Open, tmp_path: Path) -> None:
    rows, again = unit_vectors(50), unit_vectors(10, seed=4)
    catalog, other = open_at(), open_at(THEIRS)
    fill(catalog, rows)
    fill(other, again, 100, THEIRS)
    build(tmp_path / "catalog", MODEL, IndexSpec("Flat", "Flat", None))
    reader = open_at()
    reader.load()
    assert reader._index._built is not None
    catalog.stage([(view.id, row) for view, row in zip(catalog.stale(100), again, strict=True)])
    assert len(reader.search(rows[:1], 100)[0]) == 50 and reader._index._built is not None
    assert catalog.switch() == 10
    assert [ids(found)[0] for found in reader.search(again, 1)] == [f"coin-{100 + n}" for n in range(10)]
    assert reader._index._built is None and reader._index.ntotal == 60
    assert other.forget() == 60
    assert reader.search(rows, 1) == [[]] * 50 and reader._index.ntotal == 0


def test_an_index_that_was_overtaken_by_a_switch_is_not_taken_up(
    open_at: Open, builds: list[str], tmp_path: Path
) -> None:
    rows = unit_vectors(60)
    catalog, other = open_at(growth=Growth(first=50)), open_at(THEIRS)
    fill(other, rows[:5], 100, THEIRS)
    fill(catalog, rows)
    catalog.search(rows[:1], 1)
    catalog.search(rows[:1], 1)
    keeper = catalog._index._keeper
    assert keeper is not None and keeper._loader is not None
    keeper._loader.join()  # loaded, and not yet taken
    catalog.stage([(view.id, row) for view, row in zip(catalog.stale(9), unit_vectors(5, seed=9), strict=True)])
    catalog.switch()
    assert len(catalog.search(rows[:1], 100)[0]) == 65
    assert catalog._index.ntotal == 65
