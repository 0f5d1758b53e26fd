"""What every catalog does, on one machine and in Milvus: thresholds, and the change to another model."""

import numpy as np
import pytest

from catalog.interface import Waiting
from tests.catalog.samples import THEIRS, coin, embedding_of, ids, photo, relief_maps, unit_vectors
from tests.catalog.stores import Open, counts, more, new

# --- thresholds and models --------------------------------------------------------------------------------------------


def test_a_threshold_belongs_to_a_model_and_everyone_has_it(open_store: Open) -> None:
    here, there, other = open_store(), open_store(), open_store(THEIRS)
    assert (here.threshold(), there.threshold(), other.threshold()) == (None, None, None)
    here.set_threshold(0.62345678901)
    assert (here.threshold(), there.threshold(), other.threshold()) == (0.62345678901, 0.62345678901, None)
    there.set_threshold(-0.25)
    assert (here.threshold(), open_store().threshold()) == (-0.25, -0.25)
    assert counts(here) == (0, 0, 0, 0)
    assert here.page("", 5).entries == ()
    assert here.export("", 5).views == ()


def test_models_do_not_find_each_others_views(open_store: Open) -> None:
    first, second = unit_vectors(2)
    old, fresh = open_store(), open_store(THEIRS)
    stale = old.enroll(new(coin("stale")), photo(first))
    mine = fresh.enroll(new(coin("fresh")), photo(second, makers=THEIRS))
    assert ids(fresh.search(first[None], 5)[0]) == [mine]
    assert ids(old.search(first[None], 5)[0]) == [stale]
    assert counts(fresh) == counts(old) == (2, 1, 1, 0)
    assert fresh.show(stale).name == "stale"
    assert [entry.id for entry in fresh.page("", 5).entries] == [stale, mine]
    assert [view.embedding is None for _, view in fresh.export("", 5).views] == [True, False]
    assert fresh.views(stale)[0].embedding is None
    fresh.remove(stale)
    assert counts(fresh) == (1, 1, 0, 0)
    assert old.search(first[None], 5) == [[]]


def test_a_model_change(open_store: Open) -> None:
    """The old model keeps its answers. The new one finds nothing before the switch and everything after it."""
    before, after = unit_vectors(6), unit_vectors(6, seed=1)
    old, fresh, witness = open_store(), open_store(THEIRS), open_store(THEIRS)
    enrolled = [old.enroll(new(coin(f"coin {i}")), photo(row, b"p%d" % i)) for i, row in enumerate(before)]
    todo = fresh.stale(4)
    assert [(view.entry_id, view.side, view.picture) for view in todo] == [
        (entry_id, "obverse", b"p%d" % i) for i, entry_id in enumerate(enrolled[:4])
    ]
    assert all(view.embedding is None for view in todo)
    fresh.stage([(view.id, row) for view, row in zip(todo, after, strict=False)])
    rest = fresh.stale(4)
    assert [view.entry_id for view in rest] == enrolled[4:]
    fresh.stage([(view.id, row) for view, row in zip(rest, after[4:], strict=True)])
    assert list(fresh.stale(4)) == []
    for catalog in (fresh, witness):
        assert catalog.search(after, 3) == [[]] * 6
        assert counts(catalog) == (6, 0, 6, 6)
    assert [view.embedding for view in fresh.views(enrolled[0])] == [None]
    assert counts(old) == (6, 6, 0, 0)

    assert fresh.switch() == 6
    assert fresh.switch() == 0
    for catalog in (fresh, witness):
        assert [ids(row) for row in catalog.search(after, 1)] == [[entry_id] for entry_id in enrolled]
        assert counts(catalog) == (6, 6, 0, 0)
    np.testing.assert_array_equal([embedding_of(view) for _, view in witness.export("", 9).views], after)
    assert [ids(row) for row in old.search(before, 1)] == [[entry_id] for entry_id in enrolled]

    assert fresh.forget() == 6
    assert fresh.forget() == 0
    assert old.search(before, 1) == [[]] * 6
    assert counts(old) == (6, 0, 6, 0)
    assert counts(fresh) == (6, 6, 0, 0)
    assert [ids(row) for row in fresh.search(after, 1)] == [[entry_id] for entry_id in enrolled]
    assert [entry.id for entry in fresh.page("", 9).entries] == enrolled
    assert [view.picture for _, view in fresh.export("", 9).views] == [b"p%d" % i for i in range(6)]


def test_entries_change_while_views_are_embedded_again(open_store: Open) -> None:
    before, after = unit_vectors(4), unit_vectors(4, seed=1)
    old, fresh = open_store(), open_store(THEIRS)
    gone, changed, kept = [old.enroll(new(coin(f"coin {i}")), photo(row)) for i, row in enumerate(before[:3])]
    todo = fresh.stale(10)
    old.remove(gone)
    fresh.stage([(view.id, row) for view, row in zip(todo, after, strict=False)])
    old.update(changed, {"name": "changed", "year": 1970})
    late = old.enroll(new(coin("late")), photo(before[3]))
    direct = fresh.enroll(more(late, "reverse"), photo(after[3], makers=THEIRS))
    assert direct == late
    assert fresh.switch() == 2
    assert sorted(ids(fresh.search(after[:1], 9)[0])) == sorted([changed, kept, late])
    assert fresh.search(after[1:2], 1, {"year": "1970"})[0][0].entry == fresh.show(changed)
    assert counts(fresh) == (3, 3, 1, 0)
    assert [view.entry_id for view in fresh.stale(10)] == [late]
    fresh.remove(kept)
    for catalog, embedding in ((old, before[2]), (fresh, after[2])):
        assert kept not in ids(catalog.search(embedding[None], 9)[0])
    assert counts(fresh) == (2, 2, 1, 0)


def test_a_second_round_stages_only_what_is_new(open_store: Open) -> None:
    before, after = unit_vectors(2), unit_vectors(3, seed=1)
    old, fresh = open_store(), open_store(THEIRS)
    first = old.enroll(new(), photo(before[0]))
    (view,) = fresh.stale(5)
    fresh.stage([(view.id, after[0])])
    fresh.switch()
    fresh.stage([(view.id, after[2])])  # counts already: stays found, by what counts
    assert fresh.search(after[:1], 1)[0][0].cosine == pytest.approx(1.0, abs=1e-5)
    second = old.enroll(new(), photo(before[1]))
    (view,) = fresh.stale(5)
    fresh.stage([(view.id, after[1])])
    assert ids(fresh.search(after[1:2], 5)[0]) == [first]
    fresh.switch()
    assert ids(fresh.search(after[1:2], 1)[0]) == [second]
    assert counts(fresh) == (2, 2, 0, 0)


def test_views_that_wait_are_counted(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """By every server, whichever made the change; Milvus is asked now and then, here each time."""
    monkeypatch.setattr("catalog.milvus.store._WAITING_LEASE", 0.0)
    old, fresh, rows, maps = open_store(), open_store(THEIRS), unit_vectors(3), relief_maps(3)
    assert old.waiting() == fresh.waiting() == Waiting(0, 0)
    old.enroll(new(id="a"), photo(rows[0], b"a", relief=maps[0]))
    fresh.enroll(new(id="b"), photo(rows[1], b"b", THEIRS))
    assert (old.waiting(), fresh.waiting()) == (Waiting(1, 1), Waiting(1, 2))
    fresh.stage([(view.id, rows[2]) for view in fresh.stale(9)])
    assert fresh.waiting() == Waiting(1, 2), "it does not count yet"
    fresh.switch()
    fresh.put_reliefs([(view.id, maps[1]) for view in fresh.unmapped(9)])
    assert (old.waiting(), fresh.waiting()) == (Waiting(1, 1), Waiting(0, 0))
    fresh.remove("b")
    assert old.waiting() == Waiting(0, 0)
    for catalog in (old, fresh):
        status = catalog.status()
        assert catalog.waiting() == Waiting(status.stale_views, status.without_relief)


def test_views_without_a_picture_stay_stale_and_outlive_their_embedding(open_store: Open) -> None:
    old, fresh = open_store(), open_store(THEIRS)
    entry_id = old.enroll(new(), photo(unit_vectors(1)[0], b""))
    assert list(fresh.stale(5)) == []
    assert fresh.forget() == 1
    assert counts(fresh) == counts(old) == (1, 0, 1, 0)
    assert [(view.side, view.embedding) for view in fresh.views(entry_id)] == [("obverse", None)]
    fresh.update(entry_id, {"name": "still here"})
    assert [entry.name for entry in fresh.page("", 5).entries] == ["still here"]
    fresh.remove(entry_id)
    assert counts(fresh) == (0, 0, 0, 0)


def test_forgotten_before_the_switch(open_store: Open) -> None:
    before, after = unit_vectors(1), unit_vectors(1, seed=1)
    old, fresh = open_store(), open_store(THEIRS)
    entry_id = old.enroll(new(), photo(before[0], b"kept"))
    (view,) = fresh.stale(5)
    fresh.stage([(view.id, after[0])])
    assert fresh.forget() == 1
    assert fresh.search(after, 1) == [[]]
    assert counts(fresh) == (1, 0, 1, 1)
    assert list(fresh.stale(5)) == []
    fresh.stage([(view.id, before[0])])  # is staged already
    assert fresh.switch() == 1
    ((match,),) = fresh.search(after, 1)
    assert match.entry.id == entry_id
    assert match.cosine == pytest.approx(1.0, abs=1e-5)
    assert fresh.views(entry_id)[0].picture == b"kept"
