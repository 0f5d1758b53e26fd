"""Recall by the size of the catalog: counted where the coins are there, extrapolated beyond."""

from pathlib import Path

import numpy as np
import pytest

from ensemble.contract import EMBEDDING_SIZE, RELIEF
from ensemble.verification import stored
from training import mint, scale
from training.scale import Ranks, Seen, Store, lines, ranks, see

pytestmark = pytest.mark.slow


def unit(values: np.ndarray) -> np.ndarray:
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def filled(folder: Path, classes: int = 60, queries: int = 12, noise: float = 0.05) -> Store:
    """Random embeddings and maps; each photo is near its catalog picture."""
    store, rng = Store(folder, classes, queries), np.random.default_rng(0)
    for row in range(classes):
        entry, relief = rng.normal(size=EMBEDDING_SIZE), rng.normal(size=RELIEF.dims).astype(np.float32)
        relief /= np.linalg.norm(relief, axis=(1, 2), keepdims=True)
        photo = entry + noise * rng.normal(size=EMBEDDING_SIZE)
        store.keep(row, Seen(unit(np.stack([entry, photo])), stored(relief[0]), relief))
    return store


def test_what_comes_before_the_right_entry() -> None:
    catalog = unit(np.array([[1, 0.0], [1, 0.1], [1, 1.0], [0, 1.0]]))
    counted = ranks(catalog, catalog[[0, 0, 3]], np.array([0, 2, 0]))
    assert counted.before.tolist() == [0, 2, 3] and counted.others == 3


def test_in_a_smaller_catalog_fewer_come_before() -> None:
    counted, rng = Ranks(np.array([0, 9, 90]), 999), np.random.default_rng(0)
    assert counted.recall(1, 1000, rng) == pytest.approx(1 / 3)
    assert counted.recall(10, 1000, rng) == pytest.approx(2 / 3)
    # Of 999 others 90 come before: of 9 drawn ones none with a chance of (1 - 0.09) ** 9.
    expected = (1 + (1 - 9 / 999) ** 9 + (1 - 90 / 999) ** 9) / 3
    assert np.mean([counted.recall(1, 10, rng) for _ in range(50)]) == pytest.approx(expected, abs=0.03)


def test_beyond_the_catalog_recall_is_that_of_a_smaller_k() -> None:
    counted = Ranks(np.array([0, 1, 4, 40]), 999)
    assert counted.beyond(50, 10_000) == pytest.approx(3 / 4)  # as the first 5 of 1,000
    assert counted.beyond(10, 10_000) == pytest.approx(1 / 4)
    assert np.isnan(counted.beyond(5, 10_000))


def test_the_table_has_each_size_and_says_what_is_left_out(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.embeddings[7] = 0  # no coin was found
    text = list(lines(store, [20]))
    assert text[0] == "59 coins, 12 photos; left out, without a coin: 1 pictures, 0 photos."
    assert text[4] == "| 59 | 1.000 | 1.000 | 1.000 | 1.000 | 1.000 |"
    assert text[5] == "| 100,000, extrapolated |  |  |  |  |  |"  # too few to say


def test_photos_that_look_like_other_coins_are_misses(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.embeddings[store.asking, 1] = store.embeddings[store.asking - 1, 0]
    assert "| 60 | 0.000 |" in list(lines(store, [20]))[4]


def test_a_stopped_call_goes_on_and_another_size_is_refused(tmp_path: Path) -> None:
    filled(tmp_path).done[30:] = False
    assert np.flatnonzero(~Store(tmp_path, 60, 12).done).tolist() == [*range(30, 60)]
    with pytest.raises(ValueError, match="is of 60 rows, not of 80: take another folder"):
        Store(tmp_path, 80, 12)


def test_a_class_is_seen_as_catalog_picture_and_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def take(photo: mint.Photo) -> tuple[np.ndarray, np.ndarray]:
        taken.append(photo.picture)
        return np.full(EMBEDDING_SIZE, len(taken), np.float32), np.full(RELIEF.dims, len(taken), np.float32)

    monkeypatch.setattr(scale, "_taken", take)
    seen = see(3, photographed=True)
    assert seen.embeddings[:, 0].tolist() == [1, 2] and (seen.trials == 2).all() and seen.entry.any()
    assert not np.array_equal(taken[0], taken[1])
    assert not see(3, photographed=False).trials.any()
    np.testing.assert_array_equal(taken[2], taken[0])  # the same every time
