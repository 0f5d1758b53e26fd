"""What every catalog does, on one machine and in Milvus: single photos, the history of entries, and what undoes it."""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from catalog import Catalog, Enrolment, Entry, View
from catalog.events import By, Event, Kind
from catalog.service.operations.context import Context
from catalog.service.operations.requests import parse, perform
from ensemble.errors import EntryError, EntryNotFoundError, ParameterError
from tests.catalog.samples import JUDGE, OWN, THEIRS, coin, embedding_of, ids, photo, relief_maps, unit_vectors
from tests.catalog.stores import NASTY, Open, counts, more, new

ANNA, BERT = By("anna"), By("bert")
Do = Callable[..., dict[str, Any]]
ROWS, MAPS = unit_vectors(6), relief_maps(6)


def embed(pictures: Sequence[bytes]) -> np.ndarray:
    """A model that sees only the length of a picture."""
    return np.concatenate([unit_vectors(0), *(unit_vectors(1, len(picture)) for picture in pictures)])


def map_relief(pictures: Sequence[bytes]) -> np.ndarray:
    return np.concatenate([relief_maps(0), *(relief_maps(1, len(picture)) for picture in pictures)])


def doing(store: Catalog) -> Do:
    """Operations as a client asks for them, by the name of a token's holder."""
    context = Context(store, OWN, embed, map_relief, JUDGE, lambda picture: None)

    def do(operation: str, who: str = "", **request: object) -> dict[str, Any]:
        return perform(context, parse(json.dumps({"operation": operation, **request})), who)

    return do


@pytest.fixture
def do(store: Catalog) -> Do:
    return doing(store)


def view(number: int) -> View:
    return photo(ROWS[number], b"picture %d" % number, relief=MAPS[number])


def pictured(number: int, side: str = "obverse", **fields: object) -> tuple[Enrolment, View]:
    """An enrolment whose photo is known by its number."""
    return replace(new(coin(f"coin {number}", **fields), side, f"c{number}"), photo=f"{number:064x}"), view(number)


def kinds(store: Catalog, entry_id: str = "") -> list[Kind]:
    return [event.kind for event in store.history(entry_id, "", 100)]


def content(store: Catalog, entry_id: str) -> tuple[Entry, list[object]]:
    """An entry and its views, but for their ids."""
    views: list[object] = [
        (
            view.side,
            view.picture,
            view.photo,
            embedding_of(view).tobytes(),
            None if view.relief is None else view.relief.tobytes(),
        )
        for view in store.views(entry_id)
    ]
    return store.show(entry_id), views


# --- single photos ----------------------------------------------------------------------------------------------------


def test_one_photo_is_removed(store: Catalog) -> None:
    store.enroll(*pictured(0))
    for number, side in ((1, "reverse"), (2, "edge")):
        store.enroll(more("c0", side), view(number))
    first, second, third = store.views("c0")
    store.remove_view(first.id)  # the one that made the entry
    assert [one.side for one in store.views("c0")] == ["reverse", "edge"]
    assert counts(store) == (1, 2, 0, 0) and [entry.id for entry in store.page("", 10).entries] == ["c0"]
    assert store.search(ROWS[:1], 1)[0][0].view != first.id
    store.remove_view(second.id)
    with pytest.raises(EntryError, match="it is the only photo of entry c0: remove the entry"):
        store.remove_view(third.id)
    for unknown in (first.id, second.id):
        with pytest.raises(EntryNotFoundError, match="no photo has the id"):
            store.remove_view(unknown)
    assert counts(store) == (1, 1, 0, 0)


@pytest.mark.parametrize("unknown", ["nothing", "", *NASTY])
def test_unknown_photos(store: Catalog, unknown: str) -> None:
    store.enroll(*pictured(0))
    for call in (store.remove_view, lambda view: store.change_view(view, "reverse")):
        with pytest.raises(EntryNotFoundError, match=f"no photo has the id {re.escape(repr(unknown))}"):
            call(unknown)
    assert counts(store) == (1, 1, 0, 0)


def test_a_photo_gets_another_side(store: Catalog) -> None:
    store.enroll(*pictured(0))
    (there,) = store.views("c0")
    store.change_view(there.id, "reverse")
    (now,) = store.views("c0")
    assert (now.side, now.id, now.photo, now.picture) == ("reverse", there.id, there.photo, there.picture)
    assert ids(store.search(ROWS[:1], 1, {"side": "reverse"})[0]) == ["c0"]
    assert store.search(ROWS[:1], 1, {"side": "obverse"}) == [[]]
    assert store.count({"side": "reverse"}) == 1 and store.count({"side": "obverse"}) == 0
    assert ids(store.search(ROWS[:1], 1)[0]) == ["c0"]


def test_a_photo_moves_to_another_entry(store: Catalog) -> None:
    for number in (0, 1):
        store.enroll(*pictured(number, country="KR" if number else "DE"))
    store.enroll(more("c0", "reverse"), view(2))
    first, second = store.views("c0")
    store.change_view(first.id, to=store.show("c1"))  # the one that made the entry
    assert [one.id for one in store.views("c0")] == [second.id]
    assert {one.id for one in store.views("c1")} >= {first.id}
    assert ids(store.search(ROWS[:1], 1)[0]) == ["c1"] and ids(store.search(ROWS[:1], 1, {"country": "KR"})[0]) == [
        "c1"
    ]
    assert store.search(ROWS[:1], 1, {"country": "DE"})[0][0].view == second.id
    moved = next(one for one in store.views("c1") if one.id == first.id)
    assert moved.relief is not None
    np.testing.assert_array_equal(moved.relief, MAPS[0])
    assert counts(store) == (2, 3, 0, 0) and len(store.page("", 10).entries) == 2
    store.remove("c1")
    assert counts(store) == (1, 1, 0, 0)


def test_an_entry_goes_with_its_last_photo(store: Catalog) -> None:
    for number in (0, 1):
        store.enroll(*pictured(number))
    (only,) = store.views("c0")
    store.change_view(only.id, "reverse", store.show("c1"))
    assert [(one.id, one.side) for one in store.views("c1") if one.id == only.id] == [(only.id, "reverse")]
    assert [entry.id for entry in store.page("", 10).entries] == ["c1"] and counts(store) == (1, 2, 0, 0)
    with pytest.raises(EntryNotFoundError):
        store.show("c0")
    assert ids(store.search(ROWS[:1], 5)[0]) == ["c1"]


def test_a_photo_moves_to_an_entry_as_it_is_or_not_at_all(store: Catalog) -> None:
    for number in (0, 1):
        store.enroll(*pictured(number))
    (only,) = store.views("c0")
    with pytest.raises(EntryError, match="entry c1 is there with other fields"):
        store.change_view(only.id, to=replace(store.show("c1"), name="something else"))
    assert [one.id for one in store.views("c0")] == [only.id]


# --- history ----------------------------------------------------------------------------------------------------------


def test_history_says_who_did_what_and_when(store: Catalog) -> None:
    began = time.time()
    store.enroll(*pictured(0), ANNA)
    store.enroll(more("c0", "reverse"), view(1), BERT)
    store.update("c0", {"name": "b", "year": 1998}, ANNA)
    store.add([pictured(2), (more("c0", "edge"), view(3))], BERT)
    first, second = store.views("c0")[:2]
    store.change_view(second.id, "edge", by=ANNA)
    store.remove_view(first.id, BERT)
    store.remove("c0", ANNA)
    said = [(event.kind.value, event.who) for event in store.history("c0", "", 100)]
    assert said == [
        ("removed", "anna"), ("removed", "bert"), ("changed", "anna"), ("added", "bert"), ("updated", "anna"),
        ("added", "bert"), ("added", "anna"),
    ]  # fmt: skip
    events = list(reversed(store.history("c0", "", 100)))
    assert [event.said.get("new") for event in events if event.kind is Kind.ADDED] == [True, False, False]
    assert events[0].said["views"] == [{"id": first.id, "side": "obverse", "photo": f"{0:064x}"}]
    assert events[2].said == {"before": {"name": "coin 0", "year": None}, "after": {"name": "b", "year": 1998}}
    assert events[4].said == {"view": second.id, "photo": "", "side": ["reverse", "edge"]}
    assert [event.said["whole"] for event in events[5:]] == [False, True] and events[6].said["name"] == "b"
    assert all(began - 1 < event.at < time.time() + 1 for event in events) and all(not event.undoes for event in events)
    assert len({event.number for event in store.history("", "", 100)}) == 8
    assert kinds(store, "c2") == [Kind.ADDED] and kinds(store, "nobody") == []


def test_history_comes_in_pages(store: Catalog) -> None:
    for number in range(5):
        store.enroll(*pictured(number))
    everything = store.history("", "", 100)
    found, before = list[Event](), ""
    while page := store.history("", before, 2):
        assert len(page) <= 2
        found += page
        before = page[-1].number
    assert found == everything and [event.entry for event in found] == ["c4", "c3", "c2", "c1", "c0"]
    for wrong in ("x", "-1", " 1"):
        with pytest.raises(EntryError):
            store.history("", wrong, 2)


def test_history_of_what_changed_nothing(store: Catalog) -> None:
    store.enroll(*pictured(0))
    store.enroll(*pictured(0))
    store.add([pictured(0)])
    store.update("c0", {"name": "coin 0"})
    assert kinds(store) == [Kind.ADDED]


def test_history_of_a_moved_photo_is_that_of_both_entries(store: Catalog) -> None:
    for number in (0, 1):
        store.enroll(*pictured(number))
    store.change_view(store.views("c0")[0].id, to=store.show("c1"), by=ANNA)
    for entry_id in ("c0", "c1"):
        event = store.history(entry_id, "", 1)[0]
        assert (event.kind, event.entry, event.other, event.who) == (Kind.CHANGED, "c0", "c1", "anna")
    assert store.history("c0", "", 1)[0].said["left"]["name"] == "coin 0"


def test_history_outlives_a_restart(open_store: Open) -> None:
    one = open_store()
    one.enroll(*pictured(0), ANNA)
    one.remove("c0", BERT)
    two = open_store()
    assert two.history("c0", "", 10) == one.history("c0", "", 10) != []
    assert two.kept(two.history("c0", "", 1)[0].number) == one.kept(one.history("c0", "", 1)[0].number) != b""


# --- undo -------------------------------------------------------------------------------------------------------------


def test_undoing_a_removal_brings_everything_back(store: Catalog, do: Do) -> None:
    store.enroll(*pictured(0, year=1998, metadata={"mint": "S", "n": [1]}))
    store.enroll(more("c0", "reverse"), view(1))
    before = content(store, "c0")
    do("remove", "anna", id="c0")
    assert counts(store) == (0, 0, 0, 0)
    undone = do("undo", "bert")["undone"]
    assert (undone["kind"], undone["who"], undone["entry"]) == (Kind.REMOVED, "anna", "c0")
    assert content(store, "c0") == before
    assert ids(store.search(ROWS[:1], 1)[0]) == ["c0"]
    last = store.history("c0", "", 1)[0]
    assert (last.kind, last.who, last.undoes) == (Kind.ADDED, "bert", undone["number"])


def test_undoing_again_goes_further_back(store: Catalog, do: Do) -> None:
    store.enroll(*pictured(0))
    states = [content(store, "c0")]
    do("update", id="c0", changes={"name": "b", "metadata": {"a": 1}})
    states.append(content(store, "c0"))
    store.enroll(more("c0", "reverse"), view(1))
    states.append(content(store, "c0"))
    do("change_view", view=store.views("c0")[1].id, side="edge")
    states.append(content(store, "c0"))
    do("remove_view", view=store.views("c0")[0].id)
    assert len(store.views("c0")) == 1
    do("undo", id="c0")
    assert sorted(map(str, content(store, "c0")[1])) == sorted(map(str, states[3][1]))
    for state in reversed(states[:3]):
        do("undo", id="c0")
        entry, views = content(store, "c0")
        assert entry == state[0] and sorted(map(str, views)) == sorted(map(str, state[1]))
    do("undo", id="c0")
    assert counts(store) == (0, 0, 0, 0)
    for request in ({}, {"id": "c0"}):
        with pytest.raises(EntryNotFoundError, match="there is no change"):
            do("undo", **request)


def test_undoing_a_move_makes_the_entry_again(store: Catalog, do: Do) -> None:
    for number in (0, 1):
        store.enroll(*pictured(number))
    before = content(store, "c0"), content(store, "c1")
    do("change_view", view=store.views("c0")[0].id, entry="c1", side="reverse")
    assert counts(store) == (1, 2, 0, 0)
    do("undo", id="c1")
    assert (content(store, "c0"), content(store, "c1")) == before
    assert sorted(entry.id for entry in store.page("", 10).entries) == ["c0", "c1"]


def test_undoing_goes_on_beyond_a_removal(store: Catalog, do: Do) -> None:
    """A photo that was put back has another id than the changes before its removal name."""
    for number in (0, 1):
        store.enroll(*pictured(number))
    before = content(store, "c0")
    do("change_view", view=store.views("c0")[0].id, side="edge")
    do("change_view", view=store.views("c0")[0].id, entry="c1")
    do("remove", id="c1")
    for _ in range(3):
        do("undo")
    assert content(store, "c0") == before and len(store.views("c1")) == 1
    do("change_view", view=store.views("c0")[0].id, side="edge")
    do("remove", id="c0")
    with pytest.raises(EntryNotFoundError):
        do("undo", event=store.history("c0", "", 2)[1].number)


def test_one_event_is_undone_and_done_again(store: Catalog, do: Do) -> None:
    store.enroll(*pictured(0))
    do("update", id="c0", changes={"name": "b"})
    do("update", id="c0", changes={"country": "DE"})
    naming = store.history("c0", "", 10)[1].number
    do("undo", event=naming)
    assert (store.show("c0").name, store.show("c0").country) == ("coin 0", "DE")
    with pytest.raises(EntryError, match=f"event {naming} was undone already"):
        do("undo", event=naming)
    do("undo", event=store.history("c0", "", 1)[0].number)  # the undoing itself
    assert store.show("c0").name == "b"
    do("undo", event=naming)
    assert store.show("c0").name == "coin 0"
    with pytest.raises(EntryNotFoundError, match="no event has the number '12345'"):
        do("undo", event="12345")


def test_what_changed_again_is_not_undone_silently(store: Catalog, do: Do) -> None:
    store.enroll(*pictured(0))
    do("update", id="c0", changes={"name": "b"})
    do("update", id="c0", changes={"name": "c"})
    with pytest.raises(EntryError, match="name of c0 changed again since: undo that first"):
        do("undo", event=store.history("c0", "", 10)[1].number)
    do("remove", id="c0")
    store.enroll(new(coin("another"), id="c0"), view(3))
    with pytest.raises(EntryError, match="could not be put back: entry c0 is there with other fields"):
        do("undo", event=store.history("c0", "", 10)[1].number)
    assert store.show("c0").name == "another" and len(store.views("c0")) == 1


def test_photos_of_a_former_model_are_put_back(open_store: Open) -> None:
    theirs = open_store(THEIRS)
    theirs.enroll(new(id="c0"), photo(ROWS[0], b"old", THEIRS))
    theirs.close()
    store = open_store()
    do = doing(store)
    do("remove", id="c0")
    do("undo")
    (there,) = store.views("c0")
    assert there.picture == b"old"
    np.testing.assert_array_equal(embedding_of(there), embed([b"old"])[0])


def test_another_side_is_one_of_the_sides(store: Catalog, do: Do) -> None:
    store.enroll(*pictured(0))
    (there,) = store.views("c0")
    with pytest.raises(EntryError, match="did you mean 'reverse'"):
        do("change_view", view=there.id, side="back")
    with pytest.raises(EntryError, match="needs 'side' or 'entry'"):
        do("change_view", view=there.id)
    assert kinds(store) == [Kind.ADDED]


# --- lists ------------------------------------------------------------------------------------------------------------

LISTED = {
    "a": coin("10 Won", country="Korea", year=1998),
    "b": coin("2 Euro", country="Österreich", year=2002, metadata={"mint": "Wien"}),
    "c": coin("2 euro commemorative", country="Germany", year=None),
    "d": coin("100 won", country="korea", year=-20),
    "e": coin("1 euro", country="Germany", year=2002),
}


@pytest.fixture
def listed(store: Catalog) -> Catalog:
    for number, (entry_id, entry) in enumerate(LISTED.items()):
        store.enroll(new(entry, id=entry_id), view(number))
    store.enroll(more("b", "reverse"), view(5))
    return store


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "abcde"),
        ({"descending": True}, "edcba"),
        ({"sort": "name"}, "ebcad"),  # numbers in names by their value
        ({"sort": "name", "descending": True}, "dacbe"),
        ({"sort": "year"}, "dabec"),  # who has none comes last
        ({"sort": "year", "descending": True}, "ebadc"),
        ({"sort": "country"}, "ceadb"),
        ({"text": "EURO"}, "bce"),
        ({"text": "euro 2", "sort": "name", "descending": True}, "cb"),
        ({"text": "%"}, ""),
        ({"text": "won", "filters": {"country": "KOREA"}}, "ad"),
        ({"filters": {"year": 2002}, "sort": "name"}, "eb"),
        ({"filters": {"side": "reverse"}}, "b"),
        ({"filters": {"side": "obverse", "metadata.mint": "wien"}}, "b"),
        ({"filters": {"side": "edge"}}, ""),
    ],
)
def test_a_list_is_searched_filtered_and_sorted(listed: Catalog, asked: dict[str, Any], found: str) -> None:
    do = doing(listed)
    assert "".join(entry["id"] for entry in do("list", **asked)["entries"]) == found
    paged, after = "", ""
    for _ in range(len(found) + 1):
        page = do("list", limit=1, after=after, **asked)
        paged += "".join(entry["id"] for entry in page["entries"])
        if not (after := page["next"]):
            break
    assert paged == found and not after


def test_a_list_goes_on_where_it_was_although_entries_went(listed: Catalog) -> None:
    do = doing(listed)
    page = do("list", sort="name", limit=2)
    assert [entry["id"] for entry in page["entries"]] == ["e", "b"]
    listed.remove("b")
    rest = do("list", sort="name", limit=10, after=page["next"])
    assert [entry["id"] for entry in rest["entries"]] == ["c", "a", "d"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"sort": "colour"},
        {"sort": "id; DROP TABLE entries"},
        {"descending": "yes"},
        {"text": 5},
        {"filters": {"x": "y"}},
        {"after": "e30="},
        {"after": "W10="},
        {"after": "WzEsMl0="},
        {"after": "ü"},
    ],
)
def test_a_list_that_cannot_be(listed: Catalog, wrong: dict[str, Any]) -> None:
    with pytest.raises((EntryError, ParameterError)):
        doing(listed)("list", **wrong)
    assert len(listed.page("", 10).entries) == len(LISTED)


def test_events_are_json(store: Catalog) -> None:
    store.enroll(*pictured(0))
    store.remove("c0")
    do = doing(store)
    answer = json.loads(json.dumps(do("history", limit=1)))
    assert answer["next"] and answer["events"][0]["kind"] == "removed"
    assert json.loads(json.dumps(do("history", after=answer["next"])))["events"][0]["kind"] == "added"
    assert asdict(store.history("", "", 1)[0])["entry"] == "c0"
