"""A catalog of release 0.1.0 becomes one of today when it is opened, with all that was in it."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catalog import Entry, Makers
from catalog.folder.check import problems
from catalog.folder.sqlite import schema
from catalog.folder.sqlite.schema import Step
from catalog.folder.store import FolderCatalog
from ensemble.errors import CatalogError
from tests.catalog.samples import MODEL, OTHER, OWN, THEIRS, enroll, ids, relief_maps, unit_vectors, verifying

SCHEMA_1 = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, country TEXT NOT NULL, currency TEXT NOT NULL,
    denomination TEXT NOT NULL, side TEXT NOT NULL, year INTEGER,
    metadata TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS views (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    entry_id TEXT NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    embedding BLOB NOT NULL,
    picture BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS views_of_entry ON views (entry_id);
CREATE TABLE IF NOT EXISTS changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    view INTEGER NOT NULL,
    added INTEGER NOT NULL
);
PRAGMA user_version = 1;
"""  # as release 0.1.0 has it
METADATA = {
    **{"mint": "대전", "empty": "", "km": 5, "huge": 10**30, "weight": 0.1 + 0.2, "rare": 1e-9, "many": 1e20},
    **{"proof": True, "worn": False, "note": None, "list": [1, 2], "object": {"a": 1}, 'q"k': "x", "nul": "a\x00b"},
}
FILTERED = {
    **{"mint": "대전", "km": "5", "huge": "1" + "0" * 30, "weight": "0.30000000000000004", "rare": "1e-09"},
    **{"many": "1e+20", "proof": "true", "worn": "false", 'q"k': "x", "nul": "a\x00b"},
}
VECTORS = unit_vectors(6)


class Old:
    """What release 0.1.0 writes."""

    def __init__(self, folder: Path) -> None:
        self.connection = sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA_1} COMMIT;")

    def add(self, entry_id: str, fingerprint: str, embedding: np.ndarray, metadata: str = "{}") -> None:
        self.connection.execute(
            "INSERT INTO entries (id, name, country, currency, denomination, side, year, metadata) "
            "VALUES (?, ?, 'KR', 'KRW', '10', ?, ?, ?)",
            (entry_id, f"coin {entry_id}", "obverse" if entry_id < "d" else "reverse", 1998, metadata),
        )
        added = self.connection.execute(
            "INSERT INTO views (entry_id, fingerprint, embedding, picture) VALUES (?, ?, ?, ?)",
            (entry_id, fingerprint, embedding.tobytes(), b"" if entry_id == "b" else entry_id.encode()),
        )
        self.connection.execute("INSERT INTO changes (view, added) VALUES (?, 1)", (added.lastrowid,))

    def remove(self, entry_id: str) -> None:
        self.connection.execute(
            "INSERT INTO changes (view, added) SELECT number, 0 FROM views WHERE entry_id = ?", (entry_id,)
        )
        self.connection.execute("DELETE FROM entries WHERE id = ?", (entry_id,))


@pytest.fixture
def old(tmp_path: Path) -> Old:
    """Six coins, of which the second model made two, and the third and the last are removed again."""
    (tmp_path / "catalog").mkdir()
    made = Old(tmp_path / "catalog")
    for name, row in zip("abcdef", VECTORS, strict=True):
        metadata = json.dumps(METADATA, ensure_ascii=False) if name == "a" else "{}"
        made.add(name, OTHER if name in "be" else MODEL, row, metadata)
    made.remove("c")
    made.remove("f")
    made.connection.close()
    return made


Open = Callable[..., FolderCatalog]


def test_entries_and_views_are_there(old: Old, open_at: Open, tmp_path: Path) -> None:
    catalog = open_at()
    assert catalog.page("", 10).entries == tuple(
        Entry(f"coin {name}", "KR", "KRW", "10", 1998, metadata=METADATA if name == "a" else {}, id=name)
        for name in "abde"
    )
    exported = catalog.export("", 10).views
    assert [(e.id, v.id, v.side, v.picture) for e, v in exported] == [
        ("a", "1", "obverse", b"a"),
        ("b", "2", "obverse", b""),
        ("d", "4", "reverse", b"d"),
        ("e", "5", "reverse", b"e"),
    ]
    assert [None if v.embedding is None else v.embedding.tolist() for _, v in exported] == [
        *[VECTORS[0].tolist(), None, VECTORS[3].tolist(), None]
    ]
    assert problems(tmp_path / "catalog") == []


def test_each_model_finds_its_views(old: Old, open_at: Open) -> None:
    for makers, names in ((OWN, "ad"), (THEIRS, "be"), (Makers("new"), "")):
        catalog = open_at(makers)
        assert sorted(ids(catalog.search(VECTORS[:1], 9)[0])) == list(names)
        status = catalog.status()
        assert (status.entries, status.views, status.stale_views, status.sequence) == (4, len(names), 4 - len(names), 8)
    assert [view.entry_id for view in open_at().stale(9)] == ["e"]  # of b no picture was kept


@pytest.mark.parametrize(("key", "value"), FILTERED.items())
def test_its_metadata_can_be_filtered_by(old: Old, open_at: Open, key: str, value: str) -> None:
    catalog = open_at()
    assert ids(catalog.search(VECTORS[:1], 9, {f"metadata.{key}": value})[0]) == ["a"]
    new = enroll(catalog, VECTORS[1], metadata={key: METADATA[key]})  # is found by the same filter
    assert sorted(ids(catalog.search(VECTORS[:1], 9, {f"metadata.{key}": value})[0])) == sorted(["a", new])


def test_its_sides_and_years_can_be_filtered_by(old: Old, open_at: Open) -> None:
    catalog = open_at()
    assert ids(catalog.search(VECTORS[:1], 9, {"side": "reverse", "year": "1998"})[0]) == ["d"]
    assert catalog.search(VECTORS[:1], 9, {"year": "1999"}) == [[]]


def test_numbers_of_removed_views_and_changes_do_not_come_again(old: Old, open_at: Open) -> None:
    catalog = open_at()
    new = enroll(catalog, VECTORS[2])
    assert [view.id for view in catalog.views(new)] == ["7"]
    assert catalog.status().sequence == 9


def test_a_catalog_that_was_emptied(tmp_path: Path, open_at: Open) -> None:
    (tmp_path / "catalog").mkdir()
    old = Old(tmp_path / "catalog")
    old.add("a", MODEL, VECTORS[0])
    old.remove("a")
    old.connection.close()
    catalog = open_at()
    assert catalog.search(VECTORS[:1], 9) == [[]]
    assert [view.id for view in catalog.views(enroll(catalog, VECTORS[0]))] == ["2"]


def test_a_catalog_that_was_never_used(tmp_path: Path, open_at: Open) -> None:
    (tmp_path / "catalog").mkdir()
    Old(tmp_path / "catalog").connection.close()
    catalog = open_at()
    assert [view.id for view in catalog.views(enroll(catalog, VECTORS[0]))] == ["1"]


def dump(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "catalog.sqlite")
    try:
        return [str(connection.execute("PRAGMA user_version").fetchone()), *connection.iterdump()]
    finally:
        connection.close()


@pytest.mark.parametrize("spoil", ["metadata", "table", "index"])
def test_a_migration_that_fails_leaves_the_file_as_it_was(old: Old, tmp_path: Path, open_at: Open, spoil: str) -> None:
    connection = sqlite3.connect(tmp_path / "catalog" / "catalog.sqlite", isolation_level=None)
    connection.execute(
        {
            "metadata": "UPDATE entries SET metadata = '{' WHERE id = 'd'",
            "table": "CREATE TABLE settings (own TEXT)",
            "index": "CREATE INDEX entries_by_country ON entries (country)",
        }[spoil]
    )
    connection.close()
    before = dump(tmp_path / "catalog")
    with pytest.raises(CatalogError, match=r"cannot open .*catalog\.sqlite: "):
        open_at()
    assert dump(tmp_path / "catalog") == before


def test_several_may_open_it_at_once(old: Old, open_at: Open) -> None:
    first, second = open_at(), open_at()
    assert first.status() == second.status()
    new = enroll(first, VECTORS[1])
    assert ids(second.search(VECTORS[1:2], 1)[0]) == [new]


def test_a_catalog_of_schema_3_gets_room_for_relief_maps(tmp_path: Path, open_at: Open) -> None:
    """As the release before made it: its views have no map, and its threshold is of cosines."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    connection = sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)
    connection.executescript(schema.TABLES + schema.STEPS[0].script + schema.IDENTITY + "PRAGMA user_version = 3;")
    connection.executescript(
        f"""
        INSERT INTO entries (id, name, country, currency, denomination, metadata)
            VALUES ('a', 'a', 'KR', 'KRW', '10', '{{}}'), ('b', 'b', 'KR', 'KRW', '10', '{{}}');
        INSERT INTO views (entry, side) VALUES (1, 'obverse'), (2, 'obverse');
        INSERT INTO pictures (view, jpeg) VALUES (1, x'ff');
        INSERT INTO generations (fingerprint, counts) VALUES ('{MODEL}', 1);
        INSERT INTO changes (kind, first, last) VALUES (1, 1, 2);
        INSERT INTO settings (key, value) VALUES ('threshold:{MODEL}', '0.7');
        """
    )
    for number in (1, 2):
        connection.execute("INSERT INTO embeddings VALUES (?, 1, ?)", (number, VECTORS[number].tobytes()))
    connection.close()
    catalog = open_at()
    assert catalog.status().without_relief == 2
    assert [view.relief for _, view in catalog.export("", 9).views] == [None, None]
    assert catalog.threshold() is None, "it was of cosines"
    (relief,) = relief_maps(1)
    (matches,) = catalog.search(VECTORS[1:2], 2, verification=verifying(relief))
    assert [(match.entry.id, match.correlation) for match in matches] == [("a", -2), ("b", -2)]
    assert [view.entry_id for view in catalog.unmapped(9)] == ["a"]
    catalog.put_reliefs([("1", relief)])
    (matches,) = catalog.search(VECTORS[1:2], 2, verification=verifying(relief))
    assert [(match.entry.id, match.correlation > 0.99) for match in matches] == [("a", True), ("b", False)]
    assert problems(folder) == []


STEPS = (
    Step("entries have a weight", "ALTER TABLE entries ADD COLUMN weight REAL;\n"),
    Step("heavy ones first", "CREATE INDEX entries_by_weight ON entries (weight);\nANALYZE;\n"),
)


def columns(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "catalog.sqlite")
    try:
        return [row[1] for row in connection.execute("PRAGMA table_info(entries)")]
    finally:
        connection.close()


@pytest.mark.parametrize("release", ["0.1.0", "this one", "none"])
def test_steps_are_carried_out_once_in_their_order(
    release: str, tmp_path: Path, open_at: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In a catalog of an earlier release, in one of this release, and in a new one, which says nothing of it."""
    (tmp_path / "catalog").mkdir()
    if release == "0.1.0":
        Old(tmp_path / "catalog").connection.close()
    elif release == "this one":
        enroll(open_at(), VECTORS[0])
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, *STEPS))
    for _ in range(2):
        enroll(open_at(), VECTORS[1])
    assert "weight" in columns(tmp_path / "catalog")
    told = [record.getMessage().rpartition(": ")[2] for record in caplog.records]
    assert [name for name in told if name in [step.name for step in STEPS]] == [
        step.name for step in STEPS if release != "none"
    ]


def test_a_step_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    enroll(open_at(), VECTORS[0])
    before = dump(tmp_path / "catalog")
    bad = Step("coins of the moon", "ALTER TABLE moon ADD COLUMN coins TEXT;\n")
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, STEPS[0], bad))
    with pytest.raises(
        CatalogError, match="the step 'coins of the moon' of its schema failed, nothing was changed: no"
    ):
        open_at()
    assert dump(tmp_path / "catalog") == before


def test_a_catalog_of_a_newer_release(tmp_path: Path, open_at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, *STEPS))
    enroll(open_at(), VECTORS[0])
    monkeypatch.undo()
    with pytest.raises(CatalogError, match="use a newer release"):
        open_at()


def test_a_catalog_of_the_release_before_gets_the_steps_since(tmp_path: Path, open_at: Open) -> None:
    folder = tmp_path / "catalog"
    folder.mkdir()
    connection = sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)
    connection.executescript(schema.TABLES + schema.IDENTITY + f"PRAGMA user_version = {schema.BASE};")
    connection.execute(
        "INSERT INTO entries (id, name, country, currency, denomination, year, metadata) "
        "VALUES ('a', 'coin a', 'KR', 'KRW', '10', 1998, '{}')"
    )
    connection.close()
    catalog = open_at()
    assert catalog.show("a") == Entry("coin a", "KR", "KRW", "10", 1998, mint_mark=None, id="a")
    assert catalog.update("a", {"mint_mark": "D"}).mint_mark == "D" == open_at().show("a").mint_mark


def test_metadata_of_earlier_catalogs_is_compared_whatever_its_case(
    tmp_path: Path, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stored as it was given."""
    monkeypatch.setattr(schema, "STEPS", schema.STEPS[:-2])
    open_at().close()
    connection = sqlite3.connect(tmp_path / "catalog" / "catalog.sqlite")
    connection.execute(
        "INSERT INTO entries (id, name, country, currency, denomination, metadata) "
        "VALUES ('a', 'coin a', 'KR', 'KRW', '10', '{\"mint\": \"Łódź\"}')"
    )
    connection.execute("INSERT INTO attributes (entry, key, value) VALUES (1, 'mint', 'Łódź')")
    connection.execute("INSERT INTO views (entry, side) VALUES (1, 'obverse')")
    connection.commit()
    connection.close()
    monkeypatch.undo()
    catalog = open_at()
    assert catalog.count({"metadata.mint": "łódź"}) == 1 and catalog.values("metadata.mint") == ["Łódź"]
