"""A catalog in a Milvus server: `milvus://HOST:PORT/COLLECTION`."""

from catalog.entry import Makers
from catalog.interface import Catalog
from catalog.kind import StoreKind
from catalog.milvus.index import parse_index
from catalog.milvus.location import SCHEMES, parse_location
from ensemble import variables


def _open(location: str, makers: Makers, index: str, gpu: int | None) -> Catalog:
    from catalog.milvus.store import MilvusCatalog  # imports pymilvus, which is installed only where it is used

    return MilvusCatalog(location, makers, index)


MILVUS = StoreKind(
    name="Milvus",
    schemes=tuple(SCHEMES),
    example="milvus://HOST:PORT/COLLECTION",
    open=_open,
    check_location=parse_location,
    check_index=parse_index,
    package="pymilvus",
    requirements="requirements/stores.txt",
    secrets=(variables.MILVUS_TOKEN,),
)
