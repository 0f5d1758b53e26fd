"""The client against a server in memory."""

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mintmark
from mintmark import (
    Client,
    Ellipse,
    Entry,
    EntryNotFound,
    Filters,
    InvalidPhoto,
    InvalidRequest,
    MockTransport,
    NoCoinFound,
    Recognition,
    ServerError,
)
from mintmark._contract import COIN_SEARCH, EMBEDDING_SIZE, IMAGE_SIZE, MAX_K, OUTPUTS
from tests.python_client.fake_coin_server import OUTLINE, Coin, FakeCoinServer, Tensors, strings
from tests.python_client.samples import FIELDS, entry_object

ZLOTY = replace(FIELDS, year=1990, metadata={"mint": 3})


def test_public_names() -> None:
    """Public names change only on purpose."""
    assert mintmark.__all__ == [
        "DEFAULT_K",
        "DEFAULT_URL",
        "MAX_K",
        "MAX_MEGAPIXELS",
        "MOST_COINS",
        "PHOTO_FORMATS",
        "CatalogStatus",
        "Client",
        "CoinEmbedding",
        "DoubtfulPhoto",
        "Ellipse",
        "Entry",
        "EntryFields",
        "EntryNotFound",
        "EntryPage",
        "Event",
        "EventPage",
        "FilterCheck",
        "Filters",
        "FoundCoin",
        "HalfPhoto",
        "InvalidPhoto",
        "InvalidRequest",
        "Known",
        "KnownPhoto",
        "Match",
        "MintmarkError",
        "MockTransport",
        "NoCoinFound",
        "PairMatch",
        "PairRecognition",
        "Photo",
        "Recognition",
        "Reembedding",
        "RefusedView",
        "RequestTimeout",
        "ServerBusy",
        "ServerError",
        "ServerUnavailable",
        "Similar",
        "Tls",
        "Transport",
        "TritonTransport",
        "Unauthorized",
        "UnfitPhoto",
        "View",
        "ViewRecord",
        "__version__",
        "denominations",
    ]
    assert all(hasattr(mintmark, name) for name in mintmark.__all__)


def test_every_error_is_ours() -> None:
    """One except clause catches all errors."""
    errors = [value for name in mintmark.__all__ if isinstance(value := getattr(mintmark, name), type)]
    ours = [error for error in errors if issubclass(error, Exception) and not issubclass(error, Warning)]
    assert len(ours) == 11
    assert all(issubclass(error, mintmark.MintmarkError) for error in ours)


def test_recognize(server: FakeCoinServer, client: Client) -> None:
    """Matches come best first. Empty rows up to k are dropped."""
    server.photos = {b"photo": Coin((1, 0.1))}
    server.add("far", (0, 1))
    server.add("near", (1, 0), year=2002, metadata={"mint": "A"})
    result = client.recognize(b"photo", k=5)
    assert server.calls == [(COIN_SEARCH, {"k": 5})]
    assert result.found and result.known
    assert result.ellipse == Ellipse(*OUTLINE)
    assert [match.entry.name for match in result.matches] == ["near", "far"]
    assert result.matches[0].score == pytest.approx(1 / math.hypot(1, 0.1))
    assert result.matches[0].entry == Entry(
        id="id2", name="near", country="Austria", currency="EUR", denomination="1", year=2002, metadata={"mint": "A"}
    )
    assert result.matches[0].side == "common"
    assert result.margin == pytest.approx(0.9 / math.hypot(1, 0.1))


def test_recognize_unknown_coin(server: FakeCoinServer, client: Client) -> None:
    """A coin unlike all others has matches, but is not known."""
    server.photos = {b"photo": Coin((0, 0, 1))}
    server.add("other", (1, 0))
    result = client.recognize(b"photo")
    assert result.found and not result.known and len(result.matches) == 1


def test_recognize_no_coin(server: FakeCoinServer, client: Client) -> None:
    """A photo without a coin is an answer, not an error."""
    server.photos = {b"photo": None}
    server.add("other", (1, 0))
    result = client.recognize(b"photo")
    assert result.probability == pytest.approx(0.04)
    assert replace(result, probability=0) == Recognition(
        found=False, probability=0, known=False, margin=0, ellipse=None, matches=()
    )


def test_views_of_an_entry_make_one_match(server: FakeCoinServer, client: Client) -> None:
    """Matches are coins, `k` at most. The best view of each gives score and side."""
    server.photos = {b"photo": Coin((0, 1))}
    server.add("coin", (1, 0), side="obverse", entry="x")
    server.add("coin", (0.1, 1), side="reverse", entry="x")
    server.add("other", (1, 1))
    matches = client.recognize(b"photo", k=2).matches
    assert [(match.entry.id, match.side) for match in matches] == [("x", "reverse"), ("id2", "common")]


def test_filters(server: FakeCoinServer, client: Client) -> None:
    """They are sent as text. A match passes all of them."""
    server.photos = {b"photo": Coin((1,))}
    server.add("a", (1,), year=1990, metadata={"mint": "Warsaw", "proof": True, "weight": 1.5})
    server.add("b", (1,), year=1991)
    filters: Filters = {"year": 1990, "metadata.mint": "Warsaw", "metadata.proof": True, "metadata.weight": 1.5}
    assert [match.entry.name for match in client.recognize(b"photo", filters=filters).matches] == ["a"]
    assert server.calls[-1][1] == {
        "k": 5, "year": "1990", "metadata.mint": "Warsaw", "metadata.proof": "true", "metadata.weight": "1.5",
    }  # fmt: skip
    assert client.recognize(b"photo", filters={"country": "Poland"}).matches == ()


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"mint": "Warsaw"}, r"no filter is called mint; filters are country, .*, year, .*metadata\.KEY"),
        ({"metadata.": "x"}, "no filter is called"),
        ({"id": "x", "k": 3}, "id, k"),
        ({"country": None}, "country is None"),
        ({"country": ""}, "country is ''"),
        ({"metadata.mints": ["a"]}, "must be text"),
        ({"year": "old"}, "'old'; it must be a whole number"),
    ],
)
def test_bad_filters(client: Client, server: FakeCoinServer, filters: Any, message: str) -> None:
    """They are refused before the photo is sent."""
    with pytest.raises(InvalidRequest, match=message):
        client.recognize(b"photo", filters=filters)
    assert server.calls == []


@pytest.mark.parametrize("k", [0, -1, MAX_K + 1])
def test_k_out_of_range(client: Client, server: FakeCoinServer, k: int) -> None:
    """It is refused before the photo is sent."""
    with pytest.raises(InvalidRequest, match=str(k)):
        client.recognize(b"photo", k)
    assert server.calls == []


def test_photo_as_path_or_bytes(server: FakeCoinServer, client: Client, tmp_path: Path) -> None:
    """A photo may be bytes, a Path or a str."""
    server.photos = {b"photo\x00": Coin((1,))}
    path = tmp_path / "p.jpg"
    path.write_bytes(b"photo\x00")
    for photo in (b"photo\x00", path, str(path)):
        assert client.recognize(photo).found


def test_bad_photo(client: Client, tmp_path: Path) -> None:
    """A photo is missing, empty or not an image."""
    with pytest.raises(InvalidPhoto, match=r"nowhere\.jpg: No such file"):
        client.recognize(tmp_path / "nowhere.jpg")
    with pytest.raises(InvalidPhoto, match="empty"):
        client.embed(b"")
    with pytest.raises(InvalidPhoto, match="not an image"):
        client.embed(b"text")


def test_embed(client: Client, server: FakeCoinServer) -> None:
    """The coin comes back as a picture: 0 in the normalized tensor is the mean colour."""
    server.photos = {b"photo": Coin((3, 4))}
    result = client.embed(b"photo")
    assert result.found and result.ellipse == Ellipse(*OUTLINE)
    assert result.embedding.shape == (EMBEDDING_SIZE,) and result.embedding.dtype == np.float32
    np.testing.assert_allclose(result.embedding[:3], [0.6, 0.8, 0], atol=1e-6)
    assert result.coin.shape == (IMAGE_SIZE, IMAGE_SIZE, 3) and result.coin.dtype == np.uint8
    assert result.coin[0, 0].tolist() == [124, 116, 104]


def test_enroll_show_remove(client: Client, server: FakeCoinServer) -> None:
    """An entry comes back as it was enrolled, until it is removed."""
    server.photos = {b"photo": Coin((1,))}
    entry = client.enroll(b"photo", ZLOTY)
    assert entry.id == "id1"
    assert client.show("id1") == entry
    assert (entry.name, entry.year, entry.metadata) == ("1 złoty", 1990, {"mint": 3})
    client.remove("id1")
    with pytest.raises(EntryNotFound, match="id1"):
        client.show("id1")
    with pytest.raises(EntryNotFound, match="id1"):
        client.remove("id1")


def test_enroll_without_coin(client: Client, server: FakeCoinServer) -> None:
    """It is refused."""
    server.photos = {b"photo": None}
    with pytest.raises(NoCoinFound):
        client.enroll(b"photo", ZLOTY)


def test_doubts_about_a_photo_are_a_warning_or_the_caller_s(client: Client, server: FakeCoinServer) -> None:
    server.photos = {b"photo": Coin((1,), doubts="it is small\nit is blurred"), b"good": Coin((1,))}
    with pytest.warns() as issued:
        client.enroll(b"photo", ZLOTY)
    assert [(each.category, str(each.message)) for each in issued] == [
        (mintmark.DoubtfulPhoto, "it is small"),
        (mintmark.DoubtfulPhoto, "it is blurred"),
    ]
    said: list[str] = []
    client.enroll(b"photo", ZLOTY, on_doubt=said.append)
    client.add_view(b"photo", "id1", "obverse", on_doubt=said.append)
    client.add_view(b"good", "id1", "obverse")
    assert said == ["it is small", "it is blurred"] * 2


def test_metadata_must_be_json(client: Client) -> None:
    """The client refuses values that JSON cannot hold."""
    with pytest.raises(InvalidRequest, match="JSON"):
        client.enroll(b"photo", replace(FIELDS, metadata={"x": object()}))


def test_results_are_frozen(client: Client) -> None:
    """Nobody can change a result."""
    with pytest.raises(FrozenInstanceError):
        client.status().entries = 2  # type: ignore[misc]


def test_threads_share_a_client(client: Client, server: FakeCoinServer) -> None:
    """Each thread gets the answer to its own photo."""
    server.photos = {str(n).encode(): Coin((1,), (float(n), 0, 2, 1, 0)) for n in range(100)}
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: client.recognize(str(n).encode()), range(100)))
    assert [result.ellipse.cx for result in results if result.ellipse] == list(range(100))


def _search_answer(**changes: Any) -> Tensors:
    answer: Tensors = {
        "coin_id": strings(["id1"]),
        "score": np.ones((1, 1), np.float32),
        "cosine": np.ones((1, 1), np.float32),
        "correlation": np.full((1, 1), 0.5, np.float32),
        "angle": np.full((1, 1), 30, np.float32),
        "entry": strings([json.dumps({**entry_object("id1", side="e"), "view": "v1"})]),
        "known": np.array([[True]]),
        "margin": np.ones((1, 1), np.float32),
        "ellipse": np.ones((1, 5), np.float32),
        "found": np.ones((1, 1), np.float32),
        "coin_probability": np.full((1, 1), 0.9, np.float32),
        "warnings": strings([""]),
    }
    return {name: array for name, array in {**answer, **changes}.items() if array is not None}


@pytest.mark.parametrize("name", OUTPUTS[COIN_SEARCH])
@pytest.mark.parametrize("array", [None, np.empty((0,), np.float32), np.empty((1, 0), object), np.zeros((1, 9), int)])
def test_broken_answer(name: str, array: Any) -> None:
    """A missing, empty or misshapen tensor is the server's error and names the tensor."""
    client = Client(transport=MockTransport(lambda *_: _search_answer(**{name: array})))
    with pytest.raises(ServerError, match=f"'{name}'"):
        client.recognize(b"photo", k=1)


def test_the_parts_of_a_score() -> None:
    """A view whose relief was not compared has neither correlation nor angle."""
    (match,) = Client(transport=MockTransport(lambda *_: _search_answer())).recognize(b"photo", k=1).matches
    assert (match.score, match.cosine, match.correlation, match.angle, match.view) == (1.0, 1.0, 0.5, 30.0, "v1")
    unverified = _search_answer(correlation=np.full((1, 1), -2, np.float32))
    (match,) = Client(transport=MockTransport(lambda *_: unverified)).recognize(b"photo", k=1).matches
    assert (match.correlation, match.angle) == (None, None)


def test_verification_is_a_request_parameter(server: FakeCoinServer, client: Client) -> None:
    server.photos = {b"photo": Coin((1, 0.1), relief=4)}
    server.add("near", (1, 0), relief=5)
    server.add("same", (0, 1), relief=4)
    assert [match.entry.name for match in client.recognize(b"photo", candidates=20).matches] == ["same", "near"]
    assert [match.entry.name for match in client.recognize(b"photo", verify=False).matches] == ["near", "same"]
    assert [given for _, given in server.calls] == [{"k": 5, "candidates": 20}, {"k": 5, "verify": False}]


@pytest.mark.parametrize("candidates", [0, -1, 10_001])
def test_candidates_out_of_range(client: Client, candidates: int) -> None:
    with pytest.raises(InvalidRequest, match="candidates must lie between 1 and 10000"):
        client.recognize(b"photo", candidates=candidates)


@pytest.mark.parametrize("trap", ["numpy 2", "CUDA memory pool is exhausted"])
def test_empty_answer_names_the_known_traps(trap: str) -> None:
    """Without CUDA memory, or with the wrong numpy, Triton calls an empty answer a success."""
    client = Client(transport=MockTransport(lambda *_: _search_answer(score=np.empty((1, 0), np.float32))))
    with pytest.raises(ServerError, match=trap):
        client.recognize(b"photo", k=1)


@pytest.mark.parametrize(("name", "size"), [("score", 1), ("margin", 1), ("ellipse", 5), ("coin_probability", 1)])
def test_numbers_that_are_none(name: str, size: int) -> None:
    """NaN from a model that overflowed must not look like a match or an outline."""
    broken = {name: np.full((1, size), np.nan, np.float32)}
    client = Client(transport=MockTransport(lambda *_: _search_answer(**broken)))
    with pytest.raises(ServerError, match=f"'{name}'"):
        client.recognize(b"photo", k=1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "id1"}'])
def test_broken_json(text: str) -> None:
    """Entries, pages and status that break the contract are a ServerError."""
    client = Client(transport=MockTransport(lambda *_: _search_answer(entry=strings([text]), response=strings([text]))))
    for call in (lambda: client.recognize(b"photo", k=1), client.status, lambda: next(client.entries())):
        with pytest.raises(ServerError):
            call()
    with pytest.raises(ServerError):
        client.show("id1")
