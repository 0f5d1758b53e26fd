"""Which catalog a location names."""

import os
from pathlib import Path

from catalog.base import Catalog, CatalogError
from catalog.index.spec import VARIABLE, parse_spec
from catalog.local import LocalCatalog
from catalog.milvus import is_milvus
from catalog.vectors import VectorIndex

LOCATION_VARIABLE = "MINTMARK_CATALOG"


def folder_of(location: str) -> Path | None:
    """The folder that a location names; None for a catalog that lies elsewhere."""
    return None if is_milvus(location) else Path(location)


def open_catalog(
    location: str, fingerprint: str, vectors: VectorIndex | None = None, index: str | None = None
) -> Catalog:
    """Open the catalog at a location: a folder of this machine, or a Milvus server.

    Args:
        location: the folder, or milvus://HOST:PORT/COLLECTION.
        fingerprint: of the model whose embeddings come in and are searched.
        vectors: of a folder's catalog, holds all of them, empty; None takes the CPU's.
        index: kind of the index; None takes it from the environment.

    Raises:
        ValueError: the location is empty, or the index is unknown.
        CatalogError: the catalog cannot be opened.
    """
    if not location:
        raise ValueError(f"no catalog is set: start the server with --catalog FOLDER or set {LOCATION_VARIABLE}")
    index = os.environ.get(VARIABLE, "") if index is None else index
    if is_milvus(location):
        try:
            from catalog.milvus.store import MilvusCatalog
        except ImportError as error:  # installed where it is used
            raise CatalogError(f"{location} needs pymilvus: install requirements/milvus.txt") from error
        return MilvusCatalog(location, fingerprint, index or "FLAT")
    return LocalCatalog(Path(location), fingerprint, vectors, parse_spec(index))
