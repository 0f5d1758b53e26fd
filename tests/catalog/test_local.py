"""The catalog of one machine: what is enrolled is found, by everyone who has it open, and what is removed is not."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catalog import Entry, EntryError, EntryNotFoundError, LocalCatalog, Match, Status, View, open_catalog

Vectors = Callable[..., np.ndarray]
MakeEntry = Callable[..., Entry]
MakeView = Callable[..., View]
Open = Callable[..., LocalCatalog]


def enroll_all(catalog: LocalCatalog, embeddings: np.ndarray, entry: MakeEntry, view: MakeView) -> list[str]:
    return [catalog.enroll(entry(f"coin {i}"), view(row)) for i, row in enumerate(embeddings)]


def ids(matches: list[Match]) -> list[str]:
    return [match.entry.id for match in matches]


def test_what_is_enrolled_is_shown_with_its_id(catalog: LocalCatalog, vectors: Vectors, view: MakeView) -> None:
    given = Entry("십 원", "KR", "KRW", "10", "reverse", -20, {"mint": "대전", "n": [1, None]})
    entry_id = catalog.enroll(given, view(vectors(1)[0]))
    shown = catalog.show(entry_id)
    assert (shown.id, entry_id != "") == (entry_id, True)
    assert shown == Entry("십 원", "KR", "KRW", "10", "reverse", -20, {"mint": "대전", "n": [1, None]}, entry_id)


def test_a_year_may_be_missing(catalog: LocalCatalog, vectors: Vectors, entry: MakeEntry, view: MakeView) -> None:
    assert catalog.show(catalog.enroll(entry(), view(vectors(1)[0]))).year is None
    assert catalog.show(catalog.enroll(entry(year=1998), view(vectors(1)[0]))).year == 1998


@pytest.mark.parametrize("change", ["show", "remove"])
def test_unknown_ids(catalog: LocalCatalog, change: str) -> None:
    with pytest.raises(EntryNotFoundError, match="no entry has the id 'nothing'"):
        getattr(catalog, change)("nothing")
    assert catalog.status() == Status(0, 0, 0, 0)


@pytest.fixture(scope="module")
def thousands(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalCatalog, list[str], np.ndarray]:
    """2,000 random entries."""
    rng = np.random.default_rng(7)
    embeddings = rng.normal(size=(2000, 64)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    folder = tmp_path_factory.mktemp("thousands")
    catalog = LocalCatalog(folder, "model")
    entry = Entry("coin", "KR", "KRW", "10", "obverse")
    return catalog, [catalog.enroll(entry, View(row, "model", b"")) for row in embeddings], embeddings


@pytest.mark.parametrize("k", [1, 10, 700])
def test_search_is_brute_force(thousands: tuple[LocalCatalog, list[str], np.ndarray], k: int, vectors: Vectors) -> None:
    catalog, enrolled, embeddings = thousands
    queries = vectors(20, seed=99)
    cosines = queries.astype(float) @ embeddings.T.astype(float)
    order = np.argsort(-cosines, axis=1)[:, :k]
    for row, matches in enumerate(catalog.search(queries, k)):
        np.testing.assert_allclose([m.score for m in matches], cosines[row, order[row]], atol=1e-6)
        place = {entry_id: number for number, entry_id in enumerate(enrolled)}
        # Two scores may be equal in float32: hold each id to its own score.
        np.testing.assert_allclose(
            [m.score for m in matches], cosines[row, [place[i] for i in ids(matches)]], atol=1e-6
        )
        assert len(set(ids(matches))) == k


def test_every_entry_finds_itself(thousands: tuple[LocalCatalog, list[str], np.ndarray]) -> None:
    catalog, enrolled, embeddings = thousands
    found = catalog.search(embeddings, 1)
    assert [ids(matches) for matches in found] == [[entry_id] for entry_id in enrolled]
    assert all(matches[0].score == pytest.approx(1.0, abs=1e-5) for matches in found)


def test_ids_are_unique(thousands: tuple[LocalCatalog, list[str], np.ndarray]) -> None:
    assert len(set(thousands[1])) == len(thousands[1])


def test_k_beyond_the_catalog(catalog: LocalCatalog, vectors: Vectors, entry: MakeEntry, view: MakeView) -> None:
    enrolled = enroll_all(catalog, vectors(3), entry, view)
    (matches,) = catalog.search(vectors(1, seed=5), 1000)
    assert sorted(ids(matches)) == sorted(enrolled)
    assert [m.score for m in matches] == sorted((m.score for m in matches), reverse=True)


def test_an_empty_catalog_answers_every_query_with_nothing(catalog: LocalCatalog, vectors: Vectors) -> None:
    assert catalog.search(vectors(4), 5) == [[], [], [], []]


def test_a_catalog_emptied_again(catalog: LocalCatalog, vectors: Vectors, entry: MakeEntry, view: MakeView) -> None:
    for entry_id in enroll_all(catalog, vectors(3), entry, view):
        assert catalog.search(vectors(1), 5)[0]
        catalog.remove(entry_id)
    assert catalog.search(vectors(1), 5) == [[]]


def test_the_next_search_sees_a_change(
    catalog: LocalCatalog, vectors: Vectors, entry: MakeEntry, view: MakeView
) -> None:
    first, second = vectors(2)
    one = catalog.enroll(entry("one"), view(first))
    assert ids(catalog.search(second[None], 1)[0]) == [one]
    two = catalog.enroll(entry("two"), view(second))
    assert ids(catalog.search(second[None], 1)[0]) == [two]
    catalog.remove(two)
    assert ids(catalog.search(second[None], 5)[0]) == [one]
    with pytest.raises(EntryNotFoundError):
        catalog.remove(two)


def test_two_catalogs_on_a_folder_see_each_others_changes(
    open_at: Open, vectors: Vectors, entry: MakeEntry, view: MakeView
) -> None:
    here, there = open_at(), open_at()
    embeddings = vectors(6)
    enrolled = []
    for number, (row, (writer, reader)) in enumerate(zip(embeddings, [(here, there), (there, here)] * 3, strict=True)):
        assert len(reader.search(row[None], 10)[0]) == number
        enrolled.append(writer.enroll(entry(), view(row)))
        assert ids(reader.search(row[None], 1)[0]) == ids(writer.search(row[None], 1)[0]) == [enrolled[-1]]
    there.remove(enrolled[0])
    here.remove(enrolled[1])
    for catalog in (here, there):
        assert sorted(ids(catalog.search(embeddings[:1], 10)[0])) == sorted(enrolled[2:])
    assert here.status() == there.status()


def test_added_and_removed_between_two_searches(
    open_at: Open, vectors: Vectors, entry: MakeEntry, view: MakeView
) -> None:
    here, there = open_at(), open_at()
    assert here.search(vectors(1), 5) == [[]]
    for _ in range(3):
        there.remove(there.enroll(entry(), view(vectors(1)[0])))
    kept = there.enroll(entry(), view(vectors(1)[0]))
    assert ids(here.search(vectors(1), 5)[0]) == [kept]


def test_views_of_another_model_are_refused(
    catalog: LocalCatalog, vectors: Vectors, entry: MakeEntry, view: MakeView
) -> None:
    with pytest.raises(EntryError, match="made by model other, the catalog's is feedfacefeedface"):
        catalog.enroll(entry(), view(vectors(1)[0], "other"))
    assert catalog.status() == Status(0, 0, 0, 0)


def test_views_of_another_model_are_left_out_of_the_search(
    open_at: Open, vectors: Vectors, entry: MakeEntry, view: MakeView
) -> None:
    first, second = vectors(2)
    old, new = open_at("old"), open_at("new")
    stale = old.enroll(entry("stale"), view(first, "old"))
    fresh = new.enroll(entry("fresh"), view(second, "new"))
    assert ids(new.search(first[None], 5)[0]) == [fresh]
    assert ids(old.search(first[None], 5)[0]) == [stale]
    assert new.status() == Status(entries=2, views=1, stale_views=1, sequence=2)
    assert new.show(stale).name == "stale" and new.page(0, 10).total == 2
    new.remove(stale)
    assert new.status() == Status(entries=1, views=1, stale_views=0, sequence=3)
    assert old.search(first[None], 5) == [[]]


def test_reopening_finds_everything(open_at: Open, vectors: Vectors, entry: MakeEntry, view: MakeView) -> None:
    embeddings = vectors(30)
    before = open_at()
    enrolled = enroll_all(before, embeddings, entry, view)
    before.remove(enrolled.pop(4))
    status = before.status()
    before.close()
    after = open_at()
    assert after.status() == status == Status(29, 29, 0, 31)
    assert [e.id for e in after.page(0, 100).entries] == enrolled
    kept = np.delete(embeddings, 4, axis=0)
    assert [ids(matches) for matches in after.search(kept, 1)] == [[entry_id] for entry_id in enrolled]


def test_numbers_of_views_are_never_used_again(
    open_at: Open, vectors: Vectors, entry: MakeEntry, view: MakeView
) -> None:
    here, there = open_at(), open_at()
    first, second = vectors(2)
    gone = here.enroll(entry("gone"), view(first))
    assert ids(there.search(first[None], 5)[0]) == [gone]  # it is in the other's index
    here.remove(gone)
    new = here.enroll(entry("new"), view(second))
    assert new != gone
    (matches,) = there.search(second[None], 5)
    assert ids(matches) == [new] and matches[0].score == pytest.approx(1.0, abs=1e-5)


def test_pages(catalog: LocalCatalog, vectors: Vectors, entry: MakeEntry, view: MakeView) -> None:
    enrolled = enroll_all(catalog, vectors(7), entry, view)
    assert [e.id for e in catalog.page(0, 3).entries] == enrolled[:3]
    assert [e.id for e in catalog.page(5, 3).entries] == enrolled[5:]
    for offset, limit in ((7, 3), (0, 0), (10**15, 1)):
        assert catalog.page(offset, limit).entries == ()
        assert catalog.page(offset, limit).total == 7


def test_status_counts_every_change(catalog: LocalCatalog, vectors: Vectors, entry: MakeEntry, view: MakeView) -> None:
    enrolled = enroll_all(catalog, vectors(3), entry, view)
    assert catalog.status() == Status(entries=3, views=3, stale_views=0, sequence=3)
    catalog.remove(enrolled[1])
    assert catalog.status() == Status(entries=2, views=2, stale_views=0, sequence=4)


def test_a_file_of_a_newer_release_is_refused(open_at: Open, tmp_path: Path) -> None:
    open_at().close()
    connection = sqlite3.connect(tmp_path / "catalog" / "catalog.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RuntimeError, match="has schema 99, this release knows up to 1: use a newer release"):
        open_at()


def test_many_writers_at_once(
    open_at: Open, vectors: Vectors, entry: MakeEntry, view: MakeView, tmp_path: Path
) -> None:
    reader = open_at()
    acknowledged: list[str] = []

    def write(number: int) -> None:
        own = LocalCatalog(tmp_path / "catalog", "feedfacefeedface")  # a connection belongs to its thread
        acknowledged.extend(own.enroll(entry(), view(row)) for row in vectors(8, seed=number))
        own.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(acknowledged)) == 32
    assert sorted(ids(reader.search(vectors(1), 100)[0])) == sorted(acknowledged)


def test_opening_waits_for_who_makes_the_file(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").touch()
    other = sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # as a second server's model does that opens the new catalog at the same time
    release = threading.Timer(0.2, other.execute, ["COMMIT"])
    release.start()
    try:
        LocalCatalog(tmp_path, "model").close()
    finally:
        release.join()
        other.close()


def test_open_catalog(tmp_path: Path) -> None:
    catalog = open_catalog(str(tmp_path / "deep" / "folder"), "model")
    assert catalog.status() == Status(0, 0, 0, 0)
    catalog.close()
    with pytest.raises(ValueError, match="MINTMARK_CATALOG"):
        open_catalog("", "model")
