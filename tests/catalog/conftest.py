"""Catalogs for the catalog's tests."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from catalog import Catalog, Makers
from catalog.folder.index.exact import VectorIndex
from catalog.folder.index.keeper import GROWTH, Growth
from catalog.folder.index.spec import parse_spec
from catalog.folder.store import FolderCatalog
from loadtest.fleet.milvus import MISSING, find_milvus
from tests.catalog.milvus.servers import LITE, SERVER, Server, running
from tests.catalog.samples import OWN, unit_vectors
from tests.catalog.stores import MARKS, STORES, Open, opening


@pytest.fixture
def vectors() -> Callable[..., np.ndarray]:
    """Maker of random unit vectors: count, seed."""
    return unit_vectors


@pytest.fixture
def open_at(tmp_path: Path) -> Iterator[Callable[..., FolderCatalog]]:
    """Opens the catalog in the test's folder, as often as wanted; closes them all in the end."""
    opened: list[FolderCatalog] = []

    def opener(
        makers: Makers = OWN, index: str = "", growth: Growth = GROWTH, vectors: VectorIndex | None = None
    ) -> FolderCatalog:
        opened.append(FolderCatalog(tmp_path / "catalog", makers, vectors, spec=parse_spec(index), growth=growth))
        return opened[-1]

    yield opener
    for catalog in opened:
        catalog.close()


@pytest.fixture
def catalog(open_at: Callable[..., FolderCatalog]) -> FolderCatalog:
    """An empty catalog."""
    return open_at()


@pytest.fixture(scope="module")
def milvus_lite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One milvus-lite for all tests of a file; each has collections of its own."""
    with running(LITE, tmp_path_factory.mktemp("milvus")) as server:
        yield server


@pytest.fixture(scope="package")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One Milvus server for all tests of this folder; each has collections of its own."""
    if find_milvus() is None:
        pytest.skip(MISSING)
    with running(SERVER, tmp_path_factory.mktemp("milvus")) as server:
        yield server


@pytest.fixture
def milvus_catalog(milvus_server: Server) -> Iterator[str]:
    """Location of an empty catalog in the Milvus server, which is dropped after the test."""
    location = milvus_server.empty()
    yield location
    milvus_server.drop(location)


@pytest.fixture(params=[LITE, SERVER])
def milvus_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of server in turn."""
    if request.param == SERVER and find_milvus() is None:
        pytest.skip(MISSING)
    return str(request.param)


@pytest.fixture
def milvus(request: pytest.FixtureRequest, milvus_kind: str) -> Server:
    """A running server of each kind in turn."""
    server: Server = request.getfixturevalue("milvus_lite" if milvus_kind == LITE else "milvus_server")
    return server


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in STORES])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the test's catalog, of every kind of store in turn, as often as wanted; closes them all in the end."""
    with opening(STORES[request.param](request, tmp_path)) as opener:
        yield opener


@pytest.fixture
def store(open_store: Open) -> Catalog:
    """An empty catalog, of every kind of store in turn."""
    return open_store()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits for something that another process does; fails after a minute."""

    def wait(happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not happened():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.02)

    return wait
