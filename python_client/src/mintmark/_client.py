"""The client: one method for each thing that a Mintmark server can do."""

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from mintmark import _answers as answers
from mintmark import _both as both
from mintmark import _contract as contract
from mintmark import _pairs as pairs
from mintmark import _requests as requests
from mintmark._errors import DoubtfulPhoto, InvalidRequest, ServerError
from mintmark._requests import Filters, Photo
from mintmark._retry import Retry
from mintmark._transports.base import Tensors, Transport, bytes_tensor
from mintmark._transports.tls import Tls
from mintmark._transports.triton import TritonTransport
from mintmark._types import (
    CatalogStatus,
    CoinEmbedding,
    Entry,
    EntryFields,
    EntryPage,
    Event,
    EventPage,
    FilterCheck,
    FoundCoin,
    HalfPhoto,
    Known,
    PairRecognition,
    Recognition,
    Reembedding,
    RefusedView,
    Similar,
    View,
    ViewRecord,
)

DEFAULT_URL = "localhost:8001"
DEFAULT_TIMEOUT = 30.0  # s
REEMBED_BATCH = 64  # views that one request of `reembed` embeds

_PAIRED = 20  # matches of each photo of a pair among which they agree
_PAGE = 1000  # entries that one request of `entries` asks for
_EVENTS = 100  # events that one request of `history` asks for
_VIEWS = 100  # views, with pictures, that one request of `export` asks for
# Operations that change nothing.
_READING = ("list", "show", "picture", "known", "check_filters", "similar", "history", "export", "status", "rights")


class Client:
    """Asks a Mintmark server about coins. Many threads may use one client.

    `url`: HOST:PORT of the server's gRPC port. `timeout`: seconds for each request. `token`: for servers that need one.
    `tls`: encrypts the connection; True trusts the system's authorities, a Tls names others and the client's own
    certificate. `retry`: within the timeout, requests that a busy server refused are sent again, and requests that
    change nothing are sent again if the server cannot be reached; False sends every request once. `transport`:
    replaces the connection to a server, for tests.

    Every method raises a MintmarkError: InvalidPhoto, InvalidRequest, Unauthorized, ServerUnavailable, RequestTimeout,
    ServerError, or one that its docstring names. After a RequestTimeout, the server may have carried out the request.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        token: str | None = None,
        tls: bool | Tls = False,
        retry: bool = True,
        transport: Transport | None = None,
    ) -> None:
        self._transport = transport or TritonTransport(url, token=token, tls=tls)
        self._timeout = timeout
        self._retry = Retry() if retry else None

    def with_timeout(self, seconds: float) -> "Client":
        """The same client with another timeout for each request. They share connections: close one of them."""
        other = copy.copy(self)
        other._timeout = seconds
        return other

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the server."""
        self._transport.close()

    def is_ready(self) -> bool:
        """Whether the server says that it is ready; no error, and no token is needed.

        False while it starts, while it serves on before it stops, and where nothing answers.
        """
        return self._transport.ready(self._timeout)

    # --- photos -----------------------------------------------------------------------------------------------------

    def recognize(
        self,
        photo: Photo,
        k: int = contract.DEFAULT_K,
        filters: Filters | None = None,
        *,
        verify: bool = True,
        candidates: int | None = None,
    ) -> Recognition:
        """The `k` entries (1 to MAX_K) of the catalog that look most like the coin in the photo.

        The views nearest by their embedding are candidates, whose reliefs are compared with the photo's. `candidates`:
        how many (1 to MAX_CANDIDATES, or less where the server says so); None leaves it to the server. `verify`: False
        leaves the comparison out, and judges by the embeddings alone. `filters` narrow the search: a view and its entry
        must pass all of them. The name of a filter is one of FILTERS, such as 'country' or 'side', or 'metadata.KEY'
        for a key of the free metadata.
        """
        parameters = requests.search_parameters(k, filters or {}, verify, candidates)
        inputs = {contract.ENCODED: bytes_tensor(requests.read_photo(photo))}
        return answers.recognition(self._infer(contract.COIN_SEARCH, inputs, parameters, repeatable=True), k)

    def recognize_all(
        self,
        photo: Photo,
        k: int = contract.DEFAULT_K,
        filters: Filters | None = None,
        *,
        verify: bool = True,
        candidates: int | None = None,
    ) -> tuple[FoundCoin, ...]:
        """Every coin in the photo, the largest first, each with its `k` matches; the options are those of `recognize`.

        InvalidPhoto if there are more than MOST_COINS.
        """
        parameters = requests.search_parameters(k, filters or {}, verify, candidates)
        inputs = {contract.ENCODED: bytes_tensor(requests.read_photo(photo))}
        return answers.found_coins(self._infer(contract.COIN_SEARCH_ALL, inputs, parameters, repeatable=True))

    def recognize_pair(
        self,
        one: Photo,
        other: Photo | None = None,
        k: int = contract.DEFAULT_K,
        filters: Filters | None = None,
        *,
        verify: bool = True,
        candidates: int | None = None,
    ) -> PairRecognition:
        """The `k` entries that look most like the coin of two photos, one of each side, in either order.

        One photo alone shows both sides, see `both_sides`; ellipses are then where they lie in it. The options are
        those of `recognize`; a filter for the side is an InvalidRequest.
        """
        if contract.SIDE in (filters or {}):
            raise InvalidRequest("a pair of photos shows both sides: leave out the filter for the side")
        asked = max(k, _PAIRED)

        def ask(photo: Photo) -> Recognition:
            return self.recognize(photo, asked, filters, verify=verify, candidates=candidates)

        if other is None:
            first, second = (both.in_whole(ask(half), half) for half in self.both_sides(one))
        else:
            first, second = ask(one), ask(other)

        def sides(entry: str) -> set[str]:
            return {view.side for view in self.views(entry) if not view.stale}

        return pairs.joined(first, second, k, asked, self.status().threshold, sides)

    def both_sides(self, photo: Photo) -> tuple[HalfPhoto, HalfPhoto]:
        """The halves of a photo that shows both sides of a coin, one beside the other: the left or upper one first.

        Each is a photo for `enroll`, `add_view` and `recognize`. The server finds the coins. InvalidPhoto if they are
        not two, of about the same size, side by side.
        """
        data = requests.read_photo(photo)
        return both.taken_apart(data, self.recognize_all(data, 1, verify=False, candidates=1))

    def embed(self, photo: Photo) -> CoinEmbedding:
        """The embedding, the rectified picture and the outline of the coin in the photo."""
        inputs = {contract.ENCODED: bytes_tensor(requests.read_photo(photo))}
        return answers.coin_embedding(self._infer(contract.COIN_EMBEDDING, inputs, repeatable=True))

    def enroll(
        self, photo: Photo, fields: EntryFields, entry_id: str = "", *, on_doubt: Callable[[str], None] | None = None
    ) -> Entry:
        """Add the coin in the photo to the catalog. Searches find it as soon as this returns.

        `entry_id`: an id of your own, 1 to 64 of A-Z a-z 0-9 . _ : -; without one, the catalog makes it. If an entry
        has the id already, its fields must be the same, and the photo becomes another view of it, unless it has that
        photo. `on_doubt` is called with what is doubtful about the photo, or with who has it already, sentence by
        sentence; without it, a DoubtfulPhoto warning is issued.
        Raises NoCoinFound, UnfitPhoto.
        """
        record = requests.enrolment(fields, entry_id)
        return answers.entry({**record, "id": self._enroll(photo, record, on_doubt)})

    def add_view(
        self, photo: Photo, entry_id: str, side: str, *, on_doubt: Callable[[str], None] | None = None
    ) -> None:
        """Add a photo to an entry, of another side or the same; `on_doubt` as for `enroll`.

        Raises NoCoinFound, UnfitPhoto, EntryNotFound.
        """
        if not entry_id:
            raise InvalidRequest("the id of the entry is empty: give the id of the entry that the photo belongs to")
        requests.check_side(side)
        self._enroll(photo, {"entry": entry_id, "side": side}, on_doubt)

    # --- entries ----------------------------------------------------------------------------------------------------

    def entries(
        self, text: str = "", filters: Filters | None = None, *, sort: str = "", descending: bool = False
    ) -> Iterator[Entry]:
        """The entries of the catalog, fetched a page at a time.

        `text`: words that an entry's name has, each somewhere in it, whatever their case. `filters`: as for
        `recognize`; one for the side asks for entries that have a view of that side. `sort`: a field of the entry;
        without one they come in the order of their enrolment. Entries that lack the field come last.
        """
        asked = {"text": text, "filters": requests.filter_texts(filters or {}), "sort": sort, "descending": descending}
        for page in self._pages("list", limit=_PAGE, **asked):
            yield from map(answers.entry, answers.records(page, "entries"))

    def page(
        self,
        text: str = "",
        filters: Filters | None = None,
        *,
        sort: str = "",
        descending: bool = False,
        after: str = "",
        limit: int = _PAGE,
    ) -> EntryPage:
        """One page of `entries`, of `limit` (1 to 1000); `after`: the `next` of the page before, '' for the first."""
        asked = {"text": text, "filters": requests.filter_texts(filters or {}), "sort": sort, "descending": descending}
        page = self._catalog("list", after=after, limit=limit, **asked)
        return EntryPage(tuple(map(answers.entry, answers.records(page, "entries"))), answers.string(page, "next"))

    def show(self, entry_id: str) -> Entry:
        """One entry. Raises EntryNotFound."""
        return answers.entry(self._catalog("show", id=entry_id).get("entry"))

    def views(self, entry_id: str) -> tuple[View, ...]:
        """The photos of one entry, in the order of their enrolment. Raises EntryNotFound."""
        return answers.views(self._catalog("show", id=entry_id))

    def picture(self, entry_id: str, view_id: str = "") -> bytes:
        """The picture of one photo of an entry, a JPEG; without `view_id`, of the first that has one. b'' for none.

        Raises EntryNotFound, for photos too.
        """
        return answers.binary(self._catalog("picture", id=entry_id, view=view_id), "picture")

    def known(self, ids: Sequence[str] = (), photos: Sequence[str] = ()) -> Known:
        """Which of these entries the catalog has, and who has which of these photos, by the SHA-256 of their files.

        At most 100 of each.
        """
        return answers.known(self._catalog("known", ids=list(ids), photos=list(photos)))

    def similar(self, entry_id: str, k: int = contract.DEFAULT_K) -> tuple[Similar, ...]:
        """The `k` entries (1 to 100) that look most like one entry, best first, by what the catalog holds of both.

        Their pairs of views are judged as a photo and a view are. The first such request makes the server load its
        index once more, which takes a while where the catalog is large. Raises EntryNotFound.
        """
        return answers.similar(self._catalog("similar", id=entry_id, k=k))

    def check_filters(self, filters: Filters) -> tuple[FilterCheck, ...]:
        """How many views pass each filter alone, and the nearest values where none does."""
        return answers.filter_checks(self._catalog("check_filters", filters=requests.filter_texts(filters)))

    def update(self, entry_id: str, **changes: Any) -> Entry:
        """Change fields of an entry, such as `name` or `year`, and return the changed entry.

        `metadata` is replaced as a whole. Raises EntryNotFound.
        """
        answer = self._catalog("update", id=entry_id, changes=requests.changes(changes))
        return answers.entry(answer.get("entry"))

    def remove(self, entry_id: str) -> None:
        """Remove one entry and its views; `undo` brings them back. Raises EntryNotFound."""
        self._catalog("remove", id=entry_id)

    def change_view(self, view_id: str, *, side: str = "", entry_id: str = "") -> None:
        """Let a photo of an entry show another side, or belong to another entry, or both.

        An entry whose last photo goes is removed. Raises EntryNotFound, for photos too.
        """
        self._catalog("change_view", view=view_id, side=side, entry=entry_id)

    def remove_view(self, view_id: str) -> None:
        """Remove one photo of an entry that has others. Raises EntryNotFound if there is no such photo."""
        self._catalog("remove_view", view=view_id)

    # --- the past ---------------------------------------------------------------------------------------------------

    def history(self, entry_id: str = "") -> Iterator[Event]:
        """What happened to an entry, or to all, newest first, fetched a page at a time."""
        for page in self._pages("history", id=entry_id, limit=_EVENTS):
            yield from map(answers.event, answers.records(page, "events"))

    def history_page(self, entry_id: str = "", *, after: str = "", limit: int = _EVENTS) -> EventPage:
        """One page of `history`, of `limit` (1 to 1000); `after`: the `next` of the page before, '' for the first."""
        page = self._catalog("history", id=entry_id, after=after, limit=limit)
        return EventPage(tuple(map(answers.event, answers.records(page, "events"))), answers.string(page, "next"))

    def undo(self, entry_id: str = "", *, event: str = "") -> Event:
        """Undo the last change that was not undone, of an entry or of all; or the event with this number.

        Returns what was undone. Undoing is a change itself, which stands in the history. Raises EntryNotFound if there
        is nothing to undo, InvalidRequest if something later depends on it or if it is not kept any more.
        """
        return answers.event(self._catalog("undo", id=entry_id, event=event).get("undone") or {})

    # --- the whole catalog ------------------------------------------------------------------------------------------

    def export(
        self, *, pictures: bool = True, on_refused: Callable[[RefusedView], None] | None = None
    ) -> Iterator[ViewRecord]:
        """All views with entries, embeddings and relief maps, in the order of enrolment, fetched a page at a time.

        Without `pictures` the views are smaller, but other weights cannot embed them again. What is stored and could
        not be imported again is left out: `on_refused` is called for each such view. Without it, InvalidRequest comes
        at the end, after all other views.
        """
        report = _Report("exported", on_refused)
        for page in self._pages("export", limit=_VIEWS, pictures=pictures):
            for view in answers.refused(page):
                report(view)
            models = answers.string(page, "model"), answers.string(page, "relief_model")
            for record in answers.records(page, "views"):
                yield answers.view_record(record, *models)
        report.finish()

    def import_views(
        self, records: Iterable[ViewRecord], *, on_refused: Callable[[RefusedView], None] | None = None
    ) -> int:
        """Add exported views, and their entries if the catalog lacks them; returns how many views are new.

        The catalog skips views that it has already, so an import can be repeated. It embeds the pictures of views that
        have no embedding by the server's weights, or no relief map. A view that is refused does not stop the others:
        `on_refused` is called for it. Without it, InvalidRequest comes at the end, after all others were added.
        """
        report, added = _Report("imported", on_refused), 0
        for batch in requests.import_batches(records, report):
            answer = self._catalog("import", **batch)
            added += answers.count(answer, "added")
            for view in answers.refused(answer):
                report(view)
        report.finish()
        return added

    def status(self) -> CatalogStatus:
        """How much the catalog holds, which weights the server has, and the score from which a coin counts as known."""
        return answers.catalog_status(self._catalog("status"))

    def may_change(self) -> bool:
        """Whether the server lets this client change the catalog. Raises Unauthorized: not even read it."""
        return answers.flag(self._catalog("rights"), "change")

    def set_threshold(self, threshold: float) -> None:
        """Set the score, 0 to 1, from which a coin counts as known in this catalog, for the server's weights."""
        if not 0 <= threshold <= 1:
            raise InvalidRequest(f"the threshold is a probability from 0 to 1, not {threshold}")
        self._catalog("calibrate", threshold=threshold)

    def reembed(self, limit: int = REEMBED_BATCH) -> Reembedding:
        """Embed up to `limit` stale views (1 to 256) with the server's weights, and map the relief of as many.

        Both are made from the stored pictures. Relief maps count at once.

        The new embeddings count only after `switch`. Repeat until nothing is left, then call `switch`.
        """
        return answers.reembedding(self._catalog("reembed", limit=limit))

    def switch(self) -> int:
        """Let all embeddings that `reembed` made count, at once; returns how many there are."""
        return answers.count(self._catalog("switch"), "switched")

    def forget(self) -> int:
        """Delete all embeddings by other weights than the server's; returns how many there were."""
        return answers.count(self._catalog("forget"), "forgotten")

    # --- requests ---------------------------------------------------------------------------------------------------

    def _enroll(self, photo: Photo, record: Mapping[str, Any], on_doubt: Callable[[str], None] | None) -> str:
        data = requests.read_photo(photo)
        said = {**record, "photo": requests.fingerprint(data)}
        inputs = {
            contract.ENCODED: bytes_tensor(data),
            contract.METADATA: bytes_tensor(requests.json_bytes(said)),
        }
        repeatable = bool(record.get("entry"))  # an entry has a photo once, so asking again adds nothing
        outputs = self._infer(contract.COIN_ENROLL, inputs, repeatable=repeatable)
        key = answers.text(outputs, contract.ENROLLED_ID)
        if not key:
            raise ServerError("the server enrolled the coin without an id")
        for doubt in answers.warnings(outputs):
            if on_doubt:
                on_doubt(doubt)
            else:
                warnings.warn(doubt, DoubtfulPhoto, stacklevel=3)
        return key

    def _pages(self, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        after = ""
        while True:
            page = self._catalog(operation, after=after, **arguments)
            yield page
            before, after = after, answers.string(page, "next")
            if not after:
                return
            if after == before:
                raise ServerError(f"the server's pages of {operation!r} do not end: {after!r} follows itself")

    def _catalog(self, operation: str, **arguments: Any) -> dict[str, Any]:
        request = {contract.REQUEST: bytes_tensor(requests.json_bytes({"operation": operation, **arguments}))}
        outputs = self._infer(contract.CATALOG, request, repeatable=operation in _READING)
        return answers.parse(answers.text(outputs, contract.RESPONSE))

    def _infer(
        self,
        model: str,
        inputs: Tensors,
        parameters: Mapping[str, str | int | bool] | None = None,
        *,
        repeatable: bool = False,
    ) -> Tensors:
        def send(timeout: float) -> Tensors:
            return self._transport.infer(model, inputs, contract.OUTPUTS[model], parameters or {}, timeout)

        if self._retry is None:
            return send(self._timeout)
        return self._retry.call(send, timeout=self._timeout, repeatable=repeatable)


class _Report:
    """Collects refused views, or hands them on. `finish` raises InvalidRequest if any were collected."""

    def __init__(self, doing: str, on_refused: Callable[[RefusedView], None] | None) -> None:
        self._doing = doing
        self._on_refused = on_refused
        self._collected: list[RefusedView] = []

    def __call__(self, view: RefusedView) -> None:
        (self._on_refused or self._collected.append)(view)

    def finish(self) -> None:
        if self._collected:
            first, number = self._collected[0], len(self._collected)
            where = f"entry {first.entry!r}, side {first.side!r}"
            raise InvalidRequest(
                f"{number} views could not be {self._doing}, the others were; the first, {where}: {first.error}"
            )
