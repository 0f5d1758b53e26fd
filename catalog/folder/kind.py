"""A catalog in a folder of this machine: `data/catalog`."""

from pathlib import Path

from catalog.entry import Makers
from catalog.interface import Catalog
from catalog.kind import StoreKind


def _open(location: str, makers: Makers, index: str, gpu: int | None) -> Catalog:
    from catalog.folder.index.gpu import GpuFlatIndex
    from catalog.folder.index.spec import parse_spec
    from catalog.folder.reliefs.gpu import GpuReliefs, module_on
    from catalog.folder.store import FolderCatalog  # imports Faiss, which is not needed before

    vectors = None if gpu is None else GpuFlatIndex(gpu)
    reliefs = None if gpu is None else GpuReliefs(module_on(gpu))
    return FolderCatalog(Path(location), makers, vectors, reliefs, parse_spec(index))


def _check_index(index: str) -> None:
    from catalog.folder.index.spec import parse_spec

    parse_spec(index)


FOLDER = StoreKind(
    name="a folder",
    schemes=(),
    example="a folder such as data/catalog",
    open=_open,
    check_location=lambda location: None,
    check_index=_check_index,
)
