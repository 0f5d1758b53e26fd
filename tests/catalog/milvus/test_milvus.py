"""What only the catalog in Milvus has: its settings, its failures, its indexes."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymilvus import DataType, MilvusClient

from catalog import Catalog, Enrolment, Entry, View
from catalog.milvus.index import parse_index
from catalog.milvus.location import parse_location
from catalog.milvus.release import release_of
from catalog.milvus.rows import ViewIds, attribute, copied
from catalog.milvus.store import MilvusCatalog
from ensemble import variables
from ensemble.contract import EMBEDDING_SIZE
from ensemble.errors import CatalogError, EntryError
from tests.catalog.milvus.servers import LITE, SERVER, Server, running
from tests.catalog.samples import OWN, unit_vectors
from tests.catalog.stores import load

pytestmark = pytest.mark.milvus

ROOT = Path(__file__).resolve().parents[3]
COIN = Entry("10 won", "KR", "KRW", "10")
SCORE = 1e-5

Open = Callable[..., MilvusCatalog]


def enrolled(catalog: Catalog, embedding: np.ndarray) -> str:
    return catalog.enroll(Enrolment("obverse", COIN), View(embedding, OWN, b"picture"))


@pytest.fixture
def open_at() -> Iterator[Open]:
    """Opens catalogs and closes them all in the end."""
    opened: list[MilvusCatalog] = []

    def opener(location: str, index: str = "FLAT", **options: float) -> MilvusCatalog:
        opened.append(MilvusCatalog(location, OWN, index, **options))
        return opened[-1]

    yield opener
    for catalog in opened:
        catalog.close()


# --- settings ---------------------------------------------------------------------------------------------------------


def test_locations() -> None:
    found = parse_location("milvus://db.example:1234/coins?metric=ip")
    assert (found.uri, found.host, found.collection, found.metric) == (
        "http://db.example:1234",
        "db.example:1234",
        "coins",
        "IP",
    )
    assert parse_location("milvus+tls://db.example/coins").uri == "https://db.example:19530"
    assert parse_location("milvus://[::1]:1/coins").uri == "http://[::1]:1"


@pytest.mark.parametrize(
    "location",
    [
        *("milvus://", "milvus:///coins", "milvus://host", "milvus://host:x/coins", "milvus://host:99999/coins"),
        *(
            "milvus://host/a/b",
            "milvus://host/1coins",
            "milvus://host/coins?metric=L2",
            "milvus://host/coins?index=FLAT",
        ),
    ],
)
def test_locations_that_are_malformed(location: str) -> None:
    with pytest.raises(ValueError, match=r"must be milvus://HOST:19530/COLLECTION"):
        parse_location(location)


def test_a_password_in_a_location_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match=variables.MILVUS_TOKEN) as raised:
        parse_location("milvus://root:secret@host/coins")
    assert "secret" not in str(raised.value)


def test_indexes() -> None:
    assert parse_index("") == parse_index("flat") == parse_index("FLAT")
    hnsw = parse_index("HNSW:M=16, efConstruction=200, ef=128")
    assert (hnsw.kind, hnsw.build) == ("HNSW", {"M": 16, "efConstruction": 200})
    assert (hnsw.search_params(10), hnsw.search_params(500)) == ({"ef": 128}, {"ef": 500})
    assert parse_index("HNSW_SQ").search_params(100) == {"ef": 100}
    assert parse_index("IVF_FLAT:nlist=1024,nprobe=32").search_params(9) == {"nprobe": 32}
    for text in ("Flat,PQ8", "HNSW:", "HNSW:M", "IVF_FLAT:nlist=", "IVF FLAT"):
        if text == "HNSW:":
            continue
        with pytest.raises(ValueError, match="the index"):
            parse_index(text)


def test_ids_of_views_grow_though_the_clock_goes_backwards() -> None:
    times = iter([5.0, 5.0, 4.0, 0.001, 5.001, 6.0])
    maker = ViewIds(lambda: next(times))
    made = [maker.next() for _ in range(6)]
    assert made == sorted(set(made))
    assert {len(view) for view in made} == {28}
    assert [int(view[:12], 16) for view in made] == [5000, 5000, 5000, 5000, 5001, 6000]


def test_queries_in_the_memory_of_a_device_are_copied(milvus: Server, open_at: Open) -> None:
    class OnDevice:
        """As CuPy's arrays, which numpy refuses to read."""

        shape = (1, EMBEDDING_SIZE)
        __array__ = None

        def get(self) -> np.ndarray:
            return unit_vectors(1)

    catalog = open_at(milvus.location())
    entry_id = enrolled(catalog, unit_vectors(1)[0])
    assert catalog.search(OnDevice(), 1)[0][0].entry.id == entry_id  # type: ignore[arg-type]


def test_the_status_says_which_index_is_searched(milvus: Server, open_at: Open) -> None:
    catalog = open_at(milvus.location("?metric=IP"), "HNSW:M=8,efConstruction=100,ef=100")
    assert catalog.status().index == {"kind": "HNSW", "metric": "IP", "M": 8, "efConstruction": 100, "ef": 100}
    entry_id = enrolled(catalog, unit_vectors(1)[0])
    ((match,),) = catalog.search(unit_vectors(1), 1)
    assert match.entry.id == entry_id
    assert match.cosine == pytest.approx(1.0, abs=SCORE)


@pytest.mark.parametrize(
    ("name", "index", "warning"),
    [
        ("v2.3.5-lite", "", "Milvus v2.3.5-lite has no inverted indexes: .* supports Milvus 2.3 to 3.0"),
        *((name, "INVERTED", "^$") for name in ("2.4.23", "v2.6.6", "3.0.1", "milvus_lite-3.2.2", "main-20261101")),
        ("v3.1.0", "INVERTED", "Milvus v3.1.0 is newer than what the catalog is written for, Milvus 2.3 to 3.0"),
    ],
)
def test_releases(name: str, index: str, warning: str) -> None:
    release = release_of(name)
    assert release.scalar_index == index
    assert re.search(warning, release.warning)


def test_a_release_that_is_too_old() -> None:
    with pytest.raises(CatalogError, match=r"Milvus v2\.2\.16 is too old: the catalog supports Milvus 2\.3 to 3\.0"):
        release_of("v2.2.16")


def test_the_log_says_what_a_server_lacks(milvus: Server, open_at: Open, caplog: pytest.LogCaptureFixture) -> None:
    open_at(milvus.location())
    assert ("has no inverted indexes" in caplog.text) == (milvus.kind == SERVER)


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(variables.MILVUS_TOKEN, "root:secret")
    server = Server(LITE, tmp_path)
    with pytest.raises(CatalogError, match=rf"at {server.address} failed: .*whether it runs") as raised:
        MilvusCatalog(server.location(), OWN, timeout=2)
    assert "secret" not in str(raised.value)


def test_what_was_acknowledged_outlives_the_server_and_the_catalog_finds_back(
    milvus_kind: str, tmp_path: Path, open_at: Open
) -> None:
    embeddings = unit_vectors(30)
    with running(milvus_kind, tmp_path) as server:
        location = server.location()
        catalog = open_at(location, timeout=5)
        acknowledged = []
        for number, row in enumerate(embeddings):
            acknowledged.append(enrolled(catalog, row))
            if number % 10 == 9:
                server.kill()
                for call in (lambda: catalog.search(embeddings[:1], 1), lambda: enrolled(catalog, embeddings[0])):
                    with pytest.raises(CatalogError, match=server.address):
                        call()
                server.start()
                wait_for(catalog)
                found = catalog.search(embeddings[: number + 1], 1)
                assert [matches[0].entry.id for matches in found] == acknowledged
        catalog.remove(acknowledged.pop())
        server.kill()
        server.start()
        again = open_at(location)
        assert [entry.id for entry in again.page("", 100).entries] == acknowledged
        assert (again.status().entries, again.status().views) == (29, 29)


def wait_for(catalog: Catalog) -> None:
    """The catalog tries again a second after it failed."""
    deadline = time.monotonic() + 20
    while True:
        try:
            catalog.load()
            return
        except CatalogError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_a_collection_of_somebody_else(milvus: Server) -> None:
    location = milvus.location()
    client = MilvusClient(f"http://{milvus.address}")
    schema = MilvusClient.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=EMBEDDING_SIZE)
    client.create_collection(parse_location(location).collection, schema=schema)
    client.close()
    with pytest.raises(
        CatalogError, match="is no catalog of this release: it has the fields embedding, id; name another"
    ):
        MilvusCatalog(location, OWN)


def test_several_may_open_a_new_collection_at_the_same_time(milvus: Server) -> None:
    location = milvus.location()
    with ThreadPoolExecutor(4) as pool:
        catalogs = list(pool.map(lambda _: MilvusCatalog(location, OWN), range(4)))
    entry_id = enrolled(catalogs[0], unit_vectors(1)[0])
    for catalog in catalogs:
        assert catalog.search(unit_vectors(1), 1)[0][0].entry.id == entry_id
        catalog.close()


def test_more_than_one_request_can_carry(milvus: Server, open_at: Open) -> None:
    catalog = open_at(milvus.location())
    view = View(unit_vectors(1)[0], OWN, bytes(4 << 20))
    with pytest.raises(EntryError, match="20 views of 106 MiB are too much for one request to Milvus: add fewer"):
        catalog.add([(Enrolment("obverse", COIN), view)] * 20)
    assert catalog.status().views == 0


# --- indexes ----------------------------------------------------------------------------------------------------------


def test_another_index_is_built_on_request_and_found_well(milvus: Server, open_at: Open) -> None:
    """HNSW on 10,000 random vectors, which are harder than any photos; searched well from the first moment on."""
    embeddings, queries = unit_vectors(10_000), unit_vectors(50, seed=1)
    location, setting = milvus.location(), "HNSW:M=16,efConstruction=100,ef=400"
    flat = open_at(location)
    load(flat, [replace(COIN, name=str(number)) for number in range(len(embeddings))], embeddings)
    exact = names(flat, queries, 10)
    with pytest.raises(
        CatalogError, match=r"index_type is FLAT, not HNSW; .* python -m catalog\.milvus LOCATION INDEX"
    ):
        MilvusCatalog(location, OWN, setting)
    milvus.flush(location)
    rebuilt = [sys.executable, "-m", "catalog.milvus", location, setting]
    subprocess.run(rebuilt, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    found = names(open_at(location, setting), queries, 10)
    overlap = [len(set(some) & set(all_)) for some, all_ in zip(found, exact, strict=True)]
    assert sum(overlap) / (10 * len(queries)) >= 0.95


def names(catalog: Catalog, queries: np.ndarray, k: int) -> list[list[str]]:
    return [[match.entry.name for match in matches] for matches in catalog.search(queries, k)]


def test_rows_of_earlier_releases_are_found_as_they_were_written(open_at: Open, milvus: Server) -> None:
    """They are not folded before their entry is next updated."""
    catalog = open_at(milvus.location())
    entry = Entry("10 won", "KR", "KRW", "10", metadata={"mint": "Seoul"})
    entry_id = catalog.enroll(Enrolment("Obverse", entry), View(unit_vectors(1)[0], OWN, b"picture"))
    connection = catalog._connection
    (row,) = connection.rows(f'entry == "{entry_id}"', ["*"])
    attributes = [attribute("mint", "Seoul")]
    connection.put([copied(row, country="KR", currency="KRW", attributes=attributes)])
    as_written = [{"country": "KR"}, {"side": "Obverse"}, {"metadata.mint": "Seoul", "currency": "KRW"}]
    otherwise = [{"country": "kr"}, {"side": "OBVERSE"}, {"metadata.mint": "SEOUL"}]
    assert [catalog.count(filters) for filters in (*as_written, *otherwise)] == [1, 1, 1, 0, 0, 0]
    catalog.update(entry_id, {"year": 1998})
    assert [catalog.count(filters) for filters in (*as_written, *otherwise)] == [1] * 6
