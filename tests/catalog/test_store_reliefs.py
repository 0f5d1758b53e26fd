"""What every catalog does, on one machine and in Milvus: relief maps, and searches that verify with them."""

from dataclasses import replace

import numpy as np
import pytest

from catalog import Catalog, Makers, View
from ensemble.contract import EMBEDDING_SIZE
from ensemble.errors import EntryError
from ensemble.verification import DEEP, NOT_COMPARED
from tests.catalog.samples import (
    JUDGE,
    MODEL,
    OTHER,
    OWN,
    THEIRS,
    coin,
    embedding_of,
    ids,
    normalized,
    photo,
    relief_maps,
    trials,
    unit_vectors,
    verifying,
)
from tests.catalog.stores import Open, counts, more, new

REMAPPED = replace(OWN, relief=THEIRS.relief)  # the same embeddings, other maps
MAPS = relief_maps(8, seed=1)


def near(query: np.ndarray, *cosines: float) -> np.ndarray:
    """[N, EMBEDDING_SIZE] unit vectors with these cosines to a query."""
    others = unit_vectors(len(cosines), seed=99)
    others = normalized(others - (others @ query)[:, None] * query)
    wanted = np.array(cosines)[:, None]
    return (wanted * query + np.sqrt(1 - wanted**2) * others).astype(np.float32)


QUERY = unit_vectors(1, seed=98)
LIKE = near(QUERY[0], 0.9, 0.8, 0.7, 0.6)


def name_of(store: Catalog, **options: object) -> list[str]:
    """Names of the coins that a search for QUERY finds."""
    (matches,) = store.search(QUERY, 10, **options)  # type: ignore[arg-type]
    return [match.entry.name for match in matches]


def put(store: Catalog, name: str, embedding: np.ndarray, relief: np.ndarray | None, makers: Makers = OWN) -> str:
    return store.enroll(new(coin(name)), photo(embedding, name.encode(), makers, relief))


# --- maps -------------------------------------------------------------------------------------------------------------


def test_a_map_is_kept_bit_by_bit(store: Catalog) -> None:
    extreme = np.resize(np.arange(-128, 128).astype(np.int8), MAPS[0].shape)
    entry_id = put(store, "a", LIKE[0], extreme)
    store.enroll(more(entry_id, "reverse"), photo(LIKE[1]))
    store.add([(more(entry_id, "edge"), photo(LIKE[2], b"edge", relief=MAPS[1]))])
    for views in (store.views(entry_id), [view for _, view in store.export("", 10).views]):
        first, second, third = (view.relief for view in views)
        assert second is None
        assert first is not None and third is not None and (first.dtype, third.dtype) == (np.int8, np.int8)
        np.testing.assert_array_equal([first, third], [extreme, MAPS[1]])
    assert store.status().without_relief == 1


def test_a_map_by_another_model_is_refused(store: Catalog) -> None:
    view = View(LIKE[0], REMAPPED, b"", MAPS[0])
    for call in (store.enroll, lambda enrolment, view: store.add([(enrolment, view)])):
        with pytest.raises(EntryError, match=f"by model {THEIRS.relief}, the catalog's is {OWN.relief}"):
            call(new(), view)
    assert counts(store) == (0, 0, 0, 0)
    store.enroll(new(), replace(view, relief=None))  # of a view without a map, it does not matter who would make one
    assert (store.status().views, store.status().without_relief) == (1, 1)


def test_maps_survive_export_and_import_and_a_restart(open_store: Open) -> None:
    before = open_store()
    enrolled = [put(before, f"coin {n}", row, MAPS[n] if n else None) for n, row in enumerate(LIKE)]
    exported = before.export("", 10).views
    for entry_id in enrolled:
        before.remove(entry_id)
    assert before.status().without_relief == 0
    again = [
        (new(entry, view.side, entry.id), View(embedding_of(view), OWN, view.picture, view.relief))
        for entry, view in exported
    ]
    assert before.add(again) == 4
    assert before.add(again) == 0
    after = open_store()
    after.load()
    for catalog in (before, after):
        assert catalog.status().without_relief == 1
        found = [view.relief for _, view in catalog.export("", 10).views]
        assert found[0] is None
        np.testing.assert_array_equal(found[1:], MAPS[1:4])  # type: ignore[arg-type]
        assert name_of(catalog, verification=verifying(MAPS[3]))[0] == "coin 3"


def test_views_without_a_map_get_one_later(open_store: Open) -> None:
    store, witness = open_store(), open_store()
    enrolled = [put(store, f"coin {n}", row, MAPS[0] if n == 1 else None) for n, row in enumerate(LIKE)]
    store.enroll(more(enrolled[0], "reverse"), photo(unit_vectors(1)[0], b""))  # there is no picture to make one of
    todo = store.unmapped(2)
    assert [(view.entry_id, view.side, view.picture) for view in todo] == [
        (enrolled[0], "obverse", b"coin 0"),
        (enrolled[2], "obverse", b"coin 2"),
    ]
    assert [view.embedding is None and view.relief is None for view in todo] == [True, True]
    assert name_of(witness, verification=verifying(MAPS[2]))[0] == "coin 0"
    store.put_reliefs([(view.id, relief) for view, relief in zip(todo, MAPS[1:3], strict=True)])
    assert name_of(witness, verification=verifying(MAPS[2]))[0] == "coin 2", "it counts at once"
    (last,) = store.unmapped(2)
    assert last.entry_id == enrolled[3]
    store.put_reliefs([(last.id, MAPS[3]), (todo[0].id, MAPS[7]), (todo[0].id, MAPS[6])])  # an existing one stays
    assert list(store.unmapped(9)) == []
    assert [view.relief is None for _, view in witness.export("", 9).views] == [False] * 4 + [True]
    np.testing.assert_array_equal(witness.views(enrolled[0])[0].relief, MAPS[1])  # type: ignore[arg-type]
    assert (store.status().without_relief, witness.status().without_relief) == (1, 1)
    store.put_reliefs([])


def test_maps_of_views_that_are_gone_are_left_out(open_store: Open) -> None:
    store, other = open_store(), open_store()
    gone, kept = (put(store, f"coin {n}", row, None) for n, row in enumerate(LIKE[:2]))
    todo = store.unmapped(5)
    other.remove(gone)
    store.put_reliefs([(view.id, relief) for view, relief in zip(todo, MAPS, strict=False)])
    assert [view.entry_id for view in todo] == [gone, kept]
    for catalog in (store, other):
        assert catalog.status().without_relief == 0
        assert name_of(catalog, verification=verifying(MAPS[0])) == ["coin 1"]
    late = put(store, "late", LIKE[2], None)
    assert store.status().without_relief == 1
    assert [view.entry_id for view in store.unmapped(5)] == [late]


def test_a_catalog_that_keeps_no_maps(open_store: Open) -> None:
    """Its searches rank by the embedding, whatever is asked for."""
    plain = open_store(Makers(MODEL))
    put(open_store(), "mapped", LIKE[1], MAPS[0])
    put(plain, "plain", LIKE[0], None, Makers(MODEL))
    (matches,) = plain.search(QUERY, 5, verification=verifying(MAPS[0]))
    assert [(match.entry.name, match.correlation, match.angle) for match in matches] == [
        ("plain", NOT_COMPARED, 0.0),
        ("mapped", NOT_COMPARED, 0.0),
    ]
    assert list(plain.unmapped(5)) == []
    assert plain.status().without_relief == 0
    assert [view.relief for _, view in plain.export("", 5).views] == [None, None]


# --- models -----------------------------------------------------------------------------------------------------------


def test_maps_of_another_model_are_not_used(open_store: Open) -> None:
    old, fresh = open_store(), open_store(REMAPPED)
    first, second = (put(old, f"coin {n}", row, MAPS[n]) for n, row in enumerate(LIKE[:2]))
    put(fresh, "coin 2", LIKE[2], MAPS[1], REMAPPED)
    (matches,) = fresh.search(QUERY, 5, verification=verifying(MAPS[1]))
    assert [(match.entry.name, match.correlation > NOT_COMPARED) for match in matches] == [
        ("coin 2", True),
        ("coin 0", False),
        ("coin 1", False),
    ]
    assert name_of(old, verification=verifying(MAPS[1]))[0] == "coin 1"
    assert (old.status().without_relief, fresh.status().without_relief) == (1, 2)
    assert [view.entry_id for view in fresh.unmapped(5)] == [first, second]
    assert [view.relief is None for _, view in fresh.export("", 5).views] == [True, True, False]
    fresh.put_reliefs([(view.id, MAPS[5 + n]) for n, view in enumerate(fresh.unmapped(5))])
    assert name_of(fresh, verification=verifying(MAPS[6]))[0] == "coin 1"
    assert name_of(old, verification=verifying(MAPS[1]))[0] == "coin 1", "each model has its own"
    np.testing.assert_array_equal(old.views(first)[0].relief, MAPS[0])  # type: ignore[arg-type]
    np.testing.assert_array_equal(fresh.views(first)[0].relief, MAPS[5])  # type: ignore[arg-type]


def test_a_view_that_is_embedded_again_keeps_its_map(open_store: Open) -> None:
    """A map is of the picture, whichever model embeds it."""
    changed = replace(OWN, embedding=OTHER)
    old, fresh = open_store(), open_store(changed)
    enrolled = [put(old, f"coin {n}", row, MAPS[n]) for n, row in enumerate(unit_vectors(3))]
    assert list(fresh.unmapped(5)) == []
    fresh.stage([(view.id, row) for view, row in zip(fresh.stale(5), LIKE, strict=False)])
    assert fresh.switch() == 3
    for _ in range(2):
        assert name_of(fresh, verification=verifying(MAPS[2])) == ["coin 2", "coin 0", "coin 1"]
        assert fresh.status().without_relief == 0
        fresh.forget()
    np.testing.assert_array_equal(fresh.views(enrolled[1])[0].relief, MAPS[1])  # type: ignore[arg-type]


def test_forgotten_maps_are_gone_and_the_own_stay(open_store: Open) -> None:
    old, fresh = open_store(), open_store(REMAPPED)
    put(old, "coin 0", LIKE[0], MAPS[0])
    put(old, "coin 1", LIKE[1], MAPS[1])
    fresh.put_reliefs([(view.id, MAPS[4]) for view in fresh.unmapped(1)])
    assert fresh.forget() == 0, "there are no embeddings by another model"
    assert (old.status().without_relief, fresh.status().without_relief) == (2, 1)
    late = open_store()  # the memory of a process that has seen the maps does no harm: no view changes its map
    assert [view.relief for _, view in late.export("", 5).views] == [None, None]
    assert name_of(late, verification=verifying(MAPS[1])) == ["coin 0", "coin 1"]
    assert fresh.search(QUERY, 5, verification=verifying(MAPS[4]))[0][0].correlation > 0.99


def test_a_threshold_belongs_to_both_models(open_store: Open) -> None:
    own, remapped, embedded = open_store(), open_store(REMAPPED), open_store(replace(OWN, embedding=OTHER))
    own.set_threshold(0.75)
    assert (own.threshold(), remapped.threshold(), embedded.threshold()) == (0.75, None, None)
    remapped.set_threshold(0.25)
    assert (own.threshold(), remapped.threshold(), embedded.threshold()) == (0.75, 0.25, None)


# --- search -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [0.0, 90.0, 225.0])
def test_the_view_whose_map_fits_is_found_though_its_cosine_is_lower(store: Catalog, degrees: float) -> None:
    for number, row in enumerate(LIKE):
        put(store, f"coin {number}", row, MAPS[number])
    assert name_of(store) == ["coin 0", "coin 1", "coin 2", "coin 3"]
    (matches,) = store.search(QUERY, 10, verification=verifying(MAPS[2], degrees=degrees))
    assert [match.entry.name for match in matches] == ["coin 2", "coin 0", "coin 1", "coin 3"]
    best = matches[0]
    assert best.cosine == pytest.approx(0.7, abs=1e-5)
    assert best.correlation == pytest.approx(1.0, abs=1e-4)
    assert best.angle == pytest.approx(degrees, abs=1e-3)
    assert all(abs(match.correlation) < 0.2 for match in matches[1:])
    (unverified,) = store.search(QUERY, 1)
    assert [(match.correlation, match.angle) for match in unverified] == [(NOT_COMPARED, 0.0)]


def test_views_without_a_map_are_judged_by_their_embedding(store: Catalog) -> None:
    put(store, "no map", LIKE[0], None)
    put(store, "fits", LIKE[1], MAPS[1])
    put(store, "fits not", LIKE[2], MAPS[2])
    (matches,) = store.search(QUERY, 5, verification=verifying(MAPS[1]))
    assert [match.entry.name for match in matches] == ["fits", "no map", "fits not"]
    alone = matches[1]
    assert (alone.correlation, alone.angle) == (NOT_COMPARED, 0.0)
    assert alone.cosine == pytest.approx(0.9, abs=1e-5)


def test_of_an_entrys_views_the_likeliest_counts(store: Catalog) -> None:
    entry_id = put(store, "a", LIKE[0], MAPS[0])
    store.enroll(more(entry_id, "reverse"), photo(LIKE[3], relief=MAPS[3]))
    put(store, "b", LIKE[1], MAPS[1])
    (matches,) = store.search(QUERY, 5, verification=verifying(MAPS[3]))
    assert [(match.entry.name, match.side) for match in matches] == [("a", "reverse"), ("b", "obverse")]
    assert matches[0].cosine == pytest.approx(0.6, abs=1e-5)


def test_of_equal_views_the_earlier_is_first(store: Catalog) -> None:
    """With one number each, their similarities are equal to the last bit, in whatever order they are summed."""
    axis = np.eye(1, EMBEDDING_SIZE, dtype=np.float32)
    relief = np.zeros_like(MAPS[0])
    relief[2, 5] = 127
    unlike = put(store, "unlike", axis[0], MAPS[0])
    for given in (relief, None):
        store.add(
            [
                (new(coin(f"coin {n}"), id=f"{given is None}-{9 - n}"), photo(axis[0], b"", relief=given))
                for n in range(5)
            ]
        )
    (matches,) = store.search(axis, 20, verification=verifying(relief))
    fitting, alone = ([f"{none}-{9 - n}" for n in range(5)] for none in (False, True))
    assert ids(matches) == [*fitting, *alone, unlike]


def test_only_the_nearest_views_are_compared(store: Catalog) -> None:
    """The one that fits is the nearest but 30: 31 candidates reach it, and 30 do not."""
    embeddings = near(QUERY[0], *np.linspace(0.9, 0.6, 40))
    maps = relief_maps(40, seed=4)
    store.add([(new(coin(f"coin {n}")), photo(row, b"", relief=maps[n])) for n, row in enumerate(embeddings)])
    for candidates, found in ((31, "coin 30"), (30, "coin 0"), (1000, "coin 30")):
        (matches,) = store.search(QUERY, 1, verification=verifying(maps[30], candidates=candidates))
        assert [match.entry.name for match in matches] == [found]
    (matches,) = store.search(QUERY, 10, verification=verifying(maps[30], candidates=1))
    assert len(matches) == 10 and matches[0].entry.name == "coin 30", "as many as k entries need, in any case"


def test_more_candidates_than_get_a_close_look(store: Catalog) -> None:
    embeddings = near(QUERY[0], *np.linspace(0.9, 0.7, 4 * DEEP))
    maps = relief_maps(4 * DEEP, seed=5)
    store.add([(new(coin(f"coin {n}")), photo(row, b"", relief=maps[n])) for n, row in enumerate(embeddings)])
    for number in (0, DEEP - 1, 3 * DEEP, 4 * DEEP - 1):
        (matches,) = store.search(QUERY, 3, verification=verifying(maps[number], degrees=45.0))
        assert matches[0].entry.name == f"coin {number}"
        assert matches[0].correlation == pytest.approx(1.0, abs=1e-4)
        assert matches[0].angle == pytest.approx(45.0, abs=1e-3)


def test_where_candidates_make_too_few_entries_more_are_compared(store: Catalog) -> None:
    """The many views of one entry are nearer than all others, and the best of them is far down."""
    crowd, others = near(QUERY[0], *np.linspace(0.95, 0.8, 300)), near(QUERY[0], 0.7, 0.65, 0.6)
    maps = relief_maps(300, seed=6)
    batch = [
        (new(coin("crowd"), id="crowd"), photo(row, b"", relief=maps[n] if n % 2 else None))
        for n, row in enumerate(crowd)
    ]
    batch += [(new(coin(f"other {n}")), photo(row, b"", relief=MAPS[n])) for n, row in enumerate(others)]
    store.add(batch)
    (matches,) = store.search(QUERY, 3, verification=verifying(MAPS[1], candidates=20))
    assert [match.entry.name for match in matches] == ["other 1", "crowd", "other 0"]
    (matches,) = store.search(QUERY, 3, verification=verifying(maps[251], candidates=20))
    assert [match.entry.name for match in matches] == ["crowd", "other 0", "other 1"]
    assert matches[0].cosine == pytest.approx(float(crowd[251] @ QUERY[0]), abs=1e-5)
    (matches,) = store.search(QUERY, 9, verification=verifying(MAPS[1], candidates=20))
    assert [match.entry.name for match in matches] == ["other 1", "crowd", "other 0", "other 2"]


def test_filters_and_removed_entries(store: Catalog) -> None:
    gone = put(store, "gone", LIKE[0], MAPS[0])
    store.enroll(new(coin("here", country="JP"), "reverse"), photo(LIKE[1], relief=MAPS[1]))
    put(store, "there", LIKE[2], MAPS[0])
    verification = verifying(MAPS[0])
    assert name_of(store, verification=verification) == ["gone", "there", "here"]
    assert name_of(store, filters={"country": "JP"}, verification=verification) == ["here"]
    assert name_of(store, filters={"side": "obverse"}, verification=verification) == ["gone", "there"]
    assert name_of(store, filters={"country": "FR"}, verification=verification) == []
    store.remove(gone)
    assert name_of(store, verification=verification) == ["there", "here"]
    again = put(store, "again", LIKE[0], MAPS[1])
    assert again != gone
    assert name_of(store, verification=verification) == ["there", "again", "here"]


def test_a_batch_of_queries_each_with_its_map(store: Catalog) -> None:
    embeddings = unit_vectors(8, seed=3)
    store.add([(new(coin(f"coin {n}")), photo(row, b"", relief=MAPS[n])) for n, row in enumerate(embeddings)])
    asked = [5, 0, 7, 0]
    found = store.search(embeddings[asked], 2, verification=verifying(*MAPS[[5, 3, 7, 0]]))
    assert [matches[0].entry.name for matches in found] == ["coin 5", "coin 3", "coin 7", "coin 0"]
    assert all(matches[0].correlation > 0.99 for matches in found)
    queries = embeddings[[5, 6]]
    queries[0] = np.nan
    found = store.search(queries, 2, verification=verifying(*MAPS[[5, 6]]))
    assert [len(matches) for matches in found] == [0, 2] and found[1][0].entry.name == "coin 6"


def test_an_empty_catalog(store: Catalog) -> None:
    assert store.search(unit_vectors(2), 5, verification=verifying(*MAPS[:2])) == [[], []]
    store.remove(put(store, "a", LIKE[0], MAPS[0]))
    assert store.search(unit_vectors(2), 5, verification=verifying(*MAPS[:2])) == [[], []]


def test_what_is_enrolled_can_be_verified_by_the_next_search_of_another(open_store: Open) -> None:
    here, there = open_store(), open_store()
    put(here, "coin 0", LIKE[0], MAPS[0])
    for number in range(1, 4):
        writer, reader = (here, there) if number % 2 else (there, here)
        put(writer, f"coin {number}", LIKE[number], MAPS[number])
        for catalog in (reader, writer):
            (matches,) = catalog.search(QUERY, 5, verification=verifying(MAPS[number]))
            assert matches[0].entry.name == f"coin {number}" and matches[0].correlation > 0.99
    entry_id = there.search(QUERY, 1, verification=verifying(MAPS[3]))[0][0].entry.id
    there.update(entry_id, {"name": "changed"})
    assert name_of(here, verification=verifying(MAPS[3]))[0] == "changed"


def test_the_query_is_compared_with_all_its_trials(store: Catalog) -> None:
    """The outline of a query may be off: another trial than the first fits."""
    put(store, "nearer", LIKE[0], MAPS[0])
    put(store, "fits", LIKE[1], MAPS[1])
    verification = verifying(MAPS[5])
    reliefs = np.array(verification.reliefs)
    reliefs[0, 3] = trials(MAPS[1])[0]
    (matches,) = store.search(QUERY, 2, verification=replace(verification, reliefs=reliefs, judge=JUDGE))
    assert matches[0].entry.name == "fits" and matches[0].correlation > 0.99
