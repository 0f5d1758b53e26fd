"""What every catalog does, on one machine and in Milvus: entries, their views, pages, imports."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from catalog import Catalog, Enrolment, Entry, StoredView
from ensemble.contract import EMBEDDING_SIZE
from ensemble.errors import EntryError, EntryNotFoundError
from tests.catalog.samples import MODEL, OTHER, THEIRS, coin, embedding_of, ids, photo, unit_vectors
from tests.catalog.stores import NASTY, Open, counts, more, new

# --- entries and views ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", [None, -20, 0, 1998])
def test_what_is_enrolled_is_shown_with_its_id(store: Catalog, year: int | None) -> None:
    metadata = {"mint": "대전", "n": [1, None], "deep": {"a": 'q"\\'}, "x": 0.1}
    given = Entry("십 원", "KR", "KRW", "10", year, metadata=metadata)
    entry_id = store.enroll(new(given), photo(unit_vectors(1)[0]))
    assert entry_id
    assert store.show(entry_id) == replace(given, id=entry_id)


def test_an_id_may_be_chosen_and_more_views_join_it(store: Catalog) -> None:
    first, second, third = unit_vectors(3)
    assert store.enroll(new(coin("a"), "obverse", "my:id-1"), photo(first, b"one")) == "my:id-1"
    assert store.enroll(more("my:id-1", "reverse"), photo(second, b"")) == "my:id-1"
    assert store.enroll(new(coin("a"), "edge", "my:id-1"), photo(third, b"three")) == "my:id-1"
    views = store.views("my:id-1")
    assert [(view.entry_id, view.side, view.picture) for view in views] == [
        ("my:id-1", "obverse", b"one"),
        ("my:id-1", "reverse", b""),
        ("my:id-1", "edge", b"three"),
    ]
    for view, given in zip(views, (first, second, third), strict=True):
        np.testing.assert_array_equal(embedding_of(view), given)
    assert len({view.id for view in views}) == 3
    assert counts(store) == (1, 3, 0, 0)


def test_a_large_picture_is_kept_bit_by_bit(store: Catalog) -> None:
    picture = np.random.default_rng(0).bytes(150_000)
    entry_id = store.enroll(new(), photo(unit_vectors(1)[0], picture))
    assert store.views(entry_id)[0].picture == picture


def test_the_picture_of_one_view(store: Catalog) -> None:
    """Without a view, it is that of the first that has one, whichever joined when."""
    rows = unit_vectors(4)
    for entry_id, picture, row in zip("aaba", (b"", b"second", b"other", b"third"), rows, strict=True):
        store.enroll(new(coin(entry_id), id=entry_id), photo(row, picture))
    views = {view.picture: view.id for entry_id in "ab" for view in store.views(entry_id)}
    for picture in (b"", b"second", b"third"):
        assert store.picture("a", views[picture]) == picture
    assert (store.picture("a"), store.picture("b")) == (b"second", b"other")
    for view in (views[b"other"], "9", *NASTY):
        with pytest.raises(EntryNotFoundError, match="photo"):
            store.picture("a", view)
    for entry_id in ("none", "", *NASTY):
        for view in ("", views[b"second"]):
            with pytest.raises(EntryNotFoundError, match="no entry has the id"):
                store.picture(entry_id, view)
    store.change_view(views[b"second"], to=store.show("b"))
    assert (store.picture("a"), store.picture("b", views[b"second"])) == (b"third", b"second")


def test_an_entry_without_pictures(store: Catalog) -> None:
    store.enroll(new(id="a"), photo(unit_vectors(1)[0], b""))
    assert store.picture("a") == b""


def test_an_id_that_is_taken_by_another_coin(store: Catalog) -> None:
    first, second = unit_vectors(2)
    store.enroll(new(coin("a"), id="x"), photo(first))
    with pytest.raises(EntryError, match="entry x is there with other fields"):
        store.enroll(new(coin("b"), id="x"), photo(second))
    with pytest.raises(EntryNotFoundError, match="no entry has the id 'y'"):
        store.enroll(more("y"), photo(second))
    assert counts(store) == (1, 1, 0, 0)


@pytest.mark.parametrize("unknown", ["nothing", "", *NASTY])
def test_unknown_ids(store: Catalog, unknown: str) -> None:
    store.enroll(new(id="x"), photo(unit_vectors(1)[0]))
    for call in (store.show, store.views, store.remove, lambda entry: store.update(entry, {"name": "b"})):
        with pytest.raises(EntryNotFoundError, match="no entry has the id"):
            call(unknown)
    assert counts(store) == (1, 1, 0, 0)


def test_a_view_by_another_model_is_refused(store: Catalog) -> None:
    for call in (store.enroll, lambda enrolment, view: store.add([(enrolment, view)])):
        with pytest.raises(EntryError, match=f"made by model {OTHER}, the catalog's is {MODEL}"):
            call(new(), photo(unit_vectors(1)[0], makers=THEIRS))
    assert counts(store) == (0, 0, 0, 0)


def test_an_update_changes_what_is_shown_found_and_filtered(store: Catalog) -> None:
    embeddings = unit_vectors(3)
    entry_id = store.enroll(new(coin("a", metadata={"mint": "S"})), photo(embeddings[0]))
    store.enroll(more(entry_id, "reverse"), photo(embeddings[1]))
    other = store.enroll(new(coin("other")), photo(embeddings[2]))
    changed = store.update(entry_id, {"name": "b", "year": 1970, "metadata": {"mint": "D"}})
    assert changed == Entry("b", "KR", "KRW", "10", 1970, metadata={"mint": "D"}, id=entry_id) == store.show(entry_id)
    for filters in ({"year": "1970"}, {"metadata.mint": "D"}):
        for side, embedding in zip(("obverse", "reverse"), embeddings, strict=False):
            (matches,) = store.search(embedding[None], 5, filters)
            assert [(match.entry, match.side) for match in matches] == [(changed, side)]
    assert store.search(embeddings[:1], 5, {"metadata.mint": "S"}) == [[]]
    assert sorted(ids(store.search(embeddings[:1], 5)[0])) == sorted([entry_id, other])
    assert counts(store) == (2, 3, 0, 0)
    assert [view.picture for view in store.views(entry_id)] == [b"\xff\xd8picture"] * 2


@pytest.mark.parametrize("changes", [{"nmae": "b"}, {"id": "b"}, {"name": ""}, {"year": "1998"}, {"metadata": 1}])
def test_an_update_that_is_not_valid(store: Catalog, changes: Mapping[str, object]) -> None:
    entry_id = store.enroll(new(), photo(unit_vectors(1)[0]))
    with pytest.raises(EntryError):
        store.update(entry_id, changes)
    assert store.show(entry_id).name == "10 won"


def test_a_removed_entry_is_gone_with_all_its_views(store: Catalog) -> None:
    embeddings = unit_vectors(4)
    gone = store.enroll(new(), photo(embeddings[0]))
    for row in embeddings[1:3]:
        store.enroll(more(gone, "reverse"), photo(row))
    kept = store.enroll(new(), photo(embeddings[3]))
    store.remove(gone)
    assert [ids(matches) for matches in store.search(embeddings, 5)] == [[kept]] * 4
    assert counts(store) == (1, 1, 0, 0)
    for call in (store.show, store.views, store.remove):
        with pytest.raises(EntryNotFoundError):
            call(gone)


# --- pages, import, export --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3, 7, 8])
def test_pages_of_entries_and_of_views(store: Catalog, limit: int) -> None:
    embeddings = unit_vectors(14)
    enrolled = [store.enroll(new(coin(f"coin {i}")), photo(row)) for i, row in enumerate(embeddings[:7])]
    for entry_id, row in zip(enrolled, embeddings[7:], strict=True):
        store.enroll(more(entry_id, "reverse"), photo(row, b"back"))
    assert [entry.id for entry in _all_entries(store, limit)] == enrolled
    exported = _all_views(store, limit)
    assert [entry.id for entry, _ in exported] == enrolled * 2
    assert [view.entry_id for _, view in exported] == enrolled * 2
    assert [view.side for _, view in exported] == ["obverse"] * 7 + ["reverse"] * 7
    assert {entry.name for entry, _ in exported} == {f"coin {i}" for i in range(7)}
    np.testing.assert_array_equal([embedding_of(view) for _, view in exported], embeddings)


def _all_entries(store: Catalog, limit: int) -> list[Entry]:
    entries: list[Entry] = []
    after = ""
    while True:
        page = store.page(after, limit)
        assert len(page.entries) <= limit
        entries += page.entries
        if not (after := page.next):
            return entries


def _all_views(store: Catalog, limit: int) -> list[tuple[Entry, StoredView]]:
    views: list[tuple[Entry, StoredView]] = []
    after = ""
    while True:
        page = store.export(after, limit)
        assert len(page.views) <= limit
        views += page.views
        if not (after := page.next):
            return views


def test_a_page_goes_on_where_it_stopped_though_the_catalog_changes(store: Catalog) -> None:
    enrolled = [store.enroll(new(), photo(row)) for row in unit_vectors(5)]
    page = store.page("", 2)
    store.remove(enrolled[1])
    store.remove(enrolled[2])
    enrolled.append(store.enroll(new(), photo(unit_vectors(1, seed=9)[0])))
    assert [entry.id for entry in store.page(page.next, 9).entries] == enrolled[3:]


def test_pages_of_nothing_and_after_nothing(store: Catalog) -> None:
    assert (store.page("", 5).entries, store.page("", 5).next) == ((), "")
    assert (store.export("", 5).views, store.export("", 5).next) == ((), "")
    for after in ("x", '" or id > "', "-1"):
        with pytest.raises(EntryError, match="it must be what the page before gave as 'next'"):
            store.page(after, 5)
        with pytest.raises(EntryError, match="it must be what the page before gave as 'next'"):
            store.export(after, 5)


def test_an_import_may_be_repeated(store: Catalog) -> None:
    embeddings = unit_vectors(5)
    batch = [
        (new(coin("a"), "obverse", "a"), photo(embeddings[0], b"1")),
        (new(coin("a"), "reverse", "a"), photo(embeddings[1], b"2")),
        (more("a", "edge"), photo(embeddings[1], b"2")),
        (new(coin("b"), "obverse", "b"), photo(embeddings[2], b"")),
        (new(coin("b"), "obverse", "b"), photo(embeddings[2], b"")),
        (new(coin("no id")), photo(embeddings[3], b"3")),
    ]
    assert store.add(batch) == 5
    assert store.add(batch[:-1]) == 0
    assert store.add([*batch[:3], (more("b"), photo(embeddings[4], b""))]) == 1
    assert counts(store) == (3, 6, 0, 0)
    assert [view.side for view in store.views("a")] == ["obverse", "reverse", "edge"]
    assert store.add([]) == 0


def test_an_import_knows_a_view_by_its_embedding_or_its_picture(open_store: Open) -> None:
    """Embedded by another model, a picture gives another embedding; a view without a picture has only that."""
    embeddings = unit_vectors(4)
    store, other = open_store(), open_store(THEIRS)
    store.add([(new(id="a"), photo(embeddings[0], b"one")), (more("a"), photo(embeddings[1], b""))])
    assert store.add([(more("a"), photo(embeddings[0], b"other")), (more("a"), photo(embeddings[2], b"one"))]) == 0
    assert other.add([(more("a"), photo(embeddings[3], b"one", THEIRS))]) == 0
    assert other.add([(more("a"), photo(embeddings[1], b"", THEIRS))]) == 1
    assert store.add([(more("a", "reverse"), photo(embeddings[0], b"one"))]) == 1
    assert counts(store) == (1, 3, 1, 0)


@pytest.mark.parametrize(
    ("bad", "error"),
    [(new(coin("other"), id="a"), EntryError), (more("nobody"), EntryNotFoundError)],
    ids=["other fields", "no such entry"],
)
def test_an_import_is_stored_whole_or_not_at_all(store: Catalog, bad: Enrolment, error: type[Exception]) -> None:
    embeddings = unit_vectors(4)
    store.enroll(new(coin("a"), id="a"), photo(embeddings[0]))
    with pytest.raises(error):
        store.add([(new(coin("b"), id="b"), photo(embeddings[1])), (bad, photo(embeddings[2], b"other"))])
    assert counts(store) == (1, 1, 0, 0)
    assert ids(store.search(embeddings[1:2], 5)[0]) == ["a"]


# --- photos that are known --------------------------------------------------------------------------------------------

ONE, OTHER_ONE = "1" * 64, "2" * 64


def test_a_photo_that_its_entry_has_is_not_stored_again(store: Catalog) -> None:
    first, second = unit_vectors(2)
    described = replace(new(coin("a"), id="x"), photo=ONE)
    for enrolment in (described, described, replace(more("x"), photo=ONE), replace(more("x", "reverse"), photo=ONE)):
        assert store.enroll(enrolment, photo(first)) == "x"
    assert store.add([(described, photo(second, b"other"))]) == 0
    assert counts(store) == (1, 1, 0, 0)
    assert store.enroll(replace(more("x"), photo=OTHER_ONE), photo(second, b"2")) == "x"
    assert [view.photo for view in store.views("x")] == [ONE, OTHER_ONE]
    with pytest.raises(EntryError, match="entry x is there with other fields"):
        store.enroll(replace(new(coin("b"), id="x"), photo=ONE), photo(first))


def test_a_photo_may_belong_to_many_entries(store: Catalog) -> None:
    first = unit_vectors(1)[0]
    entry_id = store.enroll(replace(new(coin("a")), photo=ONE), photo(first))
    other_id = store.enroll(replace(new(coin("b")), photo=ONE), photo(first))
    assert other_id != entry_id and counts(store) == (2, 2, 0, 0)
    found = store.photos([ONE, OTHER_ONE])
    assert {sha: [(entry.id, side) for entry, side in views] for sha, views in found.items()} == {
        ONE: [(entry_id, "obverse"), (other_id, "obverse")]
    }
    store.update(entry_id, {"name": "changed"})
    assert [entry.name for entry, _ in store.photos([ONE])[ONE]] == ["changed", "b"]
    store.remove(entry_id)
    assert [entry.id for entry, _ in store.photos([ONE])[ONE]] == [other_id]
    assert store.export("", 5).views[0][1].photo == ONE


def test_views_are_counted_and_values_listed_by_filter(store: Catalog) -> None:
    for number, row in enumerate(unit_vectors(4)):
        entry = coin(country=("Österreich", "KR")[number % 2], year=1998 if number else None, metadata={"n": number})
        store.enroll(new(entry, side=("Obverse", "reverse")[number // 2]), photo(row))
    for filters, views in (
        ({}, 4),
        ({"country": "o\u0308STERREICH"}, 2),
        ({"side": "obverse"}, 2),
        ({"side": "obverse", "year": "1998"}, 1),
        ({"metadata.n": "3"}, 1),
        ({"country": "Austria"}, 0),
    ):
        assert store.count(filters) == views, filters
    assert sorted(store.values("country")) == ["KR", "Österreich"]
    assert sorted(store.values("side")) == ["Obverse", "reverse"]
    assert sorted(store.values("metadata.n")) == ["0", "1", "2", "3"]
    assert store.values("year") == ["1998"] and store.values("mint_mark") == [] and store.values("metadata.x") == []


# --- several catalogs on one store ------------------------------------------------------------------------------------


def test_the_next_search_sees_a_change_whoever_made_it(open_store: Open) -> None:
    here, there = open_store(), open_store()
    embeddings = unit_vectors(6)
    enrolled: list[str] = []
    for row, (writer, reader) in zip(embeddings, [(here, there), (there, here)] * 3, strict=True):
        assert len(reader.search(row[None], 10)[0]) == len(enrolled)
        enrolled.append(writer.enroll(new(), photo(row)))
        assert ids(reader.search(row[None], 1)[0]) == ids(writer.search(row[None], 1)[0]) == [enrolled[-1]]
    there.remove(enrolled[0])
    here.remove(enrolled[1])
    changed = there.update(enrolled[2], {"name": "changed"})
    for catalog in (here, there):
        assert sorted(ids(catalog.search(embeddings[:1], 10)[0])) == sorted(enrolled[2:])
        assert catalog.search(embeddings[2:3], 1)[0][0].entry == changed == catalog.show(enrolled[2])
        assert counts(catalog) == (4, 4, 0, 0)


def test_added_and_removed_between_two_searches(open_store: Open) -> None:
    here, there = open_store(), open_store()
    assert here.search(unit_vectors(1), 5) == [[]]
    for _ in range(3):
        there.remove(there.enroll(new(), photo(unit_vectors(1)[0])))
    kept = there.enroll(new(), photo(unit_vectors(1)[0]))
    assert ids(here.search(unit_vectors(1), 5)[0]) == [kept]


def test_reopening_finds_everything(open_store: Open) -> None:
    embeddings = unit_vectors(20)
    before = open_store()
    enrolled = [before.enroll(new(), photo(row)) for row in embeddings]
    before.remove(enrolled.pop(4))
    after = open_store()
    after.load()
    kept = np.delete(embeddings, 4, axis=0)
    assert [ids(matches) for matches in after.search(kept, 1)] == [[entry_id] for entry_id in enrolled]
    assert [entry.id for entry in after.page("", 100).entries] == enrolled
    assert counts(after) == (19, 19, 0, 0)


BAD_EMBEDDINGS = {
    "not a number": np.full(EMBEDDING_SIZE, np.nan, np.float32),
    "infinite": np.full(EMBEDDING_SIZE, np.inf, np.float32),
    "zero": np.zeros(EMBEDDING_SIZE, np.float32),
    "a thousand times too long": 1000 * unit_vectors(1)[0],
    "too short": unit_vectors(1)[0, :-1],
}


@pytest.mark.parametrize("name", BAD_EMBEDDINGS)
def test_a_vector_that_cannot_be_compared_is_refused_at_every_door(store: Catalog, name: str) -> None:
    vector = BAD_EMBEDDINGS[name]
    store.enroll(new(coin("a"), "obverse", "coin-0"), photo(unit_vectors(1)[0]))
    enrolment = Enrolment("obverse", coin(id="bad"), "bad")
    doors = (
        lambda: store.enroll(enrolment, photo(vector)),
        lambda: store.add([(enrolment, photo(vector))]),
        lambda: store.stage([(store.export("", 1).views[0][1].id, vector)]),
    )
    for door in doors:
        with pytest.raises(EntryError, match=r"an embedding (has the length|is)"):
            door()
    assert (store.status().entries, store.status().views, store.status().staged) == (1, 1, 0)


@pytest.mark.parametrize("relief", [np.full((3, 4), np.nan, np.float32), np.zeros((3, 4), np.int8)])
def test_what_is_no_relief_map_is_refused_at_every_door(store: Catalog, relief: np.ndarray) -> None:
    store.enroll(new(coin("a"), "obverse", "coin-0"), photo(unit_vectors(1)[0]))
    view = store.export("", 1).views[0][1].id
    for door in (
        lambda: store.enroll(Enrolment("obverse", coin()), photo(unit_vectors(1)[0], relief=relief)),
        lambda: store.put_reliefs([(view, relief)]),
    ):
        with pytest.raises(EntryError, match="a relief map is"):
            door()
    assert store.status().without_relief == 1


@pytest.mark.parametrize("value", [float("inf"), float("nan"), [{"a": float("-inf")}]])
def test_metadata_have_finite_numbers_alone(store: Catalog, value: object) -> None:
    store.enroll(new(coin("a"), "obverse", "coin-0"), photo(unit_vectors(1)[0]))
    with pytest.raises(EntryError, match="metadata cannot be written as JSON"):
        store.update("coin-0", {"metadata": {"a": value}})
