"""The catalog of one machine: several processes on one folder, and what only a file has.

What every catalog does is in `test_store.py`.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catalog import Enrolment, Status
from catalog.folder.sqlite.schema import BASE, STEPS
from catalog.folder.store import FolderCatalog
from ensemble.errors import CatalogError
from tests.catalog.samples import OWN, THEIRS, coin, enroll, fill, ids, photo, unit_vectors

Open = Callable[..., FolderCatalog]


def test_two_catalogs_on_a_folder_see_each_others_changes(open_at: Open) -> None:
    here, there = open_at(), open_at()
    embeddings = unit_vectors(6)
    enrolled = []
    for number, (row, (writer, reader)) in enumerate(zip(embeddings, [(here, there), (there, here)] * 3, strict=True)):
        assert len(reader.search(row[None], 10)[0]) == number
        enrolled.append(enroll(writer, row))
        assert ids(reader.search(row[None], 1)[0]) == ids(writer.search(row[None], 1)[0]) == [enrolled[-1]]
    there.remove(enrolled[0])
    here.remove(enrolled[1])
    for catalog in (here, there):
        assert sorted(ids(catalog.search(embeddings[:1], 10)[0])) == sorted(enrolled[2:])
    assert here.status() == there.status()


def test_numbers_of_views_are_never_used_again(open_at: Open) -> None:
    here, there = open_at(), open_at()
    first, second = unit_vectors(2)
    gone = enroll(here, first)
    assert ids(there.search(first[None], 5)[0]) == [gone]  # it is in the other's index
    (number,) = (view.id for view in here.views(gone))
    here.remove(gone)
    new = enroll(here, second)
    assert [view.id for view in here.views(new)] == [str(int(number) + 1)]
    (matches,) = there.search(second[None], 5)
    assert ids(matches) == [new] and matches[0].cosine == pytest.approx(1.0, abs=1e-5)


def test_status_counts_every_change(open_at: Open) -> None:
    catalog = open_at()
    enrolled = [enroll(catalog, row) for row in unit_vectors(3)]
    assert catalog.status() == Status(
        entries=3, views=3, stale_views=0, sequence=3, index={"kind": "Flat"}, without_relief=3
    )
    catalog.remove(enrolled[1])
    catalog.update(enrolled[0], {"name": "십 원"})
    assert catalog.status() == Status(
        entries=2, views=2, stale_views=0, sequence=5, index={"kind": "Flat"}, without_relief=2
    )
    fill(catalog, unit_vectors(9, seed=1))
    assert catalog.status().sequence == 6  # a batch is one change


def test_an_entry_is_found_by_another_process_with_its_new_fields(open_at: Open) -> None:
    here, there = open_at(), open_at()
    row = unit_vectors(1)
    entry_id = enroll(here, row[0], metadata={"mint": "Seoul"})
    mint = [{"metadata.mint": name} for name in ("Seoul", "Daejeon")]
    assert [len(there.search(row, 5, filters)[0]) for filters in mint] == [1, 0]
    here.update(entry_id, {"metadata": {"mint": "Daejeon"}})
    assert [len(there.search(row, 5, filters)[0]) for filters in mint] == [0, 1]
    assert there.search(row, 1)[0][0].entry.metadata == {"mint": "Daejeon"}


def test_an_import_is_compared_with_what_counts(open_at: Open) -> None:
    catalog, (one, two) = open_at(), unit_vectors(2)
    batch = [
        (Enrolment("obverse", coin(id="a"), "a"), photo(one, b"1")),
        (Enrolment("obverse", coin(id="a"), "a"), photo(one, b"another picture")),  # the same embedding
        (Enrolment("obverse", coin(id="a"), "a"), photo(two, b"1")),  # the same picture
        (Enrolment("reverse", None, "a"), photo(one, b"1")),
        (Enrolment("obverse", None, "a"), photo(two, b"")),
        (Enrolment("obverse", None, "a"), photo(-one, b"")),  # two without a picture are not the same
        (Enrolment("obverse", coin(id="b"), "b"), photo(one, b"1")),
        (Enrolment("obverse", coin()), photo(one, b"1")),  # without an id it is always new
    ]
    assert catalog.add(batch) == 6
    assert catalog.add(batch) == 1
    assert [(view.side, view.picture) for view in catalog.views("a")] == [
        *[("obverse", b"1"), ("reverse", b"1"), ("obverse", b""), ("obverse", b"")]
    ]


def test_a_view_is_embedded_once_by_a_model(open_at: Open) -> None:
    """Of two servers that embed again, the slower one's embeddings come after the switch, and change nothing."""
    old, new, slower = open_at(THEIRS), open_at(), open_at()
    enroll(old, unit_vectors(1)[0], THEIRS)
    (view,) = slower.stale(10)
    for number in range(2):
        new.stage([(view.id, unit_vectors(1, seed=7 + number)[0])])  # the first stays
    assert new.switch() == 1
    slower.stage([(view.id, unit_vectors(1, seed=9)[0])])
    assert slower.switch() == 0
    assert (slower.status().views, slower.status().stale_views, slower.status().staged) == (1, 0, 0)
    for catalog in (new, slower):
        assert [match.cosine for match in catalog.search(unit_vectors(1, seed=7), 5)[0]] == [pytest.approx(1, abs=1e-5)]
        assert len(catalog.export("", 10).views) == 1


def test_a_threshold_is_any_number(open_at: Open) -> None:
    catalog = open_at()
    for threshold in (np.float32(0.25), 1e-7, -1.0, 0.1 + 0.2):
        catalog.set_threshold(threshold)  # type: ignore[arg-type]
        assert open_at().threshold() == threshold
    assert open_at(THEIRS).threshold() is None


def test_a_file_of_a_newer_release_is_refused(open_at: Open, tmp_path: Path) -> None:
    open_at().close()
    connection = sqlite3.connect(tmp_path / "catalog" / "catalog.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(
        CatalogError, match=f"has schema 99, this release knows up to {BASE + len(STEPS)}: use a newer release"
    ):
        open_at()


def test_many_writers_at_once(open_at: Open, tmp_path: Path) -> None:
    reader = open_at()
    acknowledged: list[str] = []

    def write(number: int) -> None:
        own = FolderCatalog(tmp_path / "catalog", OWN)  # a connection belongs to its thread
        acknowledged.extend(enroll(own, row) for row in unit_vectors(8, seed=number))
        own.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(acknowledged)) == 32
    assert sorted(ids(reader.search(unit_vectors(1), 100)[0])) == sorted(acknowledged)


def test_opening_waits_for_who_makes_the_file(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").touch()
    other = sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # as a second server's model does that opens the new catalog at the same time
    release = threading.Timer(0.2, other.execute, ["COMMIT"])
    release.start()
    try:
        FolderCatalog(tmp_path, OWN).close()
    finally:
        release.join()
        other.close()
