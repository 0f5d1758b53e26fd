"""The operation `similar` on every store: which entries look like one, by what the catalog holds of both."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from catalog import Catalog
from catalog.service.operations.alike import MAX_SIMILAR
from catalog.service.operations.context import Context
from catalog.service.operations.requests import perform
from ensemble.errors import EntryError, EntryNotFoundError
from ensemble.verification import TURNS, correlations, probability
from tests.catalog.samples import (
    JUDGE,
    OWN,
    THEIRS,
    coin,
    embedding_of,
    normalized,
    photo,
    relief_maps,
    trials,
    unit_vectors,
)
from tests.catalog.stores import Open, more, new

MAPS = relief_maps(6, seed=4)
SAME = "ab" * 32


def nothing(pictures: Sequence[bytes]) -> np.ndarray:
    raise AssertionError("nothing is embedded")


def similar(store: Catalog, entry_id: str, context: Context | None = None, **request: Any) -> list[dict[str, Any]]:
    context = context or Context(store, OWN, nothing, nothing, JUDGE)
    answer: list[dict[str, Any]] = perform(context, {"operation": "similar", "id": entry_id, **request})["similar"]
    return answer


def turned(relief: np.ndarray, degrees: float) -> np.ndarray:
    """The map of the same coin, turned clockwise."""
    first = trials(relief, degrees)[0]
    return np.asarray(np.rint(first / np.abs(first).max() * 127), np.int8)


def close(vector: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """A unit vector near another one."""
    return normalized(vector + noise * unit_vectors(1, seed)[0][None])[0]


def pair_score(own: Any, other: Any) -> float:
    """The probability of two views, without any code of the operation."""
    cosine, correlation = float(embedding_of(own) @ embedding_of(other)), -2.0
    if own.relief is not None and other.relief is not None:
        query = own.relief.astype(np.float32) / np.linalg.norm(own.relief.astype(np.float32))
        correlation = float(correlations(query[None], other.relief[None], TURNS)[0][0])
    return float(probability(JUDGE.log_odds(cosine, correlation)))


def fill(store: Catalog) -> None:
    """Ten coins with one to three views each; some views without a map, some coins like others."""
    rng, base = np.random.default_rng(3), unit_vectors(4, seed=8)
    for number in range(10):
        entry_id = f"coin-{number}"
        for view in range(number % 3 + 1):
            row = close(base[(number + view) % 4], 0.4, seed=100 + 10 * number + view)
            relief = turned(MAPS[(number + view) % 4], float(rng.uniform(0, 360))) if rng.random() < 0.7 else None
            shown = photo(row, b"%d %d" % (number, view), relief=relief)
            store.enroll(more(entry_id, f"side-{view}") if view else new(id=entry_id), shown)


def test_as_all_pairs_say(store: Catalog) -> None:
    fill(store)
    entries = [f"coin-{number}" for number in range(10)]
    views = {entry: store.views(entry) for entry in entries}
    for entry in entries:
        found = similar(store, entry, k=20)
        assert sorted(one["entry"]["id"] for one in found) == [other for other in entries if other != entry]
        scores = [one["score"] for one in found]
        assert scores == sorted(scores, reverse=True)
        for one in found:
            pairs = {
                (own.id, other.id): pair_score(own, other)
                for own in views[entry]
                for other in views[one["entry"]["id"]]
            }
            assert one["score"] == pytest.approx(max(pairs.values()), abs=1e-4)
            assert one["score"] == pytest.approx(pairs[one["own_view"], one["view"]], abs=1e-4)
            sides = {view.id: view.side for each in views.values() for view in each}
            assert (one["own_side"], one["side"]) == (sides[one["own_view"]], sides[one["view"]])
        assert [one["entry"]["id"] for one in similar(store, entry, k=3)] == [one["entry"]["id"] for one in found[:3]]


def test_a_turned_coin_is_the_same(store: Catalog) -> None:
    row = unit_vectors(1)[0]
    store.enroll(new(coin("one"), id="one"), photo(row, b"1", relief=MAPS[0]))
    store.enroll(new(coin("two"), id="two"), photo(close(row, 0.3, 5), b"2", relief=turned(MAPS[0], 120)))
    store.enroll(new(coin("three"), id="three"), photo(close(row, 0.3, 6), b"3", relief=MAPS[1]))
    first, second = similar(store, "one")
    assert first["entry"]["name"] == "two" and first["correlation"] > 0.99 and first["score"] > 0.9
    assert min(first["angle"] - 240, 360 - first["angle"] - 240, key=abs) == pytest.approx(0, abs=2)
    assert second["entry"]["name"] == "three" and second["correlation"] < 0.3 and second["score"] < 0.5
    assert not first["same_photo"]


def test_the_same_photo_is_found_though_it_is_not_searched(open_store: Open) -> None:
    """Entries that share a photo come first, whatever a search says."""
    store, other = open_store(), open_store(THEIRS)
    rows = unit_vectors(4)
    for name, row in zip(("one", "two"), rows, strict=False):
        store.enroll(new(coin(name), id=name), photo(row, name.encode()))
    store.enroll(replace(new(coin("far"), id="far"), photo=SAME), photo(rows[2], b"far"))
    store.enroll(replace(more("one", "reverse"), photo=SAME), photo(rows[3], b"same"))
    stale = replace(new(coin("stale"), id="stale"), photo=SAME)
    other.enroll(stale, photo(rows[2], b"stale", THEIRS))
    found = similar(store, "one")
    assert [(one["entry"]["id"], one["same_photo"]) for one in found] == [
        ("stale", True),
        ("far", True),
        ("two", False),
    ]
    assert (found[0]["score"], found[0]["view"], found[0]["own_side"]) == (1.0, "", "reverse")
    assert found[1]["view"] and found[1]["cosine"] < 0.9
    assert [one["entry"]["id"] for one in similar(store, "stale")] == ["far", "one"]


def test_what_cannot_be_asked(store: Catalog) -> None:
    store.enroll(new(id="alone"), photo(unit_vectors(1)[0]))
    assert similar(store, "alone") == []
    with pytest.raises(EntryNotFoundError, match="no entry has the id 'nobody'"):
        similar(store, "nobody")
    for k in (0, MAX_SIMILAR + 1, "5"):
        with pytest.raises(EntryError, match=f"it must be a whole number from 1 to {MAX_SIMILAR}"):
            similar(store, "alone", k=k)


def test_the_index_is_loaded_by_the_first_request(store: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that lists and changes entries needs none until then."""
    fill(store)
    loads: list[int] = []
    load = store.load

    def counting() -> None:
        loads.append(1)
        load()

    monkeypatch.setattr(store, "load", counting)
    context = Context(store, OWN, nothing, nothing, JUDGE)
    perform(context, {"operation": "list"})
    perform(context, {"operation": "status"})
    assert not loads
    assert similar(store, "coin-1", context) == similar(store, "coin-1", context)
    assert loads == [1]
