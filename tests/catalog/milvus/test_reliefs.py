"""The collection of relief maps in Milvus: how it is made, what failures leave behind, what searches ask of it."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient

from catalog.milvus import reliefs as module
from catalog.milvus.connection import Connection
from catalog.milvus.index import parse_index
from catalog.milvus.location import parse_location
from catalog.milvus.relief_cache import ReliefCache
from catalog.milvus.reliefs import NewMap
from catalog.milvus.rows import ViewIds, setting_row, view_id_at
from catalog.milvus.schema import prepare
from catalog.milvus.search import MOST_HITS
from catalog.milvus.store import MilvusCatalog
from ensemble.errors import CatalogError
from tests.catalog.milvus.servers import Server, running
from tests.catalog.samples import MAPS, MODEL, OWN, ROWS, coin, fill, ids, photo, verifying
from tests.catalog.stores import more, new

pytestmark = pytest.mark.milvus

Open = Callable[..., MilvusCatalog]


@pytest.fixture
def open_at() -> Iterator[Open]:
    """Opens catalogs and closes them all in the end."""
    opened: list[MilvusCatalog] = []

    def opener(location: str) -> MilvusCatalog:
        opened.append(MilvusCatalog(location, OWN))
        return opened[-1]

    yield opener
    for catalog in opened:
        catalog.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Methods and collections of all requests from now on."""
    noted: list[tuple[str, str]] = []
    call = Connection.call

    def noting(self: Connection, method: str, *arguments: Any, **options: Any) -> Any:
        noted.append((method, self.collection))
        return call(self, method, *arguments, **options)

    monkeypatch.setattr(Connection, "call", noting)
    return noted


def collection_of(location: str) -> str:
    return parse_location(location).collection + "_reliefs"


def fits(catalog: MilvusCatalog, number: int) -> bool:
    ((match,),) = catalog.search(ROWS[number - 1 : number], 1, verification=verifying(MAPS[number]))
    return match.entry.id == f"coin-{number}" and match.correlation > 0.99


# --- the collection ---------------------------------------------------------------------------------------------------


def test_a_catalog_of_an_earlier_release_goes_on(milvus: Server, open_at: Open) -> None:
    """It has one collection, which stays as it is, and a threshold of cosines, which nobody reads."""
    location = milvus.location()
    connection = Connection(parse_location(location))
    prepare(connection, parse_location(location), parse_index(""))
    connection.put([setting_row(f"threshold-{MODEL}", 0.7)])
    fields = connection.call("describe_collection", connection.collection)["fields"]
    catalog = open_at(location)
    assert catalog.threshold() is None
    fill(catalog, ROWS[:3])  # type: ignore[arg-type]
    assert connection.call("describe_collection", connection.collection)["fields"] == fields
    catalog.put_reliefs([(view.id, relief) for view, relief in zip(catalog.unmapped(9), MAPS, strict=False)])
    assert fits(catalog, 2)
    connection.close()


def test_a_server_that_may_not_make_the_collection_reads_on(
    milvus: Server, open_at: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    location = milvus.location()
    connection = Connection(parse_location(location))
    prepare(connection, parse_location(location), parse_index(""))
    call = Connection.call

    def refusing(self: Connection, method: str, *arguments: Any, **options: Any) -> Any:
        if method == "create_collection":
            raise CatalogError("permission denied")
        return call(self, method, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "call", refusing)
        patch.setattr("catalog.milvus.schema._PATIENCE", 0.1)
        reader = open_at(location)
        assert "relief maps cannot be kept, views are judged by their embedding alone: permission denied" in caplog.text
        fill(reader, ROWS[:3])  # type: ignore[arg-type]
        (matches,) = reader.search(ROWS[:1], 5, verification=verifying(MAPS[0]))
        assert len(matches) == 3 and {match.correlation for match in matches} == {-2}
        assert reader.status().without_relief == 3
        assert len(reader.unmapped(9)) == 3
        assert [view.relief for _, view in reader.export("", 9).views] == [None] * 3
        reader.remove("coin-0")
        assert reader.forget() == 0
        with pytest.raises(CatalogError, match="permission denied"):
            reader.enroll(new(), photo(ROWS[5], relief=MAPS[5]))
        assert reader.status().views == 2, "nothing is half there"
    writer = open_at(location)  # makes it
    writer.put_reliefs([(view.id, relief) for view, relief in zip(writer.unmapped(9), MAPS[1:], strict=False)])
    for catalog in (writer, reader):
        assert fits(catalog, 2)
        assert catalog.status().without_relief == 0
    connection.close()


def test_a_collection_of_somebody_else(milvus: Server, open_at: Open) -> None:
    location = milvus.location()
    client = MilvusClient(f"http://{milvus.address}")
    schema = MilvusClient.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    client.create_collection(collection_of(location), schema=schema)
    client.close()
    with pytest.raises(CatalogError, match=f"the collection {collection_of(location)} is no catalog of this release"):
        open_at(location)


def test_maps_outlive_the_server(milvus_kind: str, tmp_path: Any, open_at: Open) -> None:
    with running(milvus_kind, tmp_path) as server:
        location = server.location()
        catalog = open_at(location)
        fill(catalog, ROWS, reliefs=MAPS)  # type: ignore[arg-type]
        server.kill()
        server.start()
        again = open_at(location)
        assert all(fits(again, number) for number in range(1, 20))
        assert again.status().without_relief == 0


# --- failures ---------------------------------------------------------------------------------------------------------


def test_what_a_server_left_that_ended_halfway_is_forgotten(
    milvus: Server, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Maps without their views do no harm; those whose views may be coming are left alone."""
    catalog = open_at(milvus.location())
    fill(catalog, ROWS[:2], reliefs=MAPS[:2])  # type: ignore[arg-type]
    old, coming = ViewIds(lambda: 1e9).next(), ViewIds().next()
    catalog._reliefs.put([NewMap(old, "gone", MAPS[2]), NewMap(coming, "coming", MAPS[3])])
    assert catalog._reliefs.count() == 4
    assert sorted(ids(catalog.search(ROWS[:1], 9, verification=verifying(MAPS[2]))[0])) == ["coin-0", "coin-1"]
    catalog.forget()
    assert catalog._reliefs.count() == 3
    monkeypatch.setattr(module, "_SETTLED", -60.0)
    catalog.forget()
    assert catalog._reliefs.count() == 2
    assert fits(catalog, 1)


def test_a_view_whose_row_cannot_be_stored_is_not_there(
    milvus: Server, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = open_at(milvus.location())
    put = Connection.put

    def failing(self: Connection, rows: Any) -> None:
        if not self.collection.endswith("_reliefs"):
            raise CatalogError("the server fails")
        put(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "put", failing)
        for call in (catalog.enroll, lambda enrolment, view: catalog.add([(enrolment, view)])):
            with pytest.raises(CatalogError, match="the server fails"):
                call(new(id="a"), photo(ROWS[0], relief=MAPS[0]))
    assert (catalog.status().entries, catalog.status().views, catalog.status().without_relief) == (0, 0, 0)
    catalog.enroll(new(coin(), id="a"), photo(ROWS[0], relief=MAPS[0]))
    assert catalog.search(ROWS[:1], 1, verification=verifying(MAPS[0]))[0][0].correlation > 0.99


def test_an_entry_that_is_removed_while_its_views_are_mapped(
    milvus: Server, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = milvus.location()
    catalog, other = open_at(location), open_at(location)
    fill(catalog, ROWS[:2])  # type: ignore[arg-type]
    todo = catalog.unmapped(9)
    put = Connection.put

    def late(self: Connection, rows: Any) -> None:
        monkeypatch.undo()
        other.remove("coin-0")
        put(self, rows)

    monkeypatch.setattr(Connection, "put", late)
    catalog.put_reliefs([(view.id, relief) for view, relief in zip(todo, MAPS, strict=False)])
    assert catalog._reliefs.count() == 1
    assert fits(catalog, 1)


def test_a_map_of_another_length(milvus: Server, open_at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = open_at(milvus.location())
    catalog._reliefs.put([NewMap(view_id_at(1.0), "a", MAPS[0][:1])])
    with pytest.raises(CatalogError, match="a relief map has 120 bytes, not 2400: restore the catalog from an export"):
        catalog._reliefs.of([view_id_at(1.0)])


# --- what a search asks -----------------------------------------------------------------------------------------------


def test_maps_are_asked_for_once(milvus: Server, open_at: Open, asked: list[tuple[str, str]]) -> None:
    location = milvus.location()
    catalog, name = open_at(location), collection_of(location)
    fill(catalog, ROWS, reliefs=[*MAPS[:19], None])  # type: ignore[arg-type]
    late = open_at(location)
    verification = verifying(MAPS[1], MAPS[2], MAPS[3])
    for expected in ([("search", name[: -len("_reliefs")]), ("query", name)],) * 2:
        asked.clear()
        late.search(ROWS[:3], 1, verification=verification)
        assert [each for each in asked if each[0] != "query" or each[1] == name] == expected, "one has no map yet"
    catalog.put_reliefs([(view.id, MAPS[19]) for view in catalog.unmapped(9)])
    late.search(ROWS[:3], 1, verification=verification)
    asked.clear()
    for _ in range(3):
        assert fits(late, 19)
    assert ("query", name) not in asked, "all are in this process's memory"
    late.search(ROWS[:3], 1)
    assert [method for method, _ in asked if method == "has_collection"] == []


def test_the_cache_holds_those_used_last() -> None:
    cache = ReliefCache(most=3)
    cache.put({"a": b"1", "b": b"2", "c": b"3"})
    assert cache.get(["a", "x"]) == {"a": b"1"}
    cache.put({"d": b"4"})
    assert cache.get("abcd") == {"a": b"1", "c": b"3", "d": b"4"} and len(cache) == 3
    cache.put({name: name.encode() for name in "efghi"})
    assert cache.get("abcdefghi") == {"g": b"g", "h": b"h", "i": b"i"}


def test_more_views_than_are_remembered(milvus: Server, open_at: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ReliefCache", lambda: ReliefCache(most=4))
    catalog = open_at(milvus.location())
    fill(catalog, ROWS, reliefs=MAPS)  # type: ignore[arg-type]
    for _ in range(2):
        assert all(fits(catalog, number) for number in range(1, 20))
    assert len(catalog._reliefs._cache) == 4


def test_an_entry_with_more_views_than_one_answer_holds(
    milvus: Server, open_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond Milvus's limit, entries that were found are left out, and all are put into one order."""
    monkeypatch.setattr("catalog.milvus.search.MOST_HITS", 40)
    assert MOST_HITS == 16_384
    catalog = open_at(milvus.location())
    near = ROWS[0] + 0.02 * np.random.default_rng(0).normal(size=(60, len(ROWS[0])))
    near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    catalog.enroll(new(coin("crowd"), id="crowd"), photo(ROWS[0], b""))
    catalog.add([(more("crowd"), photo(row, b"")) for row in near])
    fill(catalog, ROWS[1:], 1, reliefs=MAPS[1:])  # type: ignore[arg-type]
    query = ROWS[0] + ROWS[7]
    query = (query / np.linalg.norm(query)).astype(np.float32)[None]
    (matches,) = catalog.search(query, 3, verification=verifying(MAPS[7], candidates=20))
    assert ids(matches)[:2] == ["coin-7", "crowd"] and len(matches) == 3
