"""A catalog is backed up and restored while others search and change it, and they notice."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog import Enrolment
from catalog.__main__ import main
from catalog.folder.check import problems
from catalog.folder.index.builder import build
from catalog.folder.index.spec import parse_spec
from catalog.folder.reliefs.gpu import GpuReliefs
from catalog.folder.sqlite.connection import FILE, Connection
from catalog.folder.store import FolderCatalog
from ensemble.errors import EntryError
from tests.catalog.folder.test_migration import Old
from tests.catalog.samples import (
    MAPS,
    MODEL,
    OWN,
    ROWS,
    coin,
    enroll,
    fill,
    ids,
    photo,
    relief_maps,
    unit_vectors,
    verifying,
    works,
)

Open = Callable[..., FolderCatalog]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def any_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures of these catalogs are no pictures, and that is no matter unless a test says so."""

    def check(picture: bytes) -> None:
        if picture == b"unreadable":
            raise EntryError("the picture of a view cannot be read")

    monkeypatch.setattr("catalog.__main__.check_picture", check)


def tables(file: Path) -> dict[str, list[Any]]:
    """All rows of a database by table, without its identity."""
    connection = sqlite3.connect(file)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in names}
    finally:
        connection.close()
    rows["settings"] = [row for row in rows.get("settings", []) if row[0] != "identity"]
    return rows


def backup(folder: Path, file: Path) -> None:
    assert main(["backup", str(folder), str(file)]) == 0


def restore(file: Path, folder: Path) -> None:
    assert main(["restore", str(file), str(folder)]) == 0


def before_restore(folder: Path) -> Path:
    (found,) = folder.glob("before-restore-*.sqlite")
    return found


# --- what is written --------------------------------------------------------------------------------------------------


def test_a_backup_holds_every_row(tmp_path: Path, open_at: Open, capsys: pytest.CaptureFixture[str]) -> None:
    catalog, file = open_at(), tmp_path / "backup.sqlite"
    fill(catalog, ROWS, reliefs=MAPS)
    catalog.set_threshold(0.7)
    catalog.remove("coin-3")
    catalog.enroll(Enrolment("reverse", None, "coin-1"), photo(unit_vectors(1, seed=7)[0]))
    backup(tmp_path / "catalog", file)
    assert capsys.readouterr().out == f"{file}: 19 entries, 20 views, a calibrated threshold\nall is well\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert tables(file) == tables(tmp_path / "catalog" / FILE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.sqlite", "catalog"], "nothing is left beside"


def test_a_backup_never_overwrites(tmp_path: Path, open_at: Open, capsys: pytest.CaptureFixture[str]) -> None:
    fill(open_at(), ROWS[:2])
    (tmp_path / "old").write_text("precious")
    for file, said in (("old", "exists already: name a new file"), ("none/new", "cannot be written: No such file")):
        assert main(["backup", str(tmp_path / "catalog"), str(tmp_path / file)]) == 1
        assert said in capsys.readouterr().err
    assert (tmp_path / "old").read_text() == "precious"
    assert main(["backup", str(tmp_path), str(tmp_path / "new")]) == 1
    assert "holds no catalog.sqlite" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_backup_says_what_is_wrong_with_a_row(
    tmp_path: Path, open_at: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is whole all the same, and can be restored."""
    catalog, file = open_at(), tmp_path / "backup.sqlite"
    catalog.enroll(Enrolment("obverse", coin(id="bad"), "bad"), photo(ROWS[0], b"unreadable"))
    for command in (["backup", str(tmp_path / "catalog"), str(file)], ["restore", str(file), str(tmp_path / "new")]):
        assert main(command) == 1
        said = capsys.readouterr().out
        assert "1 entries, 1 views" in said and "entry bad, view 1: the picture of a view cannot be read" in said
        assert "check --repair" in said
    assert tables(tmp_path / "new" / FILE) == tables(file) == tables(tmp_path / "catalog" / FILE)


def test_a_catalog_of_an_earlier_release(tmp_path: Path, open_at: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """Its backup stays as old as it is; what is restored is of today."""
    (tmp_path / "old").mkdir()
    old = Old(tmp_path / "old")
    old.add("coin-0", MODEL, ROWS[0])
    backup(tmp_path / "old", tmp_path / "backup.sqlite")
    assert "1 entries, 1 views, no calibrated threshold" in capsys.readouterr().out
    connection = sqlite3.connect(tmp_path / "backup.sqlite")
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    catalog = open_at()
    fill(catalog, unit_vectors(3, seed=5))
    restore(tmp_path / "backup.sqlite", tmp_path / "catalog")
    old.connection.close()
    assert ids(catalog.search(ROWS[:1], 5)[0]) == ["coin-0"]
    assert problems(tmp_path / "catalog") == []


# --- what is refused --------------------------------------------------------------------------------------------------


def _damaged(good: Path, file: Path) -> None:
    data = bytearray(good.read_bytes())
    for start in range(4096 * 8, len(data) - 4096, 4096 * 5):
        data[start : start + 4096] = b"\x00" * 4096
    file.write_bytes(data)


def _statement(statement: str) -> Callable[[Path, Path], None]:
    def make(good: Path, file: Path) -> None:
        shutil.copy(good, file)
        connection = sqlite3.connect(file)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return make


def _foreign(good: Path, file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE entries (id TEXT)")
    connection.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_damaged, "is damaged"),
        (lambda good, file: file.write_bytes(good.read_bytes()[:50_000]), "restore"),
        (lambda good, file: file.write_text("no database " * 1000), "restore it from a backup or an export"),
        (lambda good, file: file.write_bytes(b""), "is no catalog: give a file that"),
        (_foreign, "is no catalog: give a file that"),
        (lambda good, file: None, "is no file: give one that"),
        (_statement("PRAGMA user_version = 99"), "has schema 99, this release knows up to"),
    ],
    ids=["damaged", "truncated", "text", "empty", "foreign", "missing", "newer"],
)
def test_what_cannot_be_restored(
    tmp_path: Path,
    open_at: Open,
    make: Callable[[Path, Path], None],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is refused in one line, and the catalog stays as it was."""
    catalog, good, file = open_at(), tmp_path / "good.sqlite", tmp_path / "bad.sqlite"
    fill(catalog, ROWS, reliefs=MAPS)
    backup(tmp_path / "catalog", good)
    make(good, file)
    capsys.readouterr()
    before = tables(tmp_path / "catalog" / FILE)
    assert main(["restore", str(file), str(tmp_path / "catalog")]) == 1
    error = capsys.readouterr().err
    assert said in error and "bad.sqlite" in error and error.count("\n") == 1
    assert tables(tmp_path / "catalog" / FILE) == before
    assert not list((tmp_path / "catalog").glob("*restore*"))
    works(catalog)


def test_milvus_has_a_tool_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    location = "milvus://127.0.0.1:19530/coins"
    file = str(tmp_path / "x")
    for command in (
        ["backup", location, file],
        ["restore", file, location],
        ["check", location],
        ["build", location, "abc", "Flat"],
    ):
        assert main(command) == 1
        error = capsys.readouterr().err
        assert "its backup tool or `mintmark export`" in error and error.count("\n") == 1


def test_a_catalog_of_a_newer_release_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Connection(tmp_path / "catalog").close()
    with closing(sqlite3.connect(tmp_path / "catalog" / FILE)) as database:
        database.execute("PRAGMA user_version = 99")
    assert main(["backup", str(tmp_path / "catalog"), str(tmp_path / "x")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'catalog' / FILE} has schema 99")
    assert [path.name for path in tmp_path.iterdir()] == ["catalog"]


def test_a_folder_without_a_catalog_stays_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever mistypes the folder does not make a catalog there, of which a server would be glad."""
    for folder in (tmp_path, tmp_path / "none"):
        for command in (["backup", str(folder), str(tmp_path / "x")], ["check", str(folder)]):
            assert main(command) == 1
        assert main(["build", str(folder), "abc", "HNSW16"]) == 1
        assert capsys.readouterr().err.splitlines() == [f"error: {folder} holds no catalog.sqlite"] * 3
    assert not list(tmp_path.iterdir())


# --- what follows -----------------------------------------------------------------------------------------------------


def test_restored_into_an_empty_folder(tmp_path: Path, open_at: Open) -> None:
    fill(open_at(), ROWS, reliefs=MAPS)
    backup(tmp_path / "catalog", tmp_path / "backup.sqlite")
    restore(tmp_path / "backup.sqlite", tmp_path / "new")
    assert tables(tmp_path / "new" / FILE) == tables(tmp_path / "catalog" / FILE)
    assert [path.name for path in (tmp_path / "new").iterdir()] == [FILE]


@pytest.mark.parametrize("relief_store", ["file", "gpu"])
@pytest.mark.parametrize("index", ["", "HNSW16"])
@pytest.mark.parametrize("changes", ["fewer", "as many", "more"])
def test_an_open_catalog_answers_from_what_was_restored(
    tmp_path: Path, open_at: Open, relief_store: str, index: str, changes: str
) -> None:
    """The restored database has other content under the same numbers of views and changes."""
    other, folder = FolderCatalog(tmp_path / "other", OWN), tmp_path / "catalog"
    order = np.random.default_rng(0).permutation(60)
    rows, maps = unit_vectors(60), relief_maps(60)
    fill(other, rows[order], reliefs=[None if n % 7 == 0 else maps[n] for n in order])
    other.update("coin-5", {"country": "PL"})
    if changes == "more":
        other.remove("coin-50")
    other.close()
    backup(tmp_path / "other", tmp_path / "backup.sqlite")

    reliefs = GpuReliefs(np) if relief_store == "gpu" else None
    catalog = FolderCatalog(folder, OWN, reliefs=reliefs, spec=parse_spec(index))
    fill(catalog, rows, reliefs=maps)
    catalog.update("coin-7", {"country": "PL"})
    if changes == "fewer":
        catalog.remove("coin-51")
    if index:
        build(folder, MODEL, parse_spec(index))
    catalog.load()
    catalog.search(rows[:1], 3, {"country": "PL"}, verifying(maps[0]))
    restore(tmp_path / "backup.sqlite", folder)

    left = [place for place in range(60) if changes != "more" or place != 50]
    for place in left[:20]:
        number = int(order[place])
        ((match,),) = catalog.search(rows[number : number + 1], 1, verification=verifying(maps[number]))
        assert match.entry.id == f"coin-{place}" and match.cosine > 0.999
        assert (match.correlation > 0.99) == bool(number % 7), "its own map, or none"
    assert ids(catalog.search(rows[:1], 60, {"country": "PL"})[0]) == ["coin-5"]
    assert len(catalog.search(rows[:1], 60)[0]) == catalog.status().views == len(left)
    new = enroll(catalog, unit_vectors(1, seed=9)[0])
    assert ids(catalog.search(unit_vectors(1, seed=9), 1)[0]) == [new]
    catalog.close()

    again = FolderCatalog(folder, OWN, spec=parse_spec(index))
    again.load()
    ((match,),) = again.search(rows[order[:1]], 1, verification=verifying(maps[order[0]]))
    assert match.entry.id == "coin-0"
    again.close()
    assert problems(folder) == []


def test_files_made_before_a_restore_do_not_count_after_it(tmp_path: Path, open_at: Open) -> None:
    """A server that has not searched since the restore writes down what it had read, and that is of another state."""
    catalog, folder = open_at(), tmp_path / "catalog"
    fill(catalog, ROWS, reliefs=MAPS)
    backup(folder, tmp_path / "backup.sqlite")
    catalog.remove("coin-19")
    fill(catalog, ROWS[:1], first=30, reliefs=relief_maps(1, seed=3))
    catalog.load()
    restore(tmp_path / "backup.sqlite", folder)
    other = open_at()
    other.load()
    catalog.close()
    other.close()
    for catalog in (open_at(), open_at()):
        ((match,),) = catalog.search(ROWS[18:19], 1, verification=verifying(MAPS[19]))
        assert match.entry.id == "coin-19" and match.correlation > 0.99
        works(catalog)


def test_what_was_there_is_kept(tmp_path: Path, open_at: Open, capsys: pytest.CaptureFixture[str]) -> None:
    catalog, folder = open_at(), tmp_path / "catalog"
    fill(catalog, ROWS, reliefs=MAPS)
    catalog.set_threshold(0.7)
    backup(folder, tmp_path / "backup.sqlite")
    catalog.remove("coin-3")
    catalog.set_threshold(0.8)
    fill(catalog, unit_vectors(5, seed=5), first=20)
    before = tables(folder / FILE)
    capsys.readouterr()
    restore(tmp_path / "backup.sqlite", folder)
    kept = before_restore(folder)
    assert capsys.readouterr().out == (
        f"what {folder} held is in {kept}\n{folder}: 20 entries, 20 views, a calibrated threshold\nall is well\n"
    )
    assert re.fullmatch(r"before-restore-\d{8}T\d{12}Z\.sqlite", kept.name) and kept.stat().st_mode & 0o777 == 0o600
    assert tables(kept) == before and tables(folder / FILE) == tables(tmp_path / "backup.sqlite")
    assert catalog.threshold() == 0.7
    works(catalog)
    restore(kept, folder)
    assert tables(folder / FILE) == before and catalog.threshold() == 0.8
    assert len(catalog.search(ROWS[:1], 99)[0]) == 24


def test_a_search_that_has_begun_sees_the_old_state(tmp_path: Path, open_at: Open) -> None:
    catalog, folder = open_at(), tmp_path / "catalog"
    fill(catalog, ROWS)
    backup(folder, tmp_path / "backup.sqlite")
    fill(catalog, unit_vectors(1, seed=5), first=20)
    with catalog._connection.transaction("DEFERRED"):
        assert catalog.show("coin-20").id == "coin-20"
        restore(tmp_path / "backup.sqlite", folder)
        assert catalog.show("coin-20").id == "coin-20"
    works(catalog)


def test_a_restore_waits_for_a_change_that_has_begun(tmp_path: Path, open_at: Open) -> None:
    """The change is in what is kept: it was acknowledged."""
    fill(open_at(), ROWS)
    folder, began = tmp_path / "catalog", threading.Event()
    backup(folder, tmp_path / "backup.sqlite")

    def change() -> None:
        changing = FolderCatalog(folder, OWN)
        with changing._connection.transaction():
            changing._connection.run("UPDATE entries SET name = 'changed' WHERE id = 'coin-3'")
            began.set()
            time.sleep(1)
        changing.close()

    thread = threading.Thread(target=change)
    thread.start()
    assert began.wait(timeout=60)
    restore(tmp_path / "backup.sqlite", folder)
    thread.join()
    assert "changed" in str(tables(before_restore(folder))["entries"])
    assert "changed" not in str(tables(folder / FILE)["entries"])


@pytest.mark.parametrize("damage", ["text", "truncated"])
def test_a_damaged_catalog_is_replaced(
    tmp_path: Path, open_at: Open, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog, folder = open_at(), tmp_path / "catalog"
    fill(catalog, ROWS, reliefs=MAPS)
    backup(folder, tmp_path / "backup.sqlite")
    catalog.close()
    damaged = b"no database" * 1000 if damage == "text" else (folder / FILE).read_bytes()[:50_000]
    (folder / FILE).write_bytes(damaged)
    restore(tmp_path / "backup.sqlite", folder)
    assert "was damaged" in capsys.readouterr().out and before_restore(folder).read_bytes() == damaged
    works(open_at())


def test_a_full_disk(small_disk: Path, tmp_path: Path, open_at: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is left half done."""
    catalog, big = open_at(), tmp_path / "big.sqlite"
    fill(catalog, unit_vectors(600), reliefs=relief_maps(600))
    backup(tmp_path / "catalog", big)
    assert main(["backup", str(tmp_path / "catalog"), str(small_disk / "new.sqlite")]) == 1
    assert "make room" in capsys.readouterr().err and not list(small_disk.iterdir())
    small = FolderCatalog(small_disk / "catalog", OWN)
    fill(small, ROWS)
    assert main(["restore", str(big), str(small_disk / "catalog")]) == 1
    assert "make room" in capsys.readouterr().err
    works(small)
    small.close()
    assert not list((small_disk / "catalog").glob("before-restore-*"))
    assert problems(small_disk / "catalog") == []


# --- two processes ----------------------------------------------------------------------------------------------------

WORKER = """
import sys, threading
from pathlib import Path
import numpy as np
from catalog.folder.store import FolderCatalog
from ensemble.contract import EMBEDDING_SIZE
from tests.catalog.samples import OWN, Enrolment, coin, ids, normalized, photo, relief_maps, verifying

stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
catalog = FolderCatalog(Path(sys.argv[1]), OWN)
rng = np.random.default_rng(int(sys.argv[2]))
n = 0
while not stop.is_set():
    row, relief, n = normalized(rng.normal(size=(1, EMBEDDING_SIZE)))[0], relief_maps(1, seed=n)[0], n + 1
    name = f"{sys.argv[2]}-{n}"
    catalog.enroll(Enrolment("obverse", coin(id=name), name), photo(row, rng.bytes(3000), relief=relief))
    print(name, flush=True)
    # What it has just enrolled is found by its map, unless a restore came between.
    ((match, *_),) = catalog.search(row[None], 1, verification=verifying(relief))
    there = match.entry.id == name and match.correlation > 0.99
    gone = match.entry.id != name and match.cosine < 0.5
    assert there or gone, match
print("found", *ids(catalog.search(row[None], 10**6)[0]), flush=True)
"""


@pytest.mark.slow
def test_beside_a_process_that_enrolls_and_searches(tmp_path: Path, open_at: Open) -> None:
    folder = tmp_path / "catalog"
    fill(open_at(), ROWS, reliefs=MAPS)
    command = [sys.executable, "-c", WORKER, str(folder), "7"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None and worker.stdout is not None
        acknowledged = [worker.stdout.readline().strip() for _ in range(20)]
        backup(folder, tmp_path / "first.sqlite")
        first = {row[1] for row in tables(tmp_path / "first.sqlite")["entries"]}
        assert set(acknowledged) <= first, "what was acknowledged before is in it"
        acknowledged += [worker.stdout.readline().strip() for _ in range(200)]
        for _ in range(3):
            restore(tmp_path / "first.sqlite", folder)
            acknowledged += [worker.stdout.readline().strip() for _ in range(30)]
        worker.stdin.write("stop\n")
        worker.stdin.flush()
        *last, found = worker.stdout.read().splitlines()
    assert worker.returncode == 0
    acknowledged += last
    there = {row[1] for row in tables(folder / FILE)["entries"]}
    assert set(found.split()[1:]) == there, "searches and the database agree"
    kept = [{row[1] for row in tables(file)["entries"]} for file in folder.glob("before-restore-*.sqlite")]
    assert len(kept) == 3 and set(acknowledged) <= there.union(*kept), "nothing that was acknowledged is lost"
    assert first <= there and not any(entry in there for entry in acknowledged if entry in kept[0] - first - there)
    assert problems(folder) == []
