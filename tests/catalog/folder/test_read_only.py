"""A catalog that this process may not write: it is searched, also beside a writer, and every change is refused."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.folder.check import problems
from catalog.folder.store import FolderCatalog
from ensemble.errors import CatalogError
from tests.catalog.samples import MAPS, OWN, ROWS, enroll, fill, unit_vectors, works

pytestmark = pytest.mark.slow

Open = Callable[..., FolderCatalog]
ROOT = Path(__file__).resolve().parents[3]

READER = """
import logging, os, sys
from pathlib import Path
import numpy as np
from ensemble.errors import CatalogError
from catalog.folder.store import FolderCatalog
from tests.catalog.samples import MAPS, OWN, Enrolment, coin, ids, photo, unit_vectors, verifying

if os.getuid() == 0:
    os.setgroups([]), os.setgid(65534), os.setuid(65534)  # rights do not bind root
logging.disable()  # it tells that it cannot use the writer's file of relief maps
rows = unit_vectors(20)
catalog = FolderCatalog(Path(sys.argv[1]), OWN)
catalog.load()
assert [ids(found) for found in catalog.search(rows, 1)] == [[f"coin-{n}"] for n in range(20)]
((match,),) = catalog.search(rows[3:4], 1, verification=verifying(MAPS[4]))
assert match.entry.id == "coin-4" and match.correlation > 0.99
assert len(catalog.page("", 100).entries) == catalog.status().entries == 20
assert ids(catalog.search(rows[:1], 1, {"country": "KR"})[0]) == ["coin-0"]
for change in (
    lambda: catalog.enroll(Enrolment("obverse", coin()), photo(rows[0])),
    lambda: catalog.remove("coin-0"),
    lambda: catalog.update("coin-0", {"name": "x"}),
    lambda: catalog.set_threshold(0.5),
    lambda: catalog.add([(Enrolment("obverse", coin(id="new"), "new"), photo(rows[0]))]),
):
    try:
        change()
    except CatalogError as error:
        assert "readonly database; give the server's user the right to write the file and its folder" in str(error)
    else:
        raise AssertionError("it was changed")
print("ready", flush=True)
for line in sys.stdin:
    print(len(catalog.search(rows[:1], 1000)[0]), flush=True)
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that another user can reach, which pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix="mintmark-shared-"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


def reader(folder: Path) -> "subprocess.Popen[str]":
    """Reads a catalog as a user who may not write it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", READER, str(folder)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_all(folder: Path) -> None:
    out, _ = reader(folder).communicate(timeout=60)
    assert out == "ready\n"


@pytest.mark.parametrize(("file", "rights"), [(0o444, 0o555), (0o444, 0o755), (0o644, 0o555)])
def test_a_catalog_that_may_only_be_read(shared: Path, file: int, rights: int) -> None:
    catalog = FolderCatalog(shared / "catalog", OWN)
    fill(catalog, ROWS, reliefs=MAPS)
    catalog.close()
    (shared / "catalog" / "catalog.sqlite").chmod(file)
    (shared / "catalog").chmod(rights)
    before = sorted(path.name for path in (shared / "catalog").iterdir())
    read_all(shared / "catalog")
    assert sorted(path.name for path in (shared / "catalog").iterdir()) == before


def test_a_reader_beside_a_writer(shared: Path) -> None:
    """What the other writes is in the log beside the file, and the reader sees it there."""
    writer = FolderCatalog(shared / "catalog", OWN)
    fill(writer, ROWS, reliefs=MAPS)
    read_beside(writer, shared / "catalog")


def test_a_reader_beside_a_writer_that_has_not_written_yet(shared: Path) -> None:
    writer = FolderCatalog(shared / "catalog", OWN)
    fill(writer, ROWS, reliefs=MAPS)
    writer.close()
    writer = FolderCatalog(shared / "catalog", OWN)
    writer.load()
    read_beside(writer, shared / "catalog")


def read_beside(writer: FolderCatalog, folder: Path) -> None:
    with reader(folder) as process:
        assert process.stdin is not None and process.stdout is not None
        first = process.stdout.readline()
        assert first == "ready\n", first + process.stdout.read()
        for number in range(3):
            enroll(writer, unit_vectors(1, seed=100 + number)[0])
            process.stdin.write("again\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{21 + number}\n"
        process.stdin.close()
    writer.close()


def test_a_reader_after_a_writer_that_was_killed(shared: Path) -> None:
    """Its log is still there, and holds what was acknowledged."""
    live, left = shared / "live", shared / "catalog"
    catalog = FolderCatalog(live, OWN)
    fill(catalog, ROWS, reliefs=MAPS)
    shutil.copytree(live, left)  # as the files lie at any moment
    catalog.close()
    assert (left / "catalog.sqlite-wal").stat().st_size
    read_all(left)


def test_a_disk_that_is_mounted_for_reading(small_disk: Path) -> None:
    """Not even root may write there."""
    catalog = FolderCatalog(small_disk, OWN)
    fill(catalog, ROWS, reliefs=MAPS)
    catalog.close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    catalog = FolderCatalog(small_disk, OWN)
    catalog.load()
    works(catalog)
    for change in (lambda: catalog.remove("coin-1"), lambda: enroll(catalog, ROWS[0]), lambda: catalog.switch()):
        with pytest.raises(CatalogError, match="was not changed: attempt to write a readonly database; give the"):
            change()
    works(catalog)
    catalog.close()
    with pytest.raises(CatalogError, match="cannot open"):
        FolderCatalog(small_disk / "new", OWN)
    assert problems(small_disk) == []


def test_an_old_catalog_that_may_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(tmp_path / "catalog.sqlite")
    connection.executescript("CREATE TABLE entries (id TEXT); PRAGMA user_version = 1;")
    connection.close()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CatalogError, match="was written by an earlier release: open it once where it can be written"):
        FolderCatalog(tmp_path, OWN)
