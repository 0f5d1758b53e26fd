"""A saved index is used if it fits, and refused with a reason if not. The answers stay right."""

import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import faiss
import pytest

from catalog.folder.index.builder import TooFewViewsError, build
from catalog.folder.index.saved import Stamp, UnfitIndexError, digest, load, read_stamp, save, stamp_path
from catalog.folder.index.spec import parse_spec
from catalog.folder.store import FolderCatalog
from ensemble.contract import EMBEDDING_SIZE
from tests.catalog.samples import MODEL, OTHER, OWN, THEIRS, Exact, coin, enroll, fill, ids, relief_maps, unit_vectors

pytestmark = pytest.mark.slow

Open = Callable[..., FolderCatalog]
COUNT = 200
VECTORS = unit_vectors(COUNT)
HNSW = parse_spec("HNSW16")


@pytest.fixture
def folder(tmp_path: Path, open_at: Open) -> Path:
    """A catalog with an index, of which then one coin was removed and another came."""
    catalog = open_at()
    fill(catalog, VECTORS, reliefs=relief_maps(COUNT))
    build(tmp_path / "catalog", MODEL, HNSW)
    catalog.remove("coin-5")
    fill(catalog, unit_vectors(1, seed=50), COUNT, reliefs=relief_maps(1, seed=50))
    catalog.close()
    return tmp_path / "catalog"


def exact() -> Exact:
    made = Exact()
    for number, row in enumerate([*VECTORS, unit_vectors(1, seed=50)[0]]):
        if number != 5:
            made.add(coin(id=f"coin-{number}"), "obverse", row)
    return made


def index_file(folder: Path) -> Path:
    return folder / read_stamp(folder, MODEL).file


def answers_right(open_at: Open, caplog: pytest.LogCaptureFixture, index: str = "HNSW16") -> tuple[bool, str]:
    """Compare answers with brute force; returns whether the saved index is in use, and the log."""
    caplog.clear()
    with caplog.at_level(logging.WARNING, "mintmark.catalog"):
        catalog = open_at(index=index)
        catalog.load()
        queries = VECTORS[:20]
        for k, filters in ((1, {}), (7, {}), (300, {}), (3, {"country": "KR"}), (3, {"country": "JP"})):
            exact().hold(catalog.search(queries, k, filters), queries, k, filters)
        return catalog._index._built is not None, caplog.text


def test_a_saved_index_is_used(folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    used, log = answers_right(open_at, caplog)
    assert used and not log
    index = open_at(index="HNSW16").status().index
    assert {"kind": "HNSW16", "built_views": COUNT}.items() <= index.items()
    assert index["recall@1"] > 0.9 and index["recall@10"] > 0.9 and index["seconds"] >= 0


def test_a_folder_that_was_moved_takes_its_index_along(
    folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(folder, folder.with_name("moved"))
    shutil.rmtree(folder)
    folder.with_name("moved").rename(folder)
    assert answers_right(open_at, caplog) == (True, "")


def change_a_byte(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("size", [0, 3, 1000, -1])
def test_truncated(folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture, size: int) -> None:
    file = index_file(folder)
    whole = file.stat().st_size
    os.truncate(file, size % whole)
    used, log = answers_right(open_at, caplog)
    assert not used and f"has {size % whole} bytes instead of {whole}; views are read from the database" in log


@pytest.mark.parametrize("place", [0, 40, 20_000, -1])
def test_changed_by_a_bit(folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture, place: int) -> None:
    change_a_byte(index_file(folder), place)
    used, log = answers_right(open_at, caplog)
    assert not used and "has been changed since it was written" in log


def test_missing(folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    index_file(folder).unlink()
    used, log = answers_right(open_at, caplog)
    assert not used and "cannot be read: [Errno 2]" in log


def test_never_built(folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    stamp_path(folder, MODEL).unlink()
    assert answers_right(open_at, caplog) == (False, "")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "5", "{}", '{"generations": 5}', '{"generations": [], "x": 1}']
)
def test_a_stamp_that_cannot_be_read(folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture, text: str) -> None:
    stamp_path(folder, MODEL).write_text(text)
    used, log = answers_right(open_at, caplog)
    assert not used and f"index-{MODEL}.json cannot be read" in log


def test_no_text_at_all(folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    stamp_path(folder, MODEL).write_bytes(b"\xff\xfe\x00")
    used, log = answers_right(open_at, caplog)
    assert not used and "cannot be read" in log


def test_of_another_catalog(folder: Path, tmp_path: Path, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    with_other = FolderCatalog(tmp_path / "other", OWN)
    fill(with_other, unit_vectors(COUNT, seed=3))
    with_other.close()
    build(tmp_path / "other", MODEL, HNSW)
    index_file(folder).unlink()
    for file in (tmp_path / "other").glob("index-*"):
        shutil.copy(file, folder)
    used, log = answers_right(open_at, caplog)
    assert not used and "belongs to another catalog" in log


def test_with_another_setting(folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    used, log = answers_right(open_at, caplog, "IVF,Flat")
    assert not used and "is HNSW16, the setting is IVF,Flat" in log


def test_of_other_generations(folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    """As after a switch to embeddings that were made again."""
    connection = sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)
    connection.execute("INSERT INTO generations (fingerprint, counts) VALUES (?, 1)", (MODEL,))
    connection.close()
    used, log = answers_right(open_at, caplog)
    assert not used and "holds embeddings that do not count any more, or lacks some" in log


def test_after_a_restore_to_before_the_build(tmp_path: Path, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    """Changes are numbered on from the backup: only their nonce tells that they are others."""
    folder, backup = tmp_path / "catalog", tmp_path / "backup"
    catalog = open_at()
    fill(catalog, unit_vectors(60, seed=8))
    catalog.close()
    shutil.copytree(folder, backup)
    catalog = open_at()
    catalog.remove("coin-3")  # change 2, which the backup does not have
    catalog.close()
    build(folder, MODEL, HNSW)
    shutil.copy(backup / "catalog.sqlite", folder)
    catalog = open_at(index="HNSW16")
    with caplog.at_level(logging.WARNING, "mintmark.catalog"):
        catalog.load()  # the index is ahead of the database
    assert "built from another state of the catalog, such as before a restore" in caplog.text
    assert len(catalog.search(VECTORS[:1], 100)[0]) == 60
    caplog.clear()
    catalog.remove("coin-4")  # now there is a change 2
    again = open_at(index="HNSW16")
    with caplog.at_level(logging.WARNING, "mintmark.catalog"):
        again.load()
    assert "built from another state of the catalog" in caplog.text
    assert sorted(ids(again.search(VECTORS[:1], 100)[0])) == sorted(f"coin-{n}" for n in range(60) if n != 4)


def test_after_a_restore_to_after_the_build(folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    backup = folder.with_name("backup")
    shutil.copytree(folder, backup)
    catalog = open_at()
    catalog.remove("coin-9")
    catalog.close()
    shutil.copy(backup / "catalog.sqlite", folder)
    assert answers_right(open_at, caplog) == (True, "")


def test_a_stamp_that_says_something_else(folder: Path) -> None:
    stamp = read_stamp(folder, MODEL)
    assert len(load(folder, stamp, HNSW).ids) == COUNT
    with pytest.raises(UnfitIndexError, match=f"holds {COUNT} views instead of 7"):
        load(folder, replace(stamp, views=7), HNSW)
    (folder / "nonsense.faiss").write_bytes(b"no index" * 9)
    false = replace(stamp, file="nonsense.faiss", size=72, digest=digest(folder / "nonsense.faiss"))
    with pytest.raises(UnfitIndexError, match=r"nonsense\.faiss cannot be read"):
        load(folder, false, HNSW)


def test_stamps_come_back_as_they_were(tmp_path: Path) -> None:
    stamp = Stamp("who", MODEL, (3, 7), "HNSW16", 12, -(2**62), 0, measured={"recall@1": 0.5})
    done = save(tmp_path, faiss.IndexIDMap(faiss.IndexFlatIP(EMBEDDING_SIZE)), stamp)
    assert read_stamp(tmp_path, MODEL) == done
    assert replace(done, file="", size=0, digest="") == stamp
    assert json.loads(stamp_path(tmp_path, MODEL).read_text())["generations"] == [3, 7]


def test_a_new_index_takes_the_place_of_the_old_one(folder: Path) -> None:
    first = index_file(folder)
    (folder / f"index-{MODEL}-3-dead.part").write_bytes(b"of a build that was killed")
    (folder / f"index-{OTHER}-3-beef.faiss").write_bytes(b"another model's")
    second = build(folder, MODEL, HNSW)
    names = sorted(path.name for path in folder.glob("index-*"))
    assert names == sorted([f"index-{OTHER}-3-beef.faiss", second.file, f"index-{MODEL}.json"])
    assert first.name != second.file


def test_an_index_that_cannot_be_written_leaves_the_one_before(
    folder: Path, open_at: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(path.name for path in folder.iterdir())

    def full(index: object, path: str) -> None:
        Path(path).write_bytes(b"half of")
        raise RuntimeError("Error: 'ret == (size)' failed: write error: No space left on device")

    monkeypatch.setattr(faiss, "write_index", full)
    with pytest.raises(RuntimeError, match="No space left"):
        build(folder, MODEL, HNSW)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert answers_right(open_at, caplog) == (True, "")


def test_too_few_views(tmp_path: Path, open_at: Open) -> None:
    fill(open_at(), unit_vectors(38))
    with pytest.raises(TooFewViewsError, match="HNSW16 needs 39 views, the catalog has 38"):
        build(tmp_path / "catalog", MODEL, HNSW)
    with pytest.raises(TooFewViewsError, match="the catalog has 0"):
        build(tmp_path / "catalog", OTHER, HNSW)


def test_two_models_in_a_folder_each_have_their_own(tmp_path: Path, open_at: Open) -> None:
    folder = tmp_path / "catalog"
    rows = {OWN: unit_vectors(50, seed=1), THEIRS: unit_vectors(60, seed=2)}
    for first, (makers, embeddings) in zip((0, 100), rows.items(), strict=True):
        fill(open_at(makers), embeddings, first, makers)
        build(folder, makers.embedding, HNSW)
    for makers, embeddings in rows.items():
        catalog = open_at(makers, "HNSW16")
        catalog.load()
        assert catalog._index._built is not None and catalog.status().index["built_views"] == len(embeddings)
        first = 0 if makers == OWN else 100
        found = [ids(matches)[0] for matches in catalog.search(embeddings, 3)]
        assert found == [f"coin-{first + number}" for number in range(len(embeddings))]
        entry = enroll(catalog, embeddings[0], makers)
        assert entry in ids(catalog.search(embeddings[:1], 2)[0])
