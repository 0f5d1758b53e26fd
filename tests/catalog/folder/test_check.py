"""`python -m catalog check` finds what is wrong with a folder, and nothing if all is well."""

import base64
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog import Enrolment
from catalog.__main__ import main
from catalog.folder.check import problems
from catalog.folder.index.builder import build
from catalog.folder.index.saved import read_stamp
from catalog.folder.index.spec import parse_spec
from catalog.folder.store import FolderCatalog
from ensemble.contract import EMBEDDING_SIZE
from ensemble.errors import CatalogError, EntryError, EntryNotFoundError
from tests.catalog.samples import MODEL, OWN, THEIRS, enroll, fill, ids, photo, relief_maps, unit_vectors

Open = Callable[..., FolderCatalog]


@pytest.fixture
def folder(tmp_path: Path, open_at: Open) -> Path:
    """A catalog that has seen everything, closed."""
    catalog, other = open_at(), open_at(THEIRS)
    fill(catalog, unit_vectors(60), reliefs=relief_maps(60))
    catalog.load()
    for number in range(3, 60, 9):
        catalog.remove(f"coin-{number}")
        enroll(catalog, unit_vectors(1, seed=number)[0], metadata={"n": number})
    catalog.enroll(Enrolment("reverse", None, "coin-1"), photo(unit_vectors(1, seed=70)[0]))
    catalog.update("coin-2", {"metadata": {"mint": "Seoul"}})
    enroll(other, unit_vectors(1, seed=71)[0], THEIRS)
    catalog.stage([(view.id, unit_vectors(1, seed=72)[0]) for view in catalog.stale(9)])
    with pytest.raises(CatalogError), catalog._connection.transaction():
        catalog._connection.run("INSERT INTO views (number, entry, side) VALUES (500, 1, 'gap')")
        raise CatalogError("a number that is skipped")
    build(tmp_path / "catalog", MODEL, parse_spec("HNSW16"))
    catalog.remove("coin-4")
    enroll(catalog, unit_vectors(1, seed=73)[0])
    catalog.close()
    other.close()
    return tmp_path / "catalog"


def spoil(folder: Path, *statements: str) -> None:
    """By hand, without the safeguards of the catalog."""
    connection = sqlite3.connect(folder / "catalog.sqlite", isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.fixture(autouse=True)
def any_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures of these catalogs are no pictures, and that is no matter unless a test says so."""

    def check(picture: bytes) -> None:
        if picture == b"unreadable":
            raise EntryError("the picture of a view cannot be read")

    monkeypatch.setattr("catalog.__main__.check_picture", check)


def test_all_is_well(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert problems(folder) == []
    assert main(["check", str(folder)]) == 0
    assert capsys.readouterr().out == "all is well\n"


def test_an_empty_catalog_is_well(open_at: Open, tmp_path: Path) -> None:
    open_at()
    assert problems(tmp_path / "catalog") == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM views WHERE number = 6", ["1 entries have no view", "embeddings refers to one of views"]),
        ("DELETE FROM entries WHERE id = 'coin-5'", ["views refers to one of entries that is not there"]),
        ("DELETE FROM embeddings WHERE view = 6", ["disagree about 1 views"]),
        (
            "UPDATE embeddings SET embedding = x'00' WHERE view = 65",
            ["view 65: an embedding has 1 bytes", "cannot be compared"],
        ),
        ("DELETE FROM changes WHERE sequence = 2", []),  # an old removal that every index has seen
        ("DELETE FROM changes WHERE sequence = 1", ["52 views are in no change"]),
        ("UPDATE changes SET last = 59 WHERE sequence = 1", ["1 views are in no change"]),
        (
            "INSERT INTO entries (id, name, country, currency, denomination, metadata) VALUES ('x', 1, 1, 1, 1, '{}')",
            ["1 entries have no view"],
        ),
        (
            "UPDATE reliefs SET map = x'00' WHERE view = 6",
            ["view 6: a relief map has 1 bytes, not 2400", "cannot be compared: relief maps have another length"],
        ),
        ("UPDATE reliefs SET map = zeroblob(2400) WHERE view = 6", ["disagree about 1 relief maps"]),
        ("DELETE FROM reliefs WHERE view = 6", []),  # judged by its embedding, until it is mapped again
        ("DELETE FROM mappers", ["reliefs refers to one of mappers that is not there"]),
        ("UPDATE events SET said = '{' WHERE number = 1", ["1 events cannot be read"]),
        ("UPDATE events SET kind = 'lost' WHERE number < 3", ["2 events cannot be read"]),
        ("DELETE FROM generations", ["embeddings refers to one of generations that is not there"]),
    ],
)
def test_what_no_transaction_leaves_behind(
    folder: Path, statement: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(folder, statement)
    found = "\n".join(problems(folder))
    for words in expected:
        assert words in found
    assert main(["check", str(folder)]) == int(bool(expected))
    assert ("something is wrong" if expected else "all is well") in capsys.readouterr().out


def test_an_index_that_disagrees_is_named(folder: Path) -> None:
    spoil(folder, "DELETE FROM embeddings WHERE view = 6", "DELETE FROM pictures WHERE view = 6")
    file = read_stamp(folder, MODEL).file
    assert f"{file} and the database disagree about 1 views" in problems(folder)


@pytest.mark.parametrize("damage", ["truncated", "foreign", "unreadable", "missing"])
def test_an_index_that_does_not_fit_is_no_problem(folder: Path, damage: str) -> None:
    """It is built again."""
    stamp = read_stamp(folder, MODEL)
    if damage == "truncated":
        os.truncate(folder / stamp.file, 100)
    elif damage == "foreign":
        spoil(folder, "UPDATE changes SET nonce = nonce + 1")
    elif damage == "unreadable":
        (folder / f"index-{MODEL}.json").write_text("{")
    else:
        (folder / stamp.file).unlink()
    assert problems(folder) == []


@pytest.mark.parametrize("damage", ["foreign", "unreadable", "missing", "changed"])
def test_a_file_of_relief_maps(folder: Path, damage: str) -> None:
    """One that does not fit is made again; one that fits must hold what the database holds."""
    stamp = folder / f"relief-{OWN.relief}.json"
    (file,) = folder.glob(f"relief-{OWN.relief}-*.maps")
    if damage == "foreign":
        stamp.write_text(stamp.read_text().replace('"nonce": ', '"nonce": 1'))
    elif damage == "unreadable":
        stamp.write_text("{")
    elif damage == "missing":
        file.unlink()
    else:
        with file.open("r+b") as maps:
            maps.seek(9 * 2400)
            maps.write(b"\x01\x02\x03")
    expected = [f"{file.name} and the database disagree about 1 relief maps"] if damage == "changed" else []
    before = sorted(path.name for path in folder.glob("relief-*"))
    assert problems(folder) == expected
    assert sorted(path.name for path in folder.glob("relief-*")) == before, "a check leaves everything as it was"


def test_a_damaged_page(folder: Path) -> None:
    file = folder / "catalog.sqlite"
    data = bytearray(file.read_bytes())
    for start in range(4096 * 8, len(data) - 4096, 4096 * 5):
        data[start : start + 4096] = b"\x00" * 4096
    file.write_bytes(data)
    try:
        assert problems(folder)
    except CatalogError as error:
        assert "the file is damaged: restore it from a backup or an export" in str(error)


def test_no_catalog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CatalogError, match=r"holds no catalog\.sqlite"):
        problems(tmp_path)
    assert main(["check", str(tmp_path)]) == 1
    assert "error: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


SPOILED = (
    "UPDATE entries SET metadata = '{\"a\": Infinity, \"b\": 5}' WHERE id = 'coin-6'",
    "UPDATE entries SET metadata = 'no JSON' WHERE id = 'coin-7'",
    f"UPDATE embeddings SET embedding = zeroblob({4 * EMBEDDING_SIZE}) WHERE view = 9",
    f"UPDATE embeddings SET embedding = x'{'0000c07f' * EMBEDDING_SIZE}' WHERE view = 10",  # not a number
    "UPDATE embeddings SET embedding = x'0000' WHERE view = 11",
    "DELETE FROM pictures WHERE view = 11",
    "UPDATE pictures SET jpeg = CAST('unreadable' AS BLOB) WHERE view IN (10, 12)",
    "UPDATE reliefs SET map = x'00' WHERE view = 15",
)


def test_what_cannot_be_used_is_found_and_set_aside(
    folder: Path, open_at: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server that has the catalog open goes on, and no longer finds what is gone."""
    catalog = open_at()
    assert ids(catalog.search(unit_vectors(60)[[8, 9]], 1)[0]) == ["coin-8"]
    spoil(folder, *SPOILED)
    assert main(["check", str(folder)]) == 1
    found = capsys.readouterr().out
    for what in (
        "entry coin-6: the metadata are not JSON",
        "entry coin-7: the metadata are not JSON",
        "entry coin-8, view 9: an embedding has the length 0.0000",
        "entry coin-9, view 10: an embedding has the length nan",
        "entry coin-10, view 11: an embedding has 2 bytes",
        "entry coin-9, view 10: the picture of a view cannot be read",
        "entry coin-11, view 12: the picture of a view cannot be read",
        "entry coin-14, view 15: a relief map has 1 bytes",
    ):
        assert what in found
    assert main(["check", "--repair", str(folder)]) == 0
    assert "all is well" in capsys.readouterr().out
    aside = [json.loads(path.read_text()) for path in (folder / "set-aside").iterdir()]
    assert len(aside) == 8
    assert sorted(each["what"] for each in aside) == ["embedding"] * 3 + ["jpeg"] * 2 + ["map"] + ["metadata"] * 2
    assert {each["entry"]["id"] for each in aside} == {f"coin-{n}" for n in (6, 7, 8, 9, 10, 11, 14)}
    kept = next(each for each in aside if each["entry"]["id"] == "coin-6")
    assert "Infinity" in base64.b64decode(kept["value"]).decode()
    assert (folder / "set-aside").stat().st_mode & 0o777 == 0o700
    assert catalog.show("coin-6").metadata == {"b": 5} and catalog.show("coin-7").metadata == {}
    for gone in ("coin-9", "coin-10"):  # neither picture nor embedding is left
        with pytest.raises(EntryNotFoundError):
            catalog.show(gone)
    assert ids(catalog.search(unit_vectors(60)[8:9], 1)[0]) != ["coin-8"]
    assert ids(catalog.search(unit_vectors(60)[11:12], 1)[0]) == ["coin-11"]
    assert [view.entry_id for view in catalog.stale(9) if view.entry_id == "coin-8"] == ["coin-8"]
    assert [view.entry_id for view in catalog.unmapped(9) if view.entry_id == "coin-14"] == ["coin-14"]
    assert main(["check", "--repair", str(folder)]) == 0  # nothing is left to do
    assert len(list((folder / "set-aside").iterdir())) == 8
