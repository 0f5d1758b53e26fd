"""Disk full, damaged, a clock that goes backwards: a change is refused whole, and search goes on."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from catalog import Enrolment
from catalog.folder.check import problems
from catalog.folder.index.builder import build
from catalog.folder.index.spec import parse_spec
from catalog.folder.store import FolderCatalog
from ensemble.contract import EMBEDDING_SIZE
from ensemble.errors import CatalogError
from tests.catalog.samples import (
    MODEL,
    OWN,
    ROWS,
    THEIRS,
    coin,
    embedding_of,
    enroll,
    fill,
    ids,
    photo,
    unit_vectors,
    works,
)

pytestmark = pytest.mark.slow

Open = Callable[..., FolderCatalog]
FULL = r"the catalog failed and was not changed: database or disk is full; make room"


# --- disk full -----------------------------------------------------------------------------------------------------


def limit(catalog: FolderCatalog, pages: int | None) -> None:
    """Let the file grow by some pages only; None lets it grow again."""
    connection = catalog._connection
    now = int(connection.value("PRAGMA page_count"))
    connection.run(f"PRAGMA max_page_count = {2**31 if pages is None else now + pages}")


CHANGES: dict[str, Callable[[FolderCatalog], object]] = {
    "enroll": lambda c: c.enroll(Enrolment("obverse", coin()), photo(ROWS[0], os.urandom(100_000))),
    "one more view": lambda c: c.enroll(Enrolment("reverse", None, "coin-1"), photo(ROWS[0], os.urandom(100_000))),
    "add": lambda c: fill(c, unit_vectors(500, seed=3), 100),
    "update": lambda c: c.update("coin-1", {"metadata": {str(n): "x" * 400 for n in range(30)}}),
    "stage": lambda c: c.stage([(view.id, row) for view, row in zip(c.stale(500), unit_vectors(500), strict=True)]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_finds_no_room(name: str, open_at: Open, tmp_path: Path) -> None:
    catalog, change = open_at(), CHANGES[name]
    fill(open_at(THEIRS), unit_vectors(500, seed=8), 1000, THEIRS)
    fill(catalog, ROWS)
    before = catalog.status(), catalog.export("", 1000), catalog.page("", 1000)
    limit(catalog, 2)
    for _ in range(3):
        with pytest.raises(CatalogError, match=FULL):
            change(catalog)
        works(catalog)
    after = catalog.status(), catalog.export("", 1000), catalog.page("", 1000)
    assert repr(after) == repr(before), "nothing is half there"
    limit(catalog, None)
    change(catalog)
    assert problems(tmp_path / "catalog") == []


def test_removing_makes_room(open_at: Open, tmp_path: Path) -> None:
    catalog = open_at()
    fill(catalog, ROWS)
    big = catalog.enroll(Enrolment("obverse", coin()), photo(-ROWS[0], os.urandom(200_000)))
    limit(catalog, 2)
    with pytest.raises(CatalogError, match=FULL):
        CHANGES["enroll"](catalog)
    catalog.remove(big)
    CHANGES["enroll"](catalog)
    works(catalog, 21)
    assert problems(tmp_path / "catalog") == []


def test_a_disk_that_is_full(small_disk: Path) -> None:
    catalog = FolderCatalog(small_disk / "catalog", OWN)
    fill(catalog, ROWS)
    with pytest.raises(CatalogError, match=f"{FULL}|disk I/O error; the disk fails, or its file system is full"):
        for number in range(1000):
            enroll(catalog, unit_vectors(1, seed=number)[0], name="x" * 400, metadata={"n": "y" * 10_000})
    count = catalog.status().entries
    assert 20 < count < 1000
    other = small_disk / "other"
    with contextlib.suppress(OSError):  # full to the last byte
        other.write_bytes(bytes(1 << 20))
    for _ in range(3):
        with pytest.raises(CatalogError, match="was not changed"):
            CHANGES["enroll"](catalog)
        works(catalog, count)
    another = FolderCatalog(small_disk / "catalog", OWN)  # a server that starts now
    works(another, count)
    another.close()
    other.unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    CHANGES["enroll"](catalog)
    works(catalog, count + 1)
    catalog.close()
    assert problems(small_disk / "catalog") == []
    again = FolderCatalog(small_disk / "catalog", OWN)
    works(again, count + 1)
    again.close()


def test_a_new_catalog_on_a_full_disk(small_disk: Path) -> None:
    with contextlib.suppress(OSError):
        (small_disk / "other").write_bytes(bytes(4 << 20))
    with pytest.raises(CatalogError, match="cannot open"):
        FolderCatalog(small_disk, OWN)
    (small_disk / "other").unlink()
    catalog = FolderCatalog(small_disk, OWN)
    fill(catalog, ROWS)
    works(catalog)
    catalog.close()


# --- damaged -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"no database, " * 1000, b"\x00" * 8192, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(content)
    with pytest.raises(CatalogError, match=r"cannot open .*; the file is damaged.*restore it from a backup"):
        FolderCatalog(tmp_path, OWN)
    assert (tmp_path / "catalog.sqlite").read_bytes() == content


def test_a_truncated_file(tmp_path: Path) -> None:
    catalog = FolderCatalog(tmp_path, OWN)
    fill(catalog, unit_vectors(500, seed=1))
    catalog.close()
    os.truncate(tmp_path / "catalog.sqlite", 5 * 4096)
    with pytest.raises(CatalogError, match="the file is damaged: restore it from a backup or an export"):
        broken = FolderCatalog(tmp_path, OWN)
        broken.search(ROWS, 5)


def test_an_embedding_of_another_length(open_at: Open) -> None:
    catalog = open_at()
    fill(catalog, ROWS)
    catalog._connection.run("UPDATE embeddings SET embedding = x'00' WHERE view = 5")
    for _ in range(2):
        with pytest.raises(CatalogError, match="embeddings have another length: restore the catalog from a backup"):
            open_at().search(ROWS, 1)


@pytest.mark.parametrize("name", ["a file where a folder should be", "a folder where the file should be"])
def test_places_that_cannot_be(tmp_path: Path, name: str) -> None:
    if "folder where" in name:
        (tmp_path / "catalog.sqlite").mkdir()
    else:
        tmp_path = tmp_path / "file"
        tmp_path.write_text("")
    with pytest.raises(CatalogError, match="cannot open"):
        FolderCatalog(tmp_path, OWN)


# --- time ----------------------------------------------------------------------------------------------------------


def test_a_clock_that_goes_backwards(open_at: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [2e9]

    def backwards() -> float:
        now[0] -= 86_400
        return now[0]

    monkeypatch.setattr(time, "time", backwards)
    monkeypatch.setattr(time, "time_ns", lambda: int(backwards() * 1e9))
    here, there = open_at(index="HNSW16"), open_at(index="HNSW16")
    rows = unit_vectors(60, seed=5)
    enrolled = []
    for number, row in enumerate(rows):
        enrolled.append(enroll(here if number % 2 else there, row, year=number))
        assert ids(here.search(row[None], 1)[0]) == ids(there.search(row[None], 1)[0]) == [enrolled[-1]]
        assert ids(there.search(row[None], 1, {"year": str(number)})[0]) == [enrolled[-1]]
    assert [entry.id for entry in here.page("", 100).entries] == enrolled
    stamp = build(tmp_path / "catalog", MODEL, parse_spec("HNSW16"))
    here.remove(enrolled.pop(7))
    for path in (tmp_path / "catalog").iterdir():
        os.utime(path, (4e9, 4e9) if path.name == stamp.file else (1, 1))
    late = open_at(index="HNSW16")
    late.load()
    assert late._index._built is not None
    assert sorted(ids(late.search(rows[:1], 100)[0])) == sorted(enrolled)
    assert late.status().sequence == here.status().sequence == 61


# --- memory --------------------------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process's memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """Where waiting for the disk costs nothing, if there is such a place."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 100 << 20:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="mintmark-test-") as folder:
        yield Path(folder)


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs Linux's /proc")
def test_ten_thousand_enrolments_in_a_row(quick_disk: Path) -> None:
    """Memory grows with the vectors, and with nothing else.

    From 2,000 to 10,000 that is 8,000 rows of an embedding and its id, and twice as much again while Faiss's arrays
    double. SQLite's cache has 2 MB, and its log's index some 32 KB. An allocator's fragments may take as much as all of
    this. A leak of the picture's 2 KB with each enrolment would add 16 MB.
    """
    vectors = 8_000 * (4 * EMBEDDING_SIZE + 8)  # bytes
    catalog = FolderCatalog(quick_disk, OWN)
    rows, picture = unit_vectors(10_000, seed=1), os.urandom(2000)
    start = files = 0
    for number, row in enumerate(rows, 1):
        entry_id = catalog.enroll(Enrolment("obverse", coin(year=number % 50)), photo(row, bytes(picture)))
        if number % 100 == 0:
            (found,) = catalog.search(row[None], 3, {"year": str(number % 50)} if number % 200 else {})
            assert found[0].entry.id == entry_id
        if number == 2000:
            start, files = resident(), len(list(Path("/proc/self/fd").iterdir()))
    assert resident() - start < 2 * (3 * vectors + 2_000_000)
    assert len(list(Path("/proc/self/fd").iterdir())) == files
    assert catalog.status().views == 10_000
    assert (quick_disk / "catalog.sqlite-wal").stat().st_size < 16 << 20, "the log is taken into the file again"
    np.testing.assert_array_equal(embedding_of(catalog.export("9999", 1).views[0][1]), rows[-1])
    catalog.close()
