"""Catalogs and entries for the catalog's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from catalog import Entry, LocalCatalog, View
from ensemble.contract import EMBEDDING_SIZE

FINGERPRINT = "feedfacefeedface"


def unit_vectors(count: int, seed: int = 0) -> np.ndarray:
    """[count, 64] float32 random unit vectors."""
    vectors = np.random.default_rng(seed).normal(size=(count, EMBEDDING_SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def vectors() -> Callable[..., np.ndarray]:
    """Maker of random unit vectors: count, seed."""
    return unit_vectors


@pytest.fixture
def entry() -> Callable[..., Entry]:
    """Maker of entries by name."""

    def make(name: str = "10 won", **fields: object) -> Entry:
        given = {"country": "KR", "currency": "KRW", "denomination": "10", "side": "obverse", **fields}
        return Entry(name=name, **given)  # type: ignore[arg-type]

    return make


@pytest.fixture
def view() -> Callable[..., View]:
    """Maker of views by embedding."""

    def make(embedding: np.ndarray, fingerprint: str = FINGERPRINT) -> View:
        return View(embedding, fingerprint, b"\xff\xd8picture")

    return make


@pytest.fixture
def open_at(tmp_path: Path) -> Iterator[Callable[..., LocalCatalog]]:
    """Opens the catalog in the test's folder, as often as wanted; closes them all in the end."""
    opened: list[LocalCatalog] = []

    def opener(fingerprint: str = FINGERPRINT) -> LocalCatalog:
        opened.append(LocalCatalog(tmp_path / "catalog", fingerprint))
        return opened[-1]

    yield opener
    for catalog in opened:
        catalog.close()


@pytest.fixture
def catalog(open_at: Callable[..., LocalCatalog]) -> LocalCatalog:
    """An empty catalog."""
    return open_at()
