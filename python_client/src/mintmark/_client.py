"""The client."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields as fields_of
from pathlib import Path
from types import TracebackType
from typing import Any

from mintmark import _answers as answers
from mintmark import _contract as contract
from mintmark._errors import InvalidPhoto, InvalidRequest, ServerError
from mintmark._transports.base import Tensors, Transport, bytes_tensor
from mintmark._transports.triton import TritonTransport
from mintmark._types import CatalogStatus, CoinEmbedding, Entry, EntryFields, Recognition

DEFAULT_URL = "localhost:8001"

Photo = bytes | str | os.PathLike[str]
"""A photo: the bytes of its file, or the path to it. JPEG, PNG, WebP, BMP or TIFF, up to 64 megapixels."""

_PAGE = 100  # entries that one request of `entries` asks for


class Client:
    """Asks a Mintmark server about coins. One client may serve many threads.

    `url` is HOST:PORT of the server's gRPC port; `timeout` is in seconds, for each request; `token` is for servers that
    want one; `tls` encrypts the connection. `transport` replaces the connection to a server, for tests.

    Every method raises MintmarkError: InvalidPhoto, InvalidRequest, Unauthorized, ServerUnavailable, RequestTimeout,
    ServerError, and what it names itself.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        timeout: float = 30.0,
        token: str | None = None,
        tls: bool = False,
        transport: Transport | None = None,
    ) -> None:
        self._transport = transport or TritonTransport(url, timeout=timeout, token=token, tls=tls)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the server."""
        self._transport.close()

    def recognize(self, photo: Photo, k: int = contract.DEFAULT_K) -> Recognition:
        """The catalog's `k` entries (1 to 1000) that look most like the coin in the photo."""
        if not 1 <= k <= contract.MAX_K:
            raise InvalidRequest(f"k must lie between 1 and {contract.MAX_K}, not {k}")
        outputs = self._infer(contract.COIN_SEARCH, {contract.ENCODED: bytes_tensor(_read(photo))}, {"k": k})
        return answers.recognition(outputs, k)

    def embed(self, photo: Photo) -> CoinEmbedding:
        """The embedding, the rectified picture and the outline of the coin in the photo."""
        return answers.coin_embedding(
            self._infer(contract.COIN_EMBEDDING, {contract.ENCODED: bytes_tensor(_read(photo))})
        )

    def enroll(self, photo: Photo, fields: EntryFields) -> Entry:
        """Add the coin in the photo to the catalog: it can be found as soon as this returns.

        Raises NoCoinFound. After a RequestTimeout the coin may be in the catalog all the same.
        """
        record = _record(fields)
        inputs = {
            contract.ENCODED: bytes_tensor(_read(photo)),
            contract.METADATA: bytes_tensor(_json(record)),
        }
        key = answers.text(self._infer(contract.COIN_ENROLL, inputs), contract.ENROLLED_ID)
        if not key:
            raise ServerError("the server enrolled the coin without an id")
        return answers.entry({**record, "id": key})

    def entries(self) -> Iterator[Entry]:
        """All entries of the catalog, fetched a page at a time."""
        offset = 0
        while True:
            page = self._catalog("list", offset=offset, limit=_PAGE)
            records = page.get("entries")
            total = page.get("total")
            if not isinstance(records, list) or not isinstance(total, int):
                raise ServerError("the server's list of entries lacks 'entries' or 'total'")
            yield from map(answers.entry, records)
            offset += len(records)
            if not records or offset >= total:
                return

    def show(self, entry_id: str) -> Entry:
        """One entry. Raises EntryNotFound."""
        return answers.entry(self._catalog("show", id=entry_id).get("entry"))

    def remove(self, entry_id: str) -> None:
        """Remove one entry and its photos' embeddings. Raises EntryNotFound."""
        self._catalog("remove", id=entry_id)

    def status(self) -> CatalogStatus:
        """How much the catalog holds, and which model it was made with."""
        return answers.catalog_status(self._catalog("status"))

    def _catalog(self, operation: str, **arguments: str | int) -> dict[str, Any]:
        request = {contract.REQUEST: bytes_tensor(_json({"operation": operation, **arguments}))}
        outputs = self._infer(contract.CATALOG, request)
        return answers.parse(answers.text(outputs, contract.RESPONSE))

    def _infer(self, model: str, inputs: Tensors, parameters: Mapping[str, str | int | bool] | None = None) -> Tensors:
        return self._transport.infer(model, inputs, contract.OUTPUTS[model], parameters or {})


def _read(photo: Photo) -> bytes:
    """The bytes of a photo's file. InvalidPhoto if it cannot be opened or is empty."""
    if isinstance(photo, bytes):
        data, name = photo, "photo"
    else:
        name = os.fspath(photo)
        try:
            data = Path(name).read_bytes()
        except OSError as error:
            raise InvalidPhoto(f"cannot open photo {name}: {error.strerror or error}") from error
    if not data:
        raise InvalidPhoto(f"{name} is empty")
    return data


def _record(fields: EntryFields) -> dict[str, Any]:
    values = {field.name: getattr(fields, field.name) for field in fields_of(EntryFields)}
    values["metadata"] = dict(fields.metadata)
    return {name: value for name, value in values.items() if value is not None}


def _json(record: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(record, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"not JSON: {error}") from error
