"""Catalogs for the catalog's tests."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from catalog import LocalCatalog
from catalog.index.keeper import GROWTH, Growth
from catalog.index.spec import parse_spec
from catalog.vectors import VectorIndex
from tests.catalog.samples import MODEL, unit_vectors


@pytest.fixture
def vectors() -> Callable[..., np.ndarray]:
    """Maker of random unit vectors: count, seed."""
    return unit_vectors


@pytest.fixture
def open_at(tmp_path: Path) -> Iterator[Callable[..., LocalCatalog]]:
    """Opens the catalog in the test's folder, as often as wanted; closes them all in the end."""
    opened: list[LocalCatalog] = []

    def opener(
        fingerprint: str = MODEL, index: str = "", growth: Growth = GROWTH, vectors: VectorIndex | None = None
    ) -> LocalCatalog:
        opened.append(LocalCatalog(tmp_path / "catalog", fingerprint, vectors, parse_spec(index), growth))
        return opened[-1]

    yield opener
    for catalog in opened:
        catalog.close()


@pytest.fixture
def catalog(open_at: Callable[..., LocalCatalog]) -> LocalCatalog:
    """An empty catalog."""
    return open_at()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits for what happens in another process; fails where it does not happen."""

    def wait(happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not happened():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.02)

    return wait
