"""The collections, of views and of relief maps: their fields, their indexes, and how they are made."""

import contextlib
import time
from collections.abc import Callable, Collection
from typing import Any

from pymilvus import DataType, MilvusClient

from catalog.milvus.connection import LONG, Connection
from catalog.milvus.index import MilvusIndex
from catalog.milvus.location import Location
from catalog.milvus.rows import TEXTS, WHOLES
from ensemble.contract import EMBEDDING_SIZE, RELIEF_HARMONICS, RELIEF_NUMBERS
from ensemble.entry import MAX_TEXT
from ensemble.errors import CatalogError

VECTOR = "embedding"
RELIEFS = "_reliefs"  # after the name of the collection of views
HISTORY = "_history"  # likewise
UNUSED_VECTOR = "vector"  # of maps and events: nobody searches it, but Milvus demands one
LONGEST = 65_535  # bytes of a text in Milvus
PICTURE_PARTS = 64  # texts that a picture may be cut into
_MOST_ATTRIBUTES = 4096  # Milvus's limit; an entry's metadata has no room for so many keys
_TEXT = 4 * MAX_TEXT  # bytes
_PATIENCE = 5.0  # s
# pymilvus would ask twice a second whether an index is built, which that of an empty collection is.
_NOT_WAITING: dict[str, Any] = {"sync": False, "timeout": LONG}
_NAME = 64  # bytes of ids and fingerprints
_INDEXED = ("view", "entry", "model", *TEXTS, *WHOLES)
_MAP = (RELIEF_HARMONICS * RELIEF_NUMBERS + 2) // 3 * 4  # bytes of a map in base64
_OTHERS = ("id", "batch", "role", "digest", "attributes", "document", "picture")
_UNUSED_DIM = 2  # the least that Milvus takes
_RELIEF_INDEXED = ("view", "entry", "mapper")
_HISTORY_INDEXED = ("entry", "other", "keeps")
_HISTORY_PARTS = ("said", "records")


def prepare(connection: Connection, location: Location, index: MilvusIndex) -> None:
    """Make the collection and its indexes if they are missing, and begin to load it; see `Connection.load`.

    Other servers may do so at the same time.

    Raises:
        CatalogError: the collection is not a catalog, or has another index or metric.
    """
    name = connection.collection
    if not connection.call("has_collection", name):
        _unless_there(lambda: _create(connection), lambda: connection.call("has_collection", name))
    _check_fields(connection, {VECTOR: EMBEDDING_SIZE}, (*_OTHERS, *_INDEXED))
    indexed = connection.call("list_indexes", name)
    for field in (VECTOR, *_INDEXED, "attributes"):
        if field not in indexed:
            _make_index(connection, field, location, index)
    _check_index(connection, location, index)
    connection.begin_to_load()


def prepare_reliefs(connection: Connection) -> None:
    """As `prepare`, for the collection of relief maps, until it is loaded.

    Raises:
        CatalogError: it cannot be made, or holds something else.
    """
    _prepare_beside(connection, _create_reliefs, _RELIEF_INDEXED, ("map",))


def prepare_history(connection: Connection) -> None:
    """As `prepare`, for the collection of events, until it is loaded.

    Raises:
        CatalogError: it cannot be made, or holds something else.
    """
    _prepare_beside(connection, _create_history, _HISTORY_INDEXED, _HISTORY_PARTS)


def _prepare_beside(
    connection: Connection, create: Callable[[Connection], None], compared: Collection[str], others: Collection[str]
) -> None:
    """Make a collection without embeddings, whose fields `compared` are indexed, and load it."""
    name = connection.collection
    if not connection.call("has_collection", name):
        _unless_there(lambda: create(connection), lambda: connection.call("has_collection", name))
    _check_fields(connection, {UNUSED_VECTOR: _UNUSED_DIM}, ("id", *compared, *others))
    indexed = connection.call("list_indexes", name)
    for field in (UNUSED_VECTOR, *compared):
        if field not in indexed:
            params = MilvusClient.prepare_index_params()
            if field == UNUSED_VECTOR:
                params.add_index(field, "FLAT", field, metric_type="L2")
            else:
                params.add_index(field, connection.release.scalar_index, field)
            _index(connection, field, params)
    connection.load()


def rebuild(connection: Connection, location: Location, index: MilvusIndex) -> None:
    """Replace the vector index. Nobody can search meanwhile.

    It is built before it is loaded: a collection that is loaded without is searched by a rough index of Milvus's own.
    """
    connection.call("release_collection", connection.collection)
    connection.call("drop_index", connection.collection, VECTOR)
    connection.call("create_index", connection.collection, _vector_index(location, index), timeout=LONG)
    connection.load()


def _create(connection: Connection) -> None:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, max_length=2 * _NAME, is_primary=True)
    for field in ("view", "entry", "model"):
        schema.add_field(field, DataType.VARCHAR, max_length=_NAME)
    for field in TEXTS:
        schema.add_field(field, DataType.VARCHAR, max_length=_TEXT)
    for field in WHOLES:
        schema.add_field(field, DataType.INT16)
    schema.add_field("batch", DataType.INT64)
    schema.add_field("role", DataType.INT8)
    schema.add_field("digest", DataType.VARCHAR, max_length=_NAME)
    texts: dict[str, Any] = {"element_type": DataType.VARCHAR, "max_length": LONGEST}
    schema.add_field("attributes", DataType.ARRAY, max_capacity=_MOST_ATTRIBUTES, **texts)
    # Fields that no search compares stay on the disks of Milvus's query nodes.
    schema.add_field("document", DataType.VARCHAR, max_length=LONGEST, mmap_enabled=True)
    schema.add_field("picture", DataType.ARRAY, max_capacity=PICTURE_PARTS, mmap_enabled=True, **texts)
    schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=EMBEDDING_SIZE)
    # One shard: all changes of a request are then one entry of the log, seen as a whole or not at all.
    connection.call("create_collection", connection.collection, schema=schema, num_shards=1, consistency_level="Strong")


def _create_reliefs(connection: Connection) -> None:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, max_length=2 * _NAME, is_primary=True)
    for field in _RELIEF_INDEXED:
        schema.add_field(field, DataType.VARCHAR, max_length=_NAME)
    schema.add_field("map", DataType.VARCHAR, max_length=_MAP, mmap_enabled=True)
    schema.add_field(UNUSED_VECTOR, DataType.FLOAT_VECTOR, dim=_UNUSED_DIM)
    connection.call("create_collection", connection.collection, schema=schema, num_shards=1, consistency_level="Strong")


def _create_history(connection: Connection) -> None:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, max_length=_NAME, is_primary=True)
    for field in ("entry", "other"):
        schema.add_field(field, DataType.VARCHAR, max_length=_NAME)
    schema.add_field("keeps", DataType.INT8)
    texts: dict[str, Any] = {"element_type": DataType.VARCHAR, "max_length": LONGEST, "mmap_enabled": True}
    for field in _HISTORY_PARTS:
        schema.add_field(field, DataType.ARRAY, max_capacity=PICTURE_PARTS, **texts)
    schema.add_field(UNUSED_VECTOR, DataType.FLOAT_VECTOR, dim=_UNUSED_DIM)
    connection.call("create_collection", connection.collection, schema=schema, num_shards=1, consistency_level="Strong")


def _vector_index(location: Location, index: MilvusIndex) -> Any:
    params = MilvusClient.prepare_index_params()
    params.add_index(VECTOR, index.kind, VECTOR, metric_type=location.metric, params=dict(index.build))
    return params


def _make_index(connection: Connection, field: str, location: Location, index: MilvusIndex) -> None:
    if field == VECTOR:
        params = _vector_index(location, index)
    else:
        params = MilvusClient.prepare_index_params()
        params.add_index(field, connection.release.scalar_index, field)
    if field == "attributes":
        with contextlib.suppress(CatalogError):  # milvus-lite and Milvus 2.3 have none for arrays; filters are slower
            connection.call("create_index", connection.collection, params, **_NOT_WAITING)
        return
    _index(connection, field, params)


def _index(connection: Connection, field: str, params: Any) -> None:
    _unless_there(
        lambda: connection.call("create_index", connection.collection, params, **_NOT_WAITING),
        lambda: field in connection.call("list_indexes", connection.collection),
    )


def _unless_there(make: Callable[[], Any], there: Callable[[], bool]) -> None:
    """Make something. If that fails, wait a moment: another process may be making it."""
    try:
        make()
    except CatalogError:
        deadline = time.monotonic() + _PATIENCE
        while not there():
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _check_fields(connection: Connection, vector: dict[str, int], others: Collection[str]) -> None:
    """Refuse a collection of other fields than a vector of this size and these others."""
    described = connection.call("describe_collection", connection.collection)["fields"]
    fields = {field["name"]: field.get("params", {}) for field in described}
    sizes = {name: int(fields.get(name, {}).get("dim", 0)) for name in vector}
    if set(fields) != {*vector, *others} or sizes != vector:
        raise CatalogError(
            f"the collection {connection.collection} is no catalog of this release: it has the fields "
            f"{', '.join(sorted(fields))}; name another one"
        )


def _check_index(connection: Connection, location: Location, index: MilvusIndex) -> None:
    found = connection.call("describe_index", connection.collection, VECTOR) or {}
    wanted = {"index_type": index.kind, "metric_type": location.metric, **index.build}
    # A parameter that the server does not report cannot be compared; milvus-lite reports none.
    differing = {name: found[name] for name, value in wanted.items() if str(found.get(name, value)) != str(value)}
    if differing:
        raise CatalogError(
            f"the collection {connection.collection} has another index than the setting says: "
            + ", ".join(f"{name} is {value}, not {wanted[name]}" for name, value in differing.items())
            + "; change the setting, or rebuild it: python -m catalog.milvus LOCATION INDEX"
        )
