"""The client's methods for entries, views, export, import and upkeep of the catalog."""

import hashlib
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mintmark import (
    Client,
    EntryNotFound,
    FilterCheck,
    InvalidRequest,
    Known,
    KnownPhoto,
    MockTransport,
    NoCoinFound,
    Reembedding,
    ServerError,
    ViewRecord,
)
from mintmark._contract import EMBEDDING_SIZE
from tests.python_client.fake_catalog import crop, of_picture, unit
from tests.python_client.fake_coin_server import Coin, FakeCoinServer, strings
from tests.python_client.real_catalog import RealCatalog
from tests.python_client.samples import FIELDS, entry_object, make_entry

ZLOTY = replace(FIELDS, side="obverse", year=1990)


def _answering(answer: Any) -> Client:
    """A client whose server gives this answer to every operation."""
    return Client(transport=MockTransport(lambda *_: {"response": strings([json.dumps(answer)])}))


def test_two_sides_of_a_coin(client: Client, server: FakeCoinServer) -> None:
    """The entry's id joins them, whether the client or the server chose it."""
    server.photos = {b"obverse": Coin((1,)), b"reverse": Coin((0, 1)), b"none": None}
    entry = client.enroll(b"obverse", ZLOTY, "mine:1")
    client.add_view(b"reverse", "mine:1", "reverse")
    assert entry.id == "mine:1" and client.show("mine:1") == entry
    assert [(view.side, view.stale) for view in client.views("mine:1")] == [("obverse", False), ("reverse", False)]
    assert client.views("mine:1")[1].picture == crop(2)
    assert client.enroll(b"reverse", ZLOTY).id == "id2"
    with pytest.raises(EntryNotFound, match="id9"):
        client.add_view(b"reverse", "id9", "reverse")
    with pytest.raises(NoCoinFound):
        client.add_view(b"none", "mine:1", "reverse")
    with pytest.raises(InvalidRequest, match="empty"):
        client.add_view(b"reverse", "", "reverse")


def test_the_picture_of_a_photo(tmp_path: Path) -> None:
    catalog = RealCatalog(tmp_path)
    for side in ("obverse", "reverse"):
        catalog.enroll("x", side=side)
    with Client(transport=MockTransport(catalog)) as client:
        obverse, reverse = client.views("x")
        assert client.picture("x") == client.picture("x", obverse.id) == obverse.picture
        assert client.picture("x", reverse.id) == reverse.picture != obverse.picture
        with pytest.raises(EntryNotFound):
            client.picture("y")
        with pytest.raises(EntryNotFound):
            client.picture("x", "9")
    catalog.store.close()
    with pytest.raises(ServerError, match="base64"):
        _answering({"picture": "…"}).picture("x")


def test_a_side_that_there_is_not_is_refused_with_the_one_that_is_meant(client: Client, server: FakeCoinServer) -> None:
    server.photos = {b"photo": Coin((1,))}
    meant = "^side is 'obvers': did you mean 'obverse'\\? a side is obverse, reverse or edge$"
    with pytest.raises(InvalidRequest, match=meant):
        client.enroll(b"photo", replace(ZLOTY, side="obvers"))
    with pytest.raises(InvalidRequest, match=meant):
        client.add_view(b"photo", "mine:1", "obvers")
    assert not server.calls


def test_enrolling_the_same_entry_again(client: Client, server: FakeCoinServer) -> None:
    """It adds a view if the fields are the same and the photo is another one, and is refused if they are not."""
    server.photos = {b"photo": Coin((1,)), b"other": Coin((1,))}
    assert client.enroll(b"photo", ZLOTY, "x") == client.enroll(b"photo", ZLOTY, "x")
    client.add_view(b"photo", "x", "obverse")
    assert (client.status().entries, client.status().views) == (1, 1)
    assert client.enroll(b"other", ZLOTY, "x").id == "x"
    assert (client.status().entries, client.status().views) == (1, 2)
    other = replace(ZLOTY, name="2 złote", denomination="2")
    with pytest.raises(InvalidRequest, match="other fields"):
        client.enroll(b"photo", other, "x")


def test_update(client: Client, server: FakeCoinServer) -> None:
    """Fields that are not given stay. Metadata is replaced as a whole."""
    key = server.add("coin", (1,), year=1990, metadata={"mint": "A", "weight": 5.5})
    entry = client.update(key, name="złoty", metadata={"mint": "B"})
    assert (entry.name, entry.country, entry.year, entry.metadata) == ("złoty", "Austria", 1990, {"mint": "B"})
    assert client.update(key, year=None).year is None
    assert client.show(key).metadata == {"mint": "B"}
    with pytest.raises(EntryNotFound):
        client.update("gone", name="x")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "nothing to change"),
        ({"side": "reverse"}, "no side; its fields are name"),
        ({"metadata": {"weight": float("nan")}}, "JSON"),
    ],
)
def test_update_refused(client: Client, server: FakeCoinServer, changes: dict[str, Any], message: str) -> None:
    """They are refused before anything is sent."""
    with pytest.raises(InvalidRequest, match=message):
        client.update("id1", **changes)
    assert server.calls == []


def test_entries_come_in_pages(client: Client, server: FakeCoinServer) -> None:
    """All entries come in order; the server may send smaller pages than the client asks for."""
    assert list(client.entries()) == []
    for number in range(250):
        server.add(f"coin {number}", (1,))
    server.calls.clear()
    server.catalog.largest_page = 100
    assert [entry.name for entry in client.entries()] == [f"coin {number}" for number in range(250)]
    assert len(server.calls) == 3


def test_pages_are_fetched_when_they_are_wanted(client: Client, server: FakeCoinServer) -> None:
    """A page is fetched only when it is needed: a catalog may be larger than memory."""
    for number in range(250):
        server.add(f"coin {number}", (1,))
    records = client.export()
    assert [record.entry.name for record in itertools.islice(records, 100)] == [f"coin {n}" for n in range(100)]
    assert len(server.calls) == 1


def test_pages_that_do_not_end() -> None:
    """The client stops when the server answers the same page again."""
    with pytest.raises(ServerError, match="do not end"):
        list(_answering({"entries": [], "next": "7"}).entries())


def test_export_and_import(client: Client, server: FakeCoinServer) -> None:
    """A catalog moves to another server, embeddings included. A second import changes nothing."""
    for number in range(230):
        server.add(
            f"coin {number // 2}", (1, number), side="ab"[number % 2], entry=f"c{number // 2}", metadata={"n": [1]}
        )
    other = FakeCoinServer()
    target = Client(transport=MockTransport(other))
    assert target.import_views(client.export()) == 230
    assert other.catalog.entries == server.catalog.entries
    assert [view.picture for view in other.catalog.views] == [view.picture for view in server.catalog.views]
    for ours, theirs in zip(other.catalog.views, server.catalog.views, strict=True):
        np.testing.assert_array_equal(ours.embeddings["abc123"], theirs.embeddings["abc123"])
    assert len(other.calls) == 3, "about a hundred views in a request"
    assert target.import_views(client.export()) == 0


def test_import_for_other_weights(client: Client, server: FakeCoinServer) -> None:
    """A server with other weights embeds the pictures instead of taking the embeddings."""
    server.add("coin", (1,))
    server.catalog.views[0].embeddings["old"] = unit((0, 1))
    stale = ViewRecord(entry=client.show("id1"), side="reverse", picture=crop(9))
    assert [record.model for record in client.export()] == ["abc123"]
    other = FakeCoinServer()
    other.catalog.model = "new"
    assert Client(transport=MockTransport(other)).import_views([*client.export(), stale]) == 2
    for view in other.catalog.views:
        np.testing.assert_array_equal(view.embeddings["new"], of_picture("new", view.picture))


def test_stale_views_are_exported_without_embedding(client: Client, server: FakeCoinServer) -> None:
    """They have their picture, from which an embedding can be made."""
    server.add("coin", (1,))
    server.catalog.model = "new"
    (record,) = client.export()
    assert (record.embedding, record.model, record.picture) == (None, "", crop(1))
    assert [record.picture for record in client.export(pictures=False)] == [b""]


def test_import_refuses_embeddings_of_another_size(client: Client, server: FakeCoinServer) -> None:
    """They are refused before anything is sent."""
    server.add("coin", (1,))
    record = ViewRecord(client.show("id1"), "reverse", b"", np.zeros(EMBEDDING_SIZE + 1, np.float32), "abc123")
    with pytest.raises(InvalidRequest, match=rf"\[{EMBEDDING_SIZE + 1}\]; it must be \[{EMBEDDING_SIZE}\]"):
        client.import_views([record])


def test_reembed_switch_forget(client: Client, server: FakeCoinServer) -> None:
    """The new embeddings count all at once, after the switch."""
    for number in range(5):
        server.add(f"coin {number}", (1, number))
    server.catalog.views[4].picture = b""
    server.catalog.model = "new"
    assert (client.status().views, client.status().stale_views) == (0, 5)
    assert client.reembed(3) == Reembedding(done=3, left=2, lost=0)
    assert client.reembed(3) == Reembedding(done=1, left=1, lost=0)
    assert client.reembed(3) == Reembedding(done=0, left=0, lost=1)
    assert client.status().views == 0, "not before the switch"
    assert client.switch() == 4
    assert (client.status().views, client.status().stale_views) == (4, 1)
    assert client.forget() == 5


def test_set_threshold(client: Client, server: FakeCoinServer) -> None:
    """The server uses it from then on."""
    server.photos = {b"photo": Coin((1, 1))}
    server.add("coin", (1, 0))
    assert client.recognize(b"photo").known and not client.status().calibrated
    client.set_threshold(0.9)
    assert not client.recognize(b"photo").known
    assert (client.status().threshold, client.status().calibrated) == (0.9, True)
    for wrong in (1.5, -2, float("nan")):
        with pytest.raises(InvalidRequest, match="0 to 1"):
            client.set_threshold(wrong)


def test_status(client: Client, server: FakeCoinServer) -> None:
    """Values beyond the promised ones are kept as details."""
    server.add("coin", (1,))
    status = client.status()
    assert (status.entries, status.views, status.stale_views, status.model) == (1, 1, 0, "abc123")
    assert (status.threshold, status.calibrated) == (0.5, False)
    details = {"sequence": 7, "index": {"kind": "Flat"}, "relief_model": "def456", "judge": server.catalog.judge}
    assert status.details == details and status.without_relief == 0
    server.catalog.views[0].mapped = False
    assert client.status().without_relief == 1
    assert [view.verifiable for view in client.views("id1")] == [False]


ENTRY = entry_object("x")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"model": "m", "next": "", "views": [{"entry": {}, "side": "a", "picture": ""}]},
        {"model": "m", "next": "", "views": [{"entry": ENTRY, "side": None, "picture": ""}]},
        {"model": "m", "next": "", "views": [{"entry": ENTRY, "side": "a", "picture": "no base64!"}]},
        {"model": "m", "next": "", "views": [{"entry": ENTRY, "side": "a", "picture": "", "embedding": "AAAA"}]},
        {"model": "m", "next": "", "views": [7]},
        {"model": "m", "views": []},
        {"added": True, "done": 1, "left": -1, "lost": 0, "switched": "many", "next": ""},
    ],
)
def test_broken_answers(answer: Any) -> None:
    """An answer that breaks the contract is a ServerError."""
    client = _answering(answer)
    record = ViewRecord(make_entry("x"), "a", b"x")
    exporting, importing = (lambda: list(client.export())), (lambda: client.import_views([record]))
    for call in (exporting, importing, client.reembed, client.switch, client.forget):
        with pytest.raises(ServerError):
            call()
    if answer.get("views"):
        with pytest.raises(ServerError):
            client.views("x")


def test_known(client: Client, server: FakeCoinServer) -> None:
    """What the catalog lacks is left out."""
    server.photos = {b"photo": Coin((1,)), b"other": Coin((0, 1))}
    entry = client.enroll(b"photo", ZLOTY, "x")
    one, other = (hashlib.sha256(photo).hexdigest() for photo in (b"photo", b"other"))
    assert client.known(["x", "y"], [one, other]) == Known({"x": entry}, {one: (KnownPhoto(entry, ZLOTY.side),)})
    assert client.known() == Known({}, {})


def test_check_filters(client: Client, server: FakeCoinServer) -> None:
    server.add("coin", (1,), year=1990)
    assert client.check_filters({"country": "austria", "year": 1991}) == (
        FilterCheck("country", "austria", 1),
        FilterCheck("year", "1991", 0, ("1990",)),
    )
    with pytest.raises(InvalidRequest, match="no filter is called colour"):
        client.check_filters({"colour": "red"})


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"entries": [], "photos": []},
        {"entries": [{}], "photos": {}},
        {"entries": [], "photos": {"a": [{"entry": ENTRY}]}},
        {"entries": [], "photos": {"a": {}}},
        {"filters": [{"filter": "year", "value": "1990", "views": -1}]},
    ],
)
def test_broken_answers_about_what_is_known(answer: Any) -> None:
    client = _answering(answer)
    for call in (client.known, lambda: client.check_filters({"year": 1990})):
        with pytest.raises(ServerError):
            call()
