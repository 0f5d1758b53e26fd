"""A server in memory behind a gateway: the real catalog and its tokens, and photos that are known by their bytes."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import numpy.typing as npt

from catalog.service.operations.requests import changes
from ensemble import variables
from ensemble.access import HEADER, check_change, check_read, may_change
from ensemble.contract import CATALOG, COIN_ENROLL, ENCODED, REQUEST
from ensemble.errors import AccessError
from mintmark import Client, MockTransport, NoCoinFound, Unauthorized
from tests.python_client.fake_coin_server import Coin, FakeCoinServer, strings
from tests.python_client.real_catalog import RealCatalog

Tensors = dict[str, npt.NDArray[Any]]

CHANGE, READ = "token-that-changes", "token-that-reads"
TOKENS = {variables.TOKEN: CHANGE, variables.READ_TOKEN: READ}

COIN = "id1"  # the entry that is there
DOUBT = "the photo is blurred"
PHOTO = b"\xff\xd8\xff a photo of it"
REVERSE = b"\xff\xd8\xff a photo of its reverse"
EMPTY = b"\xff\xd8\xff a photo of a table"


@dataclass
class Stand:
    """Answers as a server with some tokens does: its catalog is real, what it recognizes is made up.

    `tokens`: by the variables that set them. `asked`: token and operation or model of each request. `error`: raised
    instead of an answer. `ready`: what it says of itself. `recognize`: answers about photos.
    """

    folder: Path
    tokens: Mapping[str, str] = field(default_factory=dict)
    photos: FakeCoinServer = field(default_factory=FakeCoinServer)
    asked: list[tuple[str, str]] = field(default_factory=list)
    error: Exception | None = None
    ready: bool = True
    catalog: RealCatalog = field(init=False)
    recognize: Callable[[str, Tensors, Mapping[str, Any]], Tensors] = field(init=False)

    def __post_init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)  # SQLite wants the thread that opened it
        self.catalog = self._do(RealCatalog, self.folder)
        self.photos.photos = {PHOTO: Coin((1.0,), doubts=DOUBT), REVERSE: Coin((0.0, 1.0)), EMPTY: None}
        self.recognize = self.photos
        self.enroll(self.photos.add("2 Euro", (1.0, 0.1)), "2 Euro", country="Austria")

    def connect(self, token: str) -> Client:
        """A client that sends the token."""
        transport = MockTransport(lambda *asked: self._answer(token, *asked), lambda: self.ready)
        return Client(transport=transport, retry=False)

    def enroll(self, entry_id: str, name: str = "coin", side: str = "obverse", **fields: Any) -> None:
        """Add a photo to the catalog."""
        self._do(self.catalog.enroll, entry_id, name, side, **fields)

    def hold(self) -> Event:
        """Let requests wait until the event is set."""
        go_on = Event()
        self._thread.submit(go_on.wait, 60)
        return go_on

    def close(self) -> None:
        """Close the catalog."""
        self._do(self.catalog.store.close)
        self._thread.shutdown()

    def _do(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return self._thread.submit(function, *arguments, **named).result()

    def _answer(self, token: str, model: str, inputs: Tensors, parameters: Mapping[str, Any]) -> Tensors:
        sent = {HEADER: f"Bearer {token}"} if token else {}
        request = json.loads(inputs[REQUEST.name].item()) if model == CATALOG.name else {}
        self.asked.append((token, request.get("operation", model)))
        if self.error is not None:
            raise self.error
        try:
            check_read(sent, self.tokens)
            changing = changes(request) if request else model == COIN_ENROLL.name
            self.catalog.who = check_change(sent, self.tokens) if changing else ""
            self.catalog.may_change = may_change(sent, self.tokens)
        except AccessError as error:
            raise Unauthorized(str(error)) from error
        if request:
            return self._do(self.catalog, model, inputs, parameters)
        if model == COIN_ENROLL.name:
            return self._do(self._enroll, inputs)
        return self.recognize(model, inputs, parameters)

    def _enroll(self, inputs: Tensors) -> Tensors:
        coin = self.photos.photos.get(inputs[ENCODED.name].item())
        if coin is None:
            raise NoCoinFound("the photo shows no coin")
        said = json.loads(inputs["metadata"].item())
        entry = said.pop("entry", "") or f"new-{self.catalog.views}"
        self.catalog.enroll(entry, **({} if "name" in said else _said_of(self.catalog, entry)) | said)
        return {"enrolled_id": strings([entry]), "warnings": strings([coin.doubts])}


def _said_of(catalog: RealCatalog, entry_id: str) -> dict[str, Any]:
    entry = catalog.store.show(entry_id)
    return {name: getattr(entry, name) for name in ("name", "country", "currency", "denomination", "year", "metadata")}
