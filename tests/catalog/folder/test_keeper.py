"""Indexes are built in the background, by one process at a time, and then used by every server."""

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from catalog.folder.index.builder import BUSY, alone, build
from catalog.folder.index.keeper import PAUSE, ROOT, Growth
from catalog.folder.index.saved import read_stamp
from catalog.folder.index.spec import parse_spec
from catalog.folder.store import FolderCatalog
from tests.catalog.samples import MODEL, fill, ids, unit_vectors

pytestmark = pytest.mark.slow

Open = Callable[..., FolderCatalog]
Until = Callable[[Callable[[], bool]], None]
ROWS = unit_vectors(80)
SMALL = Growth(first=50, share=0.25)


def search(catalog: FolderCatalog) -> None:
    assert [ids(found) for found in catalog.search(ROWS[:5], 1)] == [[f"coin-{n}"] for n in range(5)]


def has_built(catalog: FolderCatalog) -> bool:
    search(catalog)
    return catalog._index._built is not None


@pytest.mark.parametrize(
    ("growth", "built", "changed", "outgrown"),
    [
        (Growth(), 0, 49_999, False),
        (Growth(), 0, 50_000, True),
        (Growth(), 100_000, 49_999, False),
        (Growth(), 1_000_000, 249_999, False),
        (Growth(), 1_000_000, 250_000, True),
        (SMALL, 50, 50, True),
        (SMALL, 1000, 249, False),
    ],
)
def test_when_an_index_is_outgrown(growth: Growth, built: int, changed: int, outgrown: bool) -> None:
    assert growth.outgrown(built, changed) is outgrown


def test_built_by_another_process_and_taken_up_by_all(
    open_at: Open, until: Until, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """No change of the catalog is needed: searches alone find out that the index is there."""
    builder, other = (open_at(index="HNSW16", growth=SMALL) for _ in range(2))
    fill(builder, ROWS)
    with caplog.at_level(logging.WARNING, "mintmark.catalog"):
        until(lambda: has_built(builder))
        assert caplog.text.count("building the index HNSW16 in the background") == 1
        caplog.clear()
        until(lambda: has_built(other))
    assert not caplog.text, "the other server takes what is there"
    for catalog in (builder, other):
        assert catalog._index.ntotal == 80 and catalog._index._live.ntotal == 0
    assert other.status().index["built_views"] == 80
    fill(other, unit_vectors(49, seed=5), 80)
    search(builder)
    assert read_stamp(tmp_path / "catalog", MODEL).views == 80, "not outgrown yet"
    other.remove("coin-79")
    until(lambda: has_built(other) and other._index._live.ntotal == 0)
    assert read_stamp(tmp_path / "catalog", MODEL).views == 128
    until(lambda: has_built(builder) and builder._index._live.ntotal == 0)


class Builders:
    """Fake builders on a fake clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.command = [sys.executable, "-c", "raise SystemExit(1)"]
        self.started: list[subprocess.Popen[bytes]] = []
        self.fails = False

    def start(self, command: list[str], **options: object) -> "subprocess.Popen[bytes]":
        assert command[1:4] == ["-m", "catalog", "build"] and command[-2:] == [MODEL, "HNSW16"]
        assert (options["cwd"], options["stdin"]) == (ROOT, subprocess.DEVNULL)
        if self.fails:
            raise OSError("Resource temporarily unavailable")
        self.started.append(subprocess.Popen(self.command))
        return self.started[-1]

    def ended(self) -> None:
        self.started[-1].wait()


@pytest.fixture
def builders(monkeypatch: pytest.MonkeyPatch) -> Builders:
    made = Builders()
    monkeypatch.setattr(
        "catalog.folder.index.keeper.subprocess", SimpleNamespace(Popen=made.start, DEVNULL=subprocess.DEVNULL)
    )
    monkeypatch.setattr("catalog.folder.index.keeper.time", SimpleNamespace(monotonic=lambda: made.now))
    return made


@pytest.fixture
def grown(open_at: Open) -> FolderCatalog:
    """A catalog that has outgrown its index; nobody has noticed yet."""
    catalog = open_at(index="HNSW16", growth=SMALL)
    fill(catalog, ROWS)
    return catalog


def test_a_builder_that_fails_is_logged_and_tried_again_later(
    grown: FolderCatalog, builders: Builders, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mintmark.catalog"):
        search(grown)
        search(grown)
        assert len(builders.started) == 1, "one at a time"
        builders.ended()
        search(grown)
        assert "building the index HNSW16 failed with status 1" in caplog.text
        for attempts, pause in ((1, PAUSE), (2, 2 * PAUSE), (3, 4 * PAUSE)):
            builders.now += pause - 1
            search(grown)
            assert len(builders.started) == attempts, "not before the pause has passed"
            builders.now += 1
            search(grown)
            assert len(builders.started) == attempts + 1
            builders.ended()
            search(grown)
    builders.now += 100_000
    builders.command = [sys.executable, "-c", ""]
    search(grown)  # this one works
    builders.ended()
    build(grown._folder, MODEL, parse_spec("HNSW16"))
    while not has_built(grown):
        keeper = grown._index._keeper
        assert keeper is not None and (keeper._loader or keeper._loaded)


def test_a_builder_that_cannot_start(
    grown: FolderCatalog, builders: Builders, caplog: pytest.LogCaptureFixture
) -> None:
    builders.fails = True
    with caplog.at_level(logging.ERROR, "mintmark.catalog"):
        search(grown)
        search(grown)
    assert caplog.text.count("the index cannot be built: Resource temporarily unavailable") == 1
    builders.fails, builders.now = False, builders.now + PAUSE
    search(grown)
    assert len(builders.started) == 1


def test_where_another_process_builds_its_index_is_awaited(
    grown: FolderCatalog, builders: Builders, caplog: pytest.LogCaptureFixture
) -> None:
    builders.command = [sys.executable, "-c", f"raise SystemExit({BUSY})"]
    with caplog.at_level(logging.ERROR, "mintmark.catalog"):
        search(grown)
        builders.ended()
        search(grown)
        search(grown)
    assert len(builders.started) == 1 and not caplog.text, "that is no error"
    build(grown._folder, MODEL, parse_spec("HNSW16"))
    builders.now += PAUSE
    search(grown)
    keeper = grown._index._keeper
    assert keeper is not None and keeper._loader is not None
    keeper._loader.join()
    assert has_built(grown) and len(builders.started) == 1


def test_a_damaged_index_is_built_again(
    grown: FolderCatalog, builders: Builders, open_at: Open, caplog: pytest.LogCaptureFixture
) -> None:
    stamp = build(grown._folder, MODEL, parse_spec("HNSW16"))
    (grown._folder / stamp.file).write_bytes(b"")
    with caplog.at_level(logging.WARNING, "mintmark.catalog"):
        for catalog in (open_at(index="HNSW16", growth=SMALL), grown):
            catalog.load()  # one finds it now
            keeper = catalog._index._keeper
            assert keeper is not None
            if keeper._loader is not None:
                keeper._loader.join()
            search(catalog)
    assert "has 0 bytes instead of" in caplog.text
    assert len(builders.started) == 2


def test_a_damaged_index_that_another_server_made_is_built_again(
    grown: FolderCatalog, builders: Builders, caplog: pytest.LogCaptureFixture
) -> None:
    builders.command = [sys.executable, "-c", ""]
    search(grown)
    builders.ended()
    stamp = build(grown._folder, MODEL, parse_spec("HNSW16"))
    (grown._folder / stamp.file).write_bytes(b"")
    with caplog.at_level(logging.WARNING, "mintmark.catalog"):
        search(grown)
        keeper = grown._index._keeper
        assert keeper is not None and keeper._loader is not None
        keeper._loader.join()
        search(grown)
    assert "has 0 bytes instead of" in caplog.text and "it is built again" in caplog.text
    assert len(builders.started) == 2


def test_too_small_after_removals(open_at: Open, builders: Builders) -> None:
    """What is removed counts as a change, not as a view."""
    catalog = open_at(index="HNSW16", growth=Growth(first=50))
    fill(catalog, ROWS)
    build(catalog._folder, MODEL, parse_spec("HNSW16"))
    catalog.load()
    for number in range(5, 70):
        catalog.remove(f"coin-{number}")
    search(catalog)
    assert catalog._index.ntotal == 15 and not builders.started


def test_closing_ends_a_build(grown: FolderCatalog, builders: Builders) -> None:
    builders.command = [sys.executable, "-c", "import time; time.sleep(600)"]
    search(grown)
    grown.close()
    assert builders.started[0].poll() is not None


def test_one_builder_at_a_time(tmp_path: Path) -> None:
    with alone(tmp_path) as first:
        assert first
        with alone(tmp_path) as second:
            assert not second
    with alone(tmp_path) as third:
        assert third


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "catalog", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command(open_at: Open, tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    fill(open_at(), ROWS)
    with alone(folder):
        busy = run("build", folder, MODEL, "HNSW16")
    assert (busy.returncode, busy.stderr.splitlines()[-1]) == (BUSY, "another process is building")
    done = run("build", folder, MODEL, "HNSW16")
    assert done.returncode == 0 and done.stdout.startswith("HNSW16 of 80 views, up to change 1: {'seconds': ")
    assert read_stamp(folder, MODEL).views == 80
    well = run("check", folder)
    *lines, last = well.stdout.splitlines()  # the pictures of these views are none, and nothing else is wrong
    assert (well.returncode, last) == (1, "something is wrong")
    assert len(lines) == 80 and all("picture of a view cannot be read" in line for line in lines)
    nothing = run("check", tmp_path)
    assert nothing.returncode == 1 and nothing.stderr.startswith(f"error: {tmp_path} holds no catalog.sqlite")
    small = run("build", folder, MODEL, "IVF64,Flat")
    assert small.returncode == 1
    assert small.stderr.splitlines()[-1] == "error: IVF64,Flat needs 2496 views, the catalog has 80"
