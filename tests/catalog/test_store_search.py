"""What every catalog does, on one machine and in Milvus: the search."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from catalog import Catalog, Entry, Match
from ensemble.contract import EMBEDDING_SIZE
from tests.catalog.samples import coin, ids, photo, unit_vectors
from tests.catalog.stores import NASTY, more, new

# --- search -----------------------------------------------------------------------------------------------------------


def reference(
    embeddings: np.ndarray, owners: list[str], queries: np.ndarray, k: int, among: np.ndarray | None = None
) -> list[list[tuple[str, float]]]:
    """Best k entries by their best views, by brute force in float64."""
    cosines = queries.astype(float) @ embeddings.astype(float).T
    answers = []
    for row in cosines:
        best: dict[str, float] = {}
        for place in np.argsort(-row, kind="stable"):
            if among is None or among[place]:
                best.setdefault(owners[place], float(row[place]))
        answers.append(list(best.items())[:k])
    return answers


def check(found: Sequence[Sequence[Match]], expected: list[list[tuple[str, float]]]) -> None:
    for matches, wanted in zip(found, expected, strict=True):
        assert ids(matches) == [entry for entry, _ in wanted]
        np.testing.assert_allclose([match.cosine for match in matches], [score for _, score in wanted], atol=1e-5)


@pytest.mark.parametrize("k", [1, 5, 40, 100])
def test_search_gives_the_best_entries_by_their_best_views(store: Catalog, k: int) -> None:
    """60 entries with 1 to 12 views; more than 4 batches' worth of views for the larger k."""
    embeddings, rng = unit_vectors(400, seed=1), np.random.default_rng(2)
    owners = [f"entry-{number}" for number in [*range(60), *rng.integers(0, 60, 340)]]
    store.add([(new(coin(owner), id=owner), photo(row, b"")) for owner, row in zip(owners, embeddings, strict=True)])
    queries = unit_vectors(9, seed=3)
    check(store.search(queries, k), reference(embeddings, owners, queries, k))


def test_an_entry_with_a_thousand_views_crowds_nobody_out(store: Catalog) -> None:
    query = unit_vectors(1)[0]
    near = query + 0.1 * unit_vectors(1000, seed=4)
    near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    far = unit_vectors(3, seed=5)
    batch = [(new(coin("many"), id="many"), photo(row, b"")) for row in near]
    store.add(batch + [(new(coin(f"far {i}"), id=f"far-{i}"), photo(row, b"")) for i, row in enumerate(far)])
    owners = ["many"] * 1000 + ["far-0", "far-1", "far-2"]
    expected = reference(np.concatenate([near, far]), owners, query[None], 4)
    check(store.search(query[None], 4), expected)
    check(store.search(query[None], 2), [expected[0][:2]])


def test_of_the_views_that_pass_the_filters_the_best_counts(store: Catalog) -> None:
    front, back, query = unit_vectors(3)
    entry_id = store.enroll(new(side="obverse"), photo(front))
    store.enroll(more(entry_id, "reverse"), photo(back))
    nearer = "obverse" if query @ front > query @ back else "reverse"
    for filters, side in (({}, nearer), ({"side": "obverse"}, "obverse"), ({"side": "reverse"}, "reverse")):
        ((match,),) = store.search(query[None], 5, filters)
        assert match.side == side
        assert match.cosine == pytest.approx(float(query @ (front if side == "obverse" else back)), abs=1e-5)
    assert store.search(query[None], 5, {"side": "edge"}) == [[]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"country": "KR"}, {"a", "b"}),
        ({"country": "kr"}, {"a", "b"}),
        ({"country": "ko"}, set()),
        ({"currency": "eur", "metadata.mint": "a"}, {"c"}),
        ({"mint_mark": "d"}, {"b"}),
        ({"side": "OBVERSE"}, {"a", "b", "c"}),
        ({"currency": "EUR", "denomination": "1"}, {"c"}),
        ({"year": "1998"}, {"a"}),
        ({"year": "01998"}, {"a"}),
        ({"year": "-20"}, {"c"}),
        ({"year": "99999999999999999999"}, set()),
        ({"mint_mark": "D"}, {"b"}),
        ({"mint_mark": "D", "metadata.mint": "Seoul", "country": "KR"}, {"b"}),
        ({"metadata.mint_mark": "D"}, {"c"}),
        ({"metadata.mint": "Seoul"}, {"a", "b"}),
        ({"metadata.mint": "Seoul", "year": "1998"}, {"a"}),
        ({"metadata.proof": "true"}, {"a"}),
        ({"metadata.weight": "5.5"}, {"b"}),
        ({"metadata.weight": "7"}, {"c"}),
        ({"metadata.list": "[1]"}, set()),
        ({"metadata.none": "null"}, set()),
        ({"metadata.deep": "x"}, set()),
        ({"metadata.other": "Seoul"}, set()),
    ],
)
def test_filters(store: Catalog, filters: Mapping[str, str], expected: set[str]) -> None:
    embeddings = unit_vectors(3)
    given = [
        coin("a", year=1998, metadata={"mint": "Seoul", "proof": True, "list": [1], "none": None}),
        coin("b", mint_mark="D", metadata={"mint": "Seoul", "weight": 5.5, "proof": False, "deep": {"x": "x"}}),
        Entry("c", "DE", "EUR", "1", -20, metadata={"mint": "A", "weight": 7, "mint_mark": "D"}),
    ]
    for entry, row in zip(given, embeddings, strict=True):
        store.enroll(new(entry), photo(row))
    (matches,) = store.search(embeddings[:1], 5, filters)
    assert {match.entry.name for match in matches} == expected


def test_filters_compare_and_do_no_more(store: Catalog) -> None:
    """Values and keys contain whatever an expression language might interpret."""
    embeddings = unit_vectors(len(NASTY))
    for number, (text, row) in enumerate(zip(NASTY, embeddings, strict=True)):
        entry = coin(f"coin {number}", country=text, metadata={text: text, "key": text})
        store.enroll(new(entry, side=text), photo(row))
    for number, text in enumerate(NASTY):
        for filters in ({"country": text}, {"side": text}, {"metadata.key": text}, {f"metadata.{text}": text}):
            (matches,) = store.search(embeddings[:1], 50, filters)
            assert [match.entry.name for match in matches] == [f"coin {number}"], filters


def test_k_beyond_the_catalog_and_an_empty_one(store: Catalog) -> None:
    assert store.search(unit_vectors(4), 5) == [[], [], [], []]
    enrolled = [store.enroll(new(), photo(row)) for row in unit_vectors(3)]
    (matches,) = store.search(unit_vectors(1, seed=5), 1000)
    assert sorted(ids(matches)) == sorted(enrolled)
    assert [match.cosine for match in matches] == sorted((match.cosine for match in matches), reverse=True)
    for entry_id in enrolled:
        store.remove(entry_id)
    assert store.search(unit_vectors(2), 5) == [[], []]


def test_a_query_that_is_not_finite_finds_nothing_and_harms_no_other(store: Catalog) -> None:
    entry_id = store.enroll(new(), photo(unit_vectors(1)[0]))
    queries = np.concatenate([unit_vectors(1), np.full((1, EMBEDDING_SIZE), np.nan, np.float32), unit_vectors(1)])
    assert [ids(matches) for matches in store.search(queries, 3)] == [[entry_id], [], [entry_id]]
