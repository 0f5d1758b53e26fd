"""The catalog in a real Triton: several servers on one database, filters, tokens, faults, and many enrolments."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from catalog import Enrolment, Entry, Makers, View
from catalog.folder.reliefs.store import SIZE
from catalog.folder.store import FolderCatalog
from ensemble.artifacts import fingerprint, relief_fingerprint
from ensemble.contract import EMBEDDING_SIZE
from server.embedded import EmbeddedServer
from server.wheel import ServerError
from tests.server.catalog_server import FIELDS, CatalogClient, catalog_server, unit
from tests.server.test_lifecycle import children

pytestmark = pytest.mark.server

ENROLMENTS = 10_000
PAGE = 4096  # bytes
# Memory that 10,000 views may take in the server: their embeddings twice, as an index grows, plus as much for heaps,
# and their relief maps, which searches hold.
MOST_GROWTH = (32 << 20) + ENROLMENTS * SIZE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the catalog that all servers of this module use."""
    return tmp_path_factory.mktemp("shared") / "catalog"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[EmbeddedServer]:
    """One server on that catalog."""
    with catalog_server(folder) as running:
        yield running


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[CatalogClient]:
    """A client of that server."""
    client = CatalogClient(server.url)
    yield client
    client.close()


def test_a_change_is_seen_by_the_next_search_of_another_server(folder: Path, client: CatalogClient) -> None:
    rng = np.random.default_rng(1)
    with catalog_server(folder) as second:
        other = CatalogClient(second.url)
        for number in range(40):
            writer, reader = (client, other) if number % 2 else (other, client)
            vector = unit(rng)
            entry_id = writer.enroll(vector, **FIELDS)
            assert reader.search(vector) == [entry_id]
            if number % 4 > 1:
                writer.ask("remove", id=entry_id)
                assert entry_id not in reader.search(vector, k=1000)
            elif number % 4 == 1:
                writer.ask("update", id=entry_id, changes={"country": f"land {number}"})
                assert reader.search(vector, country=f"land {number}") == [entry_id]
        assert client.ask("status") == other.ask("status")
        other.close()


def test_filters_narrow_the_search_itself(client: CatalogClient) -> None:
    """A match that passes the filter is found even if many nearer ones do not pass."""
    rng = np.random.default_rng(2)
    query = unit(rng)
    for _ in range(60):
        near = query + 0.1 * unit(rng)
        client.enroll(near / np.linalg.norm(near), **{**FIELDS, "country": "near"}, metadata={"mint": "A", "n": 1})
    far = client.enroll(-query, **{**FIELDS, "country": "far"}, metadata={"mint": 'B "x" \\ %'}, year=1990)
    for filters in (
        {"country": "far"},
        {"year": 1990},
        {"year": "1990"},
        {"metadata.mint": 'B "x" \\ %'},
        {"country": "far", "side": "obverse", "currency": "KRW", "denomination": "10"},
    ):
        assert client.search(query, k=5, **filters) == [far]
    assert client.search(query, k=5, country="far", side="reverse") == []
    assert len(client.search(query, k=1000, **{"metadata.n": 1})) == 60
    with pytest.raises(
        InferenceServerException,
        match=r"unknown filter or parameter colour; a search takes: k, candidates, verify, country",
    ):
        client.search(query, colour="red")
    with pytest.raises(InferenceServerException, match="filter year is 'old'"):
        client.search(query, year="old")


def test_ten_thousand_enrolments_in_a_row(server: EmbeddedServer, client: CatalogClient) -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):  # loads and reserves what is needed once
        client.search(unit(rng))
        client.enroll(unit(rng), **FIELDS)
    before = memory(server)
    for number in range(ENROLMENTS):
        vector = unit(rng)
        entry_id = client.enroll(vector, **FIELDS)
        if number % 100 == 0:
            assert client.search(vector) == [entry_id]
    assert client.search(vector) == [entry_id]
    grown = memory(server) - before
    assert grown < MOST_GROWTH, f"the server's processes grew by {grown / 2**20:.0f} MiB"


def memory(server: EmbeddedServer) -> int:
    """Memory that only the server's processes use, bytes."""
    total = 0
    for pid in (server.pid, *children(server.pid)):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += sum(1024 * int(size) for size in re.findall(r"^Private_\w+:\s+(\d+) kB", rollup, re.MULTILINE))
    return total


def test_an_index_is_built_in_the_background_and_taken_up(tmp_path: Path) -> None:
    """Another process imports in bulk while searches go on; then the server searches the built index."""
    folder = tmp_path / "catalog"
    makers = Makers(fingerprint(), relief_fingerprint())
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(52_000, EMBEDDING_SIZE)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    entry = Entry("coin", "KR", "KRW", "10")
    with catalog_server(folder, MINTMARK_INDEX="IVF64,Flat:nprobe=64") as server:
        client = CatalogClient(server.url)
        bulk = FolderCatalog(folder, makers)
        for first in range(0, len(vectors), 2000):
            part = vectors[first : first + 2000]
            bulk.add([(Enrolment("obverse", entry), View(vector, makers, b"")) for vector in part])
            assert len(client.search(part[0], k=3)) == 3
        bulk.close()
        for _ in range(600):  # every search checks whether the index is ready
            time.sleep(0.2)
            status = client.ask("status")["index"]
            newest = unit(rng)
            entry_id = client.enroll(newest, **FIELDS)
            assert client.search(newest) == [entry_id]
            if "built_views" in status:
                break
        assert status["kind"] == "IVF64,Flat:nprobe=64" and status["built_views"] >= 50_000
        assert status["recall@1"] == 1.0
        log = server.log.read_text()
        assert "building the index IVF64,Flat:nprobe=64 in the background" in log
        client.close()


# --- who may do what -----------------------------------------------------------------------------------------------


def bearer(client: CatalogClient, token: str) -> CatalogClient:
    client.headers = {"authorization": f"Bearer {token}"}
    return client


def test_reading_and_changing_need_their_tokens(tmp_path: Path) -> None:
    write, read = "the-writing-secret", "the-reading-secret"
    rng = np.random.default_rng(5)
    with catalog_server(tmp_path / "catalog", MINTMARK_TOKEN=write, MINTMARK_READ_TOKEN=read) as server:
        clients = {token: bearer(CatalogClient(server.url), token) for token in (write, read, "wrong")}
        nobody = CatalogClient(server.url)
        vector = unit(rng)
        entry_id = clients[write].enroll(vector, **FIELDS)
        for client in (clients[write], clients[read]):
            assert client.search(vector) == [entry_id]
            assert [entry["id"] for entry in client.entries()] == [entry_id]
            assert len(client.ask("export")["views"]) == 1
        refused = {nobody: "needs a token", clients["wrong"]: "wrong token"}
        for client, reason in refused.items():
            for read_only in (
                lambda c: c.search(vector),
                lambda c: c.ask("status"),
                lambda c: c.ask("show", id=entry_id),
            ):
                with pytest.raises(InferenceServerException, match=f"unauthorized: .*{reason}"):
                    read_only(client)
        refused[clients[read]] = "wrong token"
        for client, reason in refused.items():
            for operation in ("remove", "update", "import", "reembed", "switch", "forget", "calibrate"):
                with pytest.raises(InferenceServerException, match=f"unauthorized: .*{reason}") as caught:
                    client.ask(operation, id=entry_id, threshold=0.5, changes={"name": "x"}, views=[])
                assert write not in str(caught.value) and read not in str(caught.value)
            with pytest.raises(InferenceServerException, match=f"unauthorized: .*{reason}"):
                client.enroll(unit(rng), **FIELDS)
        assert [entry["id"] for entry in clients[read].entries()] == [entry_id]
        log = server.log.read_text()
        assert write not in log and read not in log
        for client in (nobody, *clients.values()):
            client.close()


def test_a_token_for_reading_alone_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="MINTMARK_READ_TOKEN is set and MINTMARK_TOKEN is not"):
        catalog_server(tmp_path / "catalog", MINTMARK_READ_TOKEN="x", MINTMARK_TOKEN="").start()
