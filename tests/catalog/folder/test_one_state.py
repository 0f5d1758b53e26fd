"""A search sees one state of the database: what it answers passes its filters, whatever changes meanwhile."""

import threading
from collections.abc import Callable

import pytest

from catalog.folder.sqlite.entries import Entries
from catalog.folder.store import FolderCatalog
from tests.catalog.samples import fill, unit_vectors


def test_an_update_within_a_search(open_at: Callable[..., FolderCatalog], monkeypatch: pytest.MonkeyPatch) -> None:
    """The update comes after the filters were looked up, and before the entries are read."""
    catalog, other = open_at(), open_at()
    fill(catalog, unit_vectors(4))
    catalog.update("coin-2", {"country": "PL"})
    numbered = Entries.numbered

    def late(entries: Entries, numbers: list[int]) -> object:
        monkeypatch.setattr(Entries, "numbered", numbered)
        other.update("coin-2", {"country": "DE"})
        return numbered(entries, numbers)

    monkeypatch.setattr(Entries, "numbered", late)
    (matches,) = catalog.search(unit_vectors(4)[2:3], 4, {"country": "PL"})
    assert [match.entry.country for match in matches] == ["PL"]
    assert catalog.search(unit_vectors(4)[2:3], 4, {"country": "PL"}) == [[]]


def test_filters_hold_under_updates(open_at: Callable[..., FolderCatalog]) -> None:
    catalog = open_at()
    fill(catalog, unit_vectors(8))
    ended = threading.Event()

    def change() -> None:
        changing = open_other()
        for turn in range(200):
            changing.update(f"coin-{turn % 8}", {"country": "PL" if turn % 3 else "DE"})
        changing.close()
        ended.set()

    def open_other() -> FolderCatalog:
        return FolderCatalog(catalog._folder, catalog._makers)

    thread = threading.Thread(target=change)
    thread.start()
    searches = 0
    while not ended.is_set() or searches == 0:
        for country in ("PL", "DE"):
            for matches in catalog.search(unit_vectors(8), 8, {"country": country}):
                assert {match.entry.country for match in matches} <= {country}
        searches += 1
    thread.join()
