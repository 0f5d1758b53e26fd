"""Where a folder's searches find relief maps: a file or a GPU's memory, which follow the database."""

import contextlib
import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from catalog import Enrolment
from catalog.folder.reliefs.file import FileReliefs
from catalog.folder.reliefs.following import FollowingReliefs
from catalog.folder.reliefs.gpu import GpuReliefs
from catalog.folder.reliefs.held import HeldReliefs
from catalog.folder.reliefs.store import SIZE, ReliefStore
from catalog.folder.sqlite.connection import Connection
from catalog.folder.sqlite.feed import Feed
from catalog.folder.sqlite.generations import Generations
from catalog.folder.store import FolderCatalog
from ensemble.errors import CatalogError
from tests.catalog.samples import MAPS, OWN, ROWS, coin, fill, ids, photo, relief_maps, unit_vectors, verifying

Open = Callable[..., FolderCatalog]
STAMP = f"relief-{OWN.relief}.json"


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    """Of a database with some coins."""
    catalog = FolderCatalog(tmp_path / "catalog", OWN)
    fill(catalog, ROWS)
    catalog.close()
    connection = Connection(tmp_path / "catalog")
    yield Feed(connection, Generations(connection, OWN.embedding))
    connection.close()


@pytest.fixture(params=["file", "gpu"])
def make(request: pytest.FixtureRequest, feed: Feed, tmp_path: Path) -> Callable[[], ReliefStore]:
    """Makes an empty store. numpy takes the place of CuPy."""
    makers: dict[str, Callable[[], ReliefStore]] = {
        "file": lambda: FileReliefs(tmp_path, OWN.relief, feed),
        "gpu": lambda: GpuReliefs(np),
    }
    return makers[request.param]


def maps_file(folder: Path) -> Path:
    (found,) = folder.glob("relief-*.maps")
    return found


def fits(catalog: FolderCatalog, number: int) -> bool:
    """Whether a search finds a coin by its map, though another coin's embedding fits."""
    ((match,),) = catalog.search(ROWS[number - 1 : number], 1, verification=verifying(MAPS[number]))
    return match.entry.id == f"coin-{number}" and match.correlation > 0.99


# --- the stores -------------------------------------------------------------------------------------------------------


def test_it_grows_and_has_holes(make: Callable[[], ReliefStore]) -> None:
    """As a plain dictionary of maps would answer."""
    store, held, rng = make(), dict[int, np.ndarray](), np.random.default_rng(0)
    zero = np.zeros_like(MAPS[0])
    assert not store.rows(np.array([0, 3, 10**7])).any()
    for last in (1, 5, 40, 5_000, 5_001, 9_000, 30_000):
        views = np.unique([*rng.integers(0, last, 20), last])
        maps = relief_maps(len(views), seed=last)
        for place, view in enumerate(views.tolist()):
            maps[place] = held.get(view, maps[place])  # a view has one map for good
        store.put(views, maps)
        held |= dict(zip(views.tolist(), maps, strict=True))
        asked = rng.permutation([*held, *rng.integers(0, 40_000, 50)])
        found = np.asarray(store.rows(asked))
        assert found.dtype == np.int8
        np.testing.assert_array_equal(found, [held.get(view, zero) for view in asked.tolist()])
    assert store.rows(np.array([], np.int64)).shape == (0, *MAPS[0].shape)
    store.close()


def test_held_maps_are_those_of_their_views() -> None:
    """Views that share a place take it from one another, also within one call."""
    held, rng, everything = HeldReliefs(places=16), np.random.default_rng(0), relief_maps(100)
    for _ in range(50):
        views = rng.integers(0, 100, 12)
        maps, there = held.get(views)
        np.testing.assert_array_equal(maps[there], everything[views[there]])
        held.put(views, everything[views])
        maps, there = held.get(views[-1:])
        assert there.all()
        np.testing.assert_array_equal(maps[0], everything[views[-1]])
        dropped = rng.integers(0, 100, 3)
        held.drop(dropped)
        assert not held.get(dropped)[1].any()


def test_a_map_that_comes_later_is_seen(feed: Feed, tmp_path: Path) -> None:
    store, views = FileReliefs(tmp_path, OWN.relief, feed), np.array([3, 4])
    assert not store.rows(views).any()
    store.put(views[1:], MAPS[:1])
    np.testing.assert_array_equal(store.rows(views), [np.zeros_like(MAPS[0]), MAPS[0]])
    store.close()


def test_holes_take_no_room(feed: Feed, tmp_path: Path) -> None:
    store = FileReliefs(tmp_path, OWN.relief, feed)
    store.put(np.array([200_000]), MAPS[:1])
    status = maps_file(tmp_path).stat()
    assert status.st_size > 200_000 * SIZE and status.st_blocks * 512 < 100 * SIZE
    np.testing.assert_array_equal(store.rows(np.array([200_000])), MAPS[:1])
    store.close()


def test_a_gpu_gives_the_same_answers(tmp_path: Path) -> None:
    """With numpy in place of CuPy."""
    here = FolderCatalog(tmp_path, OWN)
    there = FolderCatalog(tmp_path, OWN, reliefs=GpuReliefs(np))
    fill(here, ROWS, reliefs=[*MAPS[:15], *[None] * 5])
    for round_ in range(3):
        for number in range(1, 20):
            verification = verifying(MAPS[number], degrees=30.0 * round_)
            answers = [catalog.search(ROWS[:1], 20, verification=verification) for catalog in (here, there)]
            assert [ids(found) for found in answers[0]] == [ids(found) for found in answers[1]]
            for one, other in zip(answers[0][0], answers[1][0], strict=True):
                assert (one.correlation, one.angle) == (other.correlation, other.angle)
        here.remove(f"coin-{round_}")
        fill(there, unit_vectors(5, seed=round_), 100 + 10 * round_, reliefs=relief_maps(5, seed=100 + round_))
    here.close()
    there.close()


# --- following the database -------------------------------------------------------------------------------------------


def test_a_file_that_was_stamped_is_used_again(open_at: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_at()
    fill(first, ROWS[:10], reliefs=MAPS[:10])
    assert fits(first, 3)
    first.close()
    folder = tmp_path / "catalog"
    name = maps_file(folder).name
    assert json.loads((folder / STAMP).read_text())["file"] == name
    fill(open_at(), ROWS[10:], 10, reliefs=MAPS[10:])

    read = noted(monkeypatch)
    again = open_at()
    again.load()
    assert read == list(range(11, 21)), "only what came since"
    assert maps_file(folder).name == name
    assert all(fits(again, number) for number in (3, 9, 15, 19))


def noted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The views whose maps are read from the database from now on."""
    read: list[int] = []
    put = FileReliefs.put

    def noting(self: FileReliefs, views: np.ndarray, maps: np.ndarray) -> None:
        read.extend(views.tolist())
        put(self, views, maps)

    monkeypatch.setattr(FileReliefs, "put", noting)
    return read


def test_nothing_is_read_again_that_has_not_changed(open_at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, read = open_at(), noted(monkeypatch)
    fill(catalog, ROWS[:5], reliefs=MAPS[:5])
    for _ in range(3):
        assert fits(catalog, 2)
    assert read == [1, 2, 3, 4, 5]
    catalog.enroll(Enrolment("obverse", coin(id="coin-5"), "coin-5"), photo(ROWS[5], relief=MAPS[5]))
    assert fits(catalog, 5)
    assert read == [1, 2, 3, 4, 5, 6]


def test_the_file_of_another_process_is_not_disturbed(open_at: Open) -> None:
    """Two that use the same file write the same into it."""
    fill(open_at(), ROWS[:10], reliefs=MAPS[:10])
    first, second = open_at(), open_at()
    assert fits(first, 3)
    first.close()
    third = open_at()
    for number in range(10, 14):
        writer, reader = (second, third) if number % 2 else (third, second)
        entry = coin(id=f"coin-{number}")
        writer.enroll(Enrolment("obverse", entry, entry.id), photo(ROWS[number], relief=MAPS[number]))
        assert fits(reader, number) and fits(writer, number)
        assert fits(reader, 3) and fits(writer, 3)


def test_a_file_that_another_process_made_longer_is_not_cut_off(feed: Feed, tmp_path: Path) -> None:
    first = FileReliefs(tmp_path, OWN.relief, feed)
    first.put(np.array([1]), MAPS[1:2])
    first.reached(1)
    second = FileReliefs(tmp_path, OWN.relief, feed)
    np.testing.assert_array_equal(second.rows(np.array([1])), MAPS[1:2])
    first.put(np.array([30_000]), MAPS[2:3])
    second.put(np.array([5_000]), MAPS[3:4])
    for store in (first, second):
        np.testing.assert_array_equal(store.rows(np.array([30_000, 1, 5_000])), MAPS[[2, 1, 3]])
        store.close()


def test_of_two_that_start_at_the_same_time_one_leaves_a_stamp(open_at: Open, tmp_path: Path) -> None:
    """The later one replaces the file of the first, which goes on with it and does not say that it is there."""
    fill(open_at(), ROWS, reliefs=MAPS)
    first, second = open_at(), open_at()
    for catalog in (first, second):
        catalog._follow_reliefs()
    (tmp_path / "catalog" / STAMP).unlink()
    third = open_at()
    assert fits(third, 3) and fits(first, 4) and fits(second, 5)
    name = maps_file(tmp_path / "catalog").name
    fill(third, unit_vectors(2, seed=4), 100, reliefs=MAPS[:2])
    for catalog in (third, second, first):
        catalog._follow_reliefs()
        catalog.close()
    assert json.loads((tmp_path / "catalog" / STAMP).read_text())["file"] == name


@pytest.mark.parametrize("what", ["of a restored database", "of another database", "broken", "without its file"])
def test_a_stamp_that_does_not_fit_is_refused(what: str, open_at: Open, tmp_path: Path) -> None:
    """The maps are read from the database again, into a new file, and the old one is gone."""
    folder = tmp_path / "catalog"
    catalog = open_at()
    fill(catalog, ROWS[:5], reliefs=MAPS[:5])
    catalog.close()
    shutil.copytree(folder, tmp_path / "backup")
    catalog = open_at()
    fill(catalog, ROWS[5:], 5, reliefs=MAPS[:15])  # other maps than those that come after the backup
    assert catalog.search(ROWS[5:6], 1, verification=verifying(MAPS[0]))[0][0].correlation > 0.99
    catalog.close()
    old = maps_file(folder)
    if what == "of a restored database":
        shutil.copy(tmp_path / "backup" / "catalog.sqlite", folder)
    elif what == "of another database":
        connection = sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)
        connection.execute("UPDATE settings SET value = 'another' WHERE key = 'identity'")
        connection.close()
    elif what == "broken":
        (folder / STAMP).write_text('{"file": 1')
    else:
        old.unlink()
    again = open_at()
    if what == "of a restored database":
        fill(again, ROWS[5:], 5, reliefs=MAPS[5:])
        assert all(fits(again, number) for number in range(1, 20))
    else:
        assert again.search(ROWS[5:6], 1, verification=verifying(MAPS[0]))[0][0].correlation > 0.99
    assert maps_file(folder) != old


def test_each_model_has_its_own_file(tmp_path: Path) -> None:
    names = []
    for relief in ("one", "two"):
        catalog = FolderCatalog(tmp_path, type(OWN)(OWN.embedding, relief))
        catalog.enroll(
            Enrolment("obverse", coin()), photo(ROWS[0], makers=type(OWN)(OWN.embedding, relief), relief=MAPS[0])
        )
        catalog.load()
        catalog.close()
        names.append(sorted(path.name for path in tmp_path.glob("relief-*.maps")))
    assert [len(found) for found in names] == [1, 2] and set(names[0]) < set(names[1])


# --- disks ------------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The maps lie in a temporary file then."""
    writer = FolderCatalog(tmp_path, OWN)
    fill(writer, ROWS, reliefs=MAPS)
    opened: Callable[..., int] = os.open

    def refusing(path: str, *options: int, **more: int) -> int:
        if str(path).startswith(str(tmp_path)):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *options, **more)

    monkeypatch.setattr(os, "open", refusing)
    reader = FolderCatalog(tmp_path, OWN)
    reader.load()
    assert all(fits(reader, number) for number in range(1, 20))
    writer.remove("coin-0")
    assert all(fits(reader, number) for number in range(2, 20))
    reader.close()
    assert not list(tmp_path.glob("relief-*"))
    writer.close()


def test_a_full_disk_lets_searches_go_on(
    open_at: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = open_at()
    fill(catalog, ROWS[:10], reliefs=MAPS[:10])

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert fits(catalog, 3)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        fill(catalog, ROWS[10:], 10, reliefs=MAPS[10:])
        for _ in range(2):
            found = catalog.search(ROWS[12:13], 20, verification=verifying(MAPS[12]))[0]
            assert len(found) == 20
            assert {match.entry.id: match.correlation for match in found}["coin-12"] == -2
            assert fits(catalog, 3), "those that are there are used"
    assert "relief maps cannot be kept, views without one are judged by their embedding alone" in caplog.text
    assert "No space left on device" in caplog.text
    assert all(fits(catalog, number) for number in (3, 12, 19)), "it tries again"


def test_a_disk_that_fails(open_at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = open_at()
    fill(catalog, ROWS, reliefs=MAPS)
    with monkeypatch.context() as patch:

        def broken(*arguments: object) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        patch.setattr(os, "pread", broken)
        with pytest.raises(CatalogError, match=r"relief maps cannot be read: .*Input/output error"):
            fits(catalog, 3)
    assert fits(catalog, 3)


def test_a_real_full_disk(small_disk: Path) -> None:
    """There is room for the database, and none for the file beside it."""
    catalog = FolderCatalog(small_disk, OWN)
    fill(catalog, ROWS, reliefs=MAPS)
    with (small_disk / "other").open("wb", buffering=0) as other, contextlib.suppress(OSError):
        while other.write(bytes(1 << 12)):
            pass
    for _ in range(2):
        assert len(catalog.search(ROWS[:1], 20, verification=verifying(MAPS[1]))[0]) == 20
    (small_disk / "other").unlink()
    assert fits(catalog, 7)
    catalog.close()


def test_a_stamp_that_cannot_be_written_costs_only_time(open_at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    catalog = open_at()
    fill(catalog, ROWS, reliefs=MAPS)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        for _ in range(2):
            assert all(fits(catalog, number) for number in (3, 12, 19))
        catalog.close()
    again = open_at()
    assert all(fits(again, number) for number in (3, 12, 19))


def test_following_compares_with_what_is_there(feed: Feed) -> None:
    """Without a map, correlation and angle say so."""

    class NoMaps:
        def among(self, first: int, last: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            return iter([(np.arange(first, last + 1), MAPS[: last - first + 1])] if first == 1 else [])

    following = FollowingReliefs(feed, NoMaps(), GpuReliefs(np))  # type: ignore[arg-type]
    following.follow()
    verdict = following.compare(verifying(MAPS[4]), 0, np.array([5, 900, 4]), np.array([0.5, 0.5, 0.5], np.float32))
    correlation, angle = verdict.correlation, verdict.angle
    assert correlation[0] > 0.99 and correlation[1] == -2 and abs(correlation[2]) < 0.2
    assert angle[1] == 0
    following.close()
