"""The connection to a Milvus server: the catalog's requests, and what failures mean."""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
from pymilvus import MilvusClient, MilvusException

from catalog.milvus.location import Location
from catalog.milvus.release import release_of
from ensemble import variables
from ensemble.errors import CatalogError

Row = dict[str, Any]
TIMEOUT = 30.0  # s, of one request with pymilvus's retries
LONG = 3600.0  # s, to build and load an index
PAGE = 1000  # rows of one request when many are read
# The next search must see an enrolment, whoever made it.
_CONSISTENCY = "Strong"
_NOT_LOADED = 101  # Milvus's code
_CHANNEL = {
    # A server that is back is found within this time. By default gRPC waits longer after every failure, up to minutes.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
    "grpc.use_local_subchannel_pool": 1,
    # By default pymilvus pings every 10 s on an idle channel. Servers with gRPC's own limits hang up then.
    "grpc.keepalive_time_ms": 300_000,
    "grpc.keepalive_permit_without_calls": 0,
}
_UNREACHABLE = ("unavailable", "connect", "timeout", "deadline")
_DENIED = ("auth", "permission", "privilege", "denied")

# pymilvus logs each error with its stack before it raises it. The catalog reports errors itself.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)


class Connection:
    """One connection to one collection.

    Args:
        location: of the collection.
        timeout: of one request, s.

    Attributes:
        release: of the server.

    Raises:
        CatalogError: the server cannot be reached, or refuses the token. So do all methods. Its release is too old.
    """

    def __init__(self, location: Location, timeout: float = TIMEOUT) -> None:
        self._location = location
        self._timeout = timeout
        self._client = self._connected()
        self.release = release_of(str(self.call("get_server_version")))

    def _connected(self) -> Any:
        try:
            # By default catalogs share a channel. One of its own ends with its catalog.
            return MilvusClient(
                self._location.uri,
                token=self._location.token,
                timeout=self._timeout,
                dedicated=True,
                grpc_options=_CHANNEL,
            )
        except (MilvusException, grpc.RpcError) as error:
            raise self._failure(error) from error

    def beside(self, collection: str) -> "Connection":
        """The same connection for another collection. It ends with this one."""
        other = copy.copy(self)
        other._location = replace(self._location, collection=collection)
        return other

    @property
    def collection(self) -> str:
        """Name of the collection."""
        return self._location.collection

    def call(self, method: str, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        """Call a method of `MilvusClient`. Raises CatalogError."""
        try:
            return self._tried(method, *args, timeout=timeout or self._timeout, **options)
        except (MilvusException, grpc.RpcError) as error:
            raise self._failure(error) from error

    def _tried(self, method: str, *args: Any, **options: Any) -> Any:
        function = getattr(self._client, method)
        try:
            return function(*args, **options)
        except MilvusException as error:
            if error.code != _NOT_LOADED:
                raise
        # Somebody released the collection, or milvus-lite has restarted.
        self._client.load_collection(self.collection, timeout=LONG)
        return function(*args, **options)

    def begin_to_load(self) -> None:
        """Have the collection loaded. Searches and reads fail until it is."""
        self.call("load_collection", self.collection, _async=True)

    def load(self) -> None:
        """Have the collection loaded; returns when it is. Milvus takes some seconds, also for few rows."""
        self.call("load_collection", self.collection, timeout=LONG)

    def rows(self, condition: str, fields: Sequence[str]) -> list[Row]:
        """All rows that meet a condition, in the order of their ids. For conditions that few rows meet."""
        found = self.call(
            "query", self.collection, filter=condition, output_fields=list(fields), consistency_level=_CONSISTENCY
        )
        return sorted(found, key=lambda row: str(row["id"]))

    def count(self, condition: str) -> int:
        """How many rows meet a condition."""
        found = self.call(
            "query", self.collection, filter=condition, output_fields=["count(*)"], consistency_level=_CONSISTENCY
        )
        return int(found[0]["count(*)"])

    def page(self, condition: str, fields: Sequence[str], after: str, limit: int) -> list[Row]:
        """The first `limit` rows with ids above `after`, in the order of their ids."""
        found: list[Row] = []
        while len(found) < limit:
            rows = self._part(condition, fields, found[-1]["id"] if found else after, limit - len(found))
            if not rows:
                break
            found += rows
        return found

    def scan(self, condition: str, fields: Sequence[str], after: str = "", size: int = PAGE) -> Iterator[list[Row]]:
        """As `page`, but all rows, at most `size` at a time."""
        while rows := self._part(condition, fields, after, size):
            yield rows
            after = rows[-1]["id"]

    def _part(self, condition: str, fields: Sequence[str], after: str, limit: int) -> list[Row]:
        """Milvus gives the lowest ids only to queries in its iterator's form, and then perhaps fewer than it has."""
        found = self.call(
            "query",
            self.collection,
            filter=f'({condition}) and id > "{after}"',
            output_fields=["id", *fields],
            limit=limit,
            iterator="True",
            reduce_stop_for_best=True,
            consistency_level=_CONSISTENCY,
        )
        return sorted(found, key=lambda row: str(row["id"]))

    def put(self, rows: Sequence[Row]) -> None:
        """Store rows in place of those with the same ids: all or none, and all visible at once.

        One request to a collection of one shard is one entry of Milvus's log. It replaces rather than inserts,
        because pymilvus repeats requests whose answer was lost.
        """
        if rows:
            self.call("upsert", self.collection, list(rows))

    def delete(self, condition: str) -> None:
        """Delete the rows that meet a condition."""
        self.call("delete", self.collection, filter=condition)

    def search(
        self, queries: np.ndarray, condition: str, limit: int, params: Mapping[str, Any], fields: Sequence[str]
    ) -> list[list[Row]]:
        """The nearest rows of each query, [B, EMBEDDING_SIZE] float32, best first; `distance` is the cosine."""
        found = self.call(
            "search",
            self.collection,
            data=list(queries),
            anns_field="embedding",
            filter=condition,
            limit=limit,
            search_params={"metric_type": self._location.metric, "params": dict(params)},
            output_fields=list(fields),
            consistency_level=_CONSISTENCY,
        )
        return [[{**hit["entity"], "distance": hit["distance"]} for hit in row] for row in found]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _failure(self, error: Exception) -> CatalogError:
        text = " ".join(str(getattr(error, "message", "") or error).split())
        if self._location.token:
            text = text.replace(self._location.token, "…")
        lower = text.lower()
        advice = ""
        if any(word in lower for word in _UNREACHABLE):
            advice = "; check whether it runs and can be reached, the next request tries again"
        elif any(word in lower for word in _DENIED):
            advice = f"; check {variables.MILVUS_TOKEN}"
        return CatalogError(f"the Milvus server at {self._location.host} failed: {text[:500]}{advice}")
