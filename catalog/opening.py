"""Opens the catalog at a location, in the kind of store that the location names."""

import os
import re
from pathlib import Path

from catalog.entry import Makers
from catalog.folder.kind import FOLDER
from catalog.interface import Catalog
from catalog.kind import StoreKind
from catalog.milvus.kind import MILVUS
from ensemble import variables
from ensemble.errors import CatalogError

KINDS = (FOLDER, MILVUS)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def kind_of(location: str) -> StoreKind:
    """The kind of store that a location names.

    Raises:
        ValueError: the location is empty, or no kind has its scheme.
    """
    if not location:
        raise ValueError(f"no catalog is set: start the server with --catalog FOLDER or set {variables.CATALOG}")
    scheme = _SCHEME.match(location)
    if scheme is None:
        return FOLDER
    for kind in KINDS:
        if scheme[1].lower() in kind.schemes:
            return kind
    raise ValueError(f"{location!r} is no catalog; it must be {' or '.join(kind.example for kind in KINDS)}")


def open_configured(makers: Makers, gpu: int | None = None) -> Catalog:
    """Open the catalog that this server's environment names; see `open_catalog`."""
    return open_catalog(os.environ.get(variables.CATALOG, ""), makers, gpu, os.environ.get(variables.INDEX, ""))


def configured_folder() -> Path | None:
    """The folder of the catalog that this server's environment names; None where it lies elsewhere."""
    location = os.environ.get(variables.CATALOG, "")
    return kind_of(location).folder(location)


def open_catalog(location: str, makers: Makers, gpu: int | None = None, index: str = "") -> Catalog:
    """Open the catalog at a location.

    Args:
        location: a folder of this machine, or a location of another of `KINDS`.
        makers: of the embeddings and relief maps that are stored and searched.
        gpu: number of the GPU that searches, if the store can use one; None takes the CPU.
        index: kind of the index; '' takes the store's default.

    Raises:
        ValueError: the location or the index is malformed.
        CatalogError: the catalog cannot be opened, or the store needs a package that is not installed.
        GpuIndexError: Faiss cannot use the GPU.
    """
    kind = kind_of(location)
    if missing := kind.missing():
        raise CatalogError(missing)
    return kind.open(location, makers, index, gpu)
