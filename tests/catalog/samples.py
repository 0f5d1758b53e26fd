"""What the catalog's tests enroll, and what an exact search among it answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from catalog import Enrolment, Entry, Match, StoredView, View
from catalog.folder.store import FolderCatalog
from ensemble.contract import EMBEDDING_SIZE, METADATA_FILTER
from ensemble.entry import OPTIONAL
from ensemble.parameters import text_of

MODEL = "feedfacefeedface"
OTHER = "0123456789abcdef"
UNSAID = dict.fromkeys(OPTIONAL)  # optional fields of which nothing is said, as JSON has them
ATOL = 1e-5  # float32 sums of EMBEDDING_SIZE products, in any order


def unit_vectors(count: int, seed: int = 0) -> np.ndarray:
    """[count, EMBEDDING_SIZE] float32 random unit vectors."""
    return normalized(np.random.default_rng(seed).normal(size=(count, EMBEDDING_SIZE)))


def clustered(count: int, centres: int, seed: int = 0, noise: float = 0.5) -> np.ndarray:
    """[count, EMBEDDING_SIZE] float32 unit vectors around some centres, as views of coins are; noise is its length."""
    rng = np.random.default_rng(seed)
    middle = unit_vectors(centres, seed=12345)[rng.integers(0, centres, count)]
    return normalized(middle + rng.normal(size=(count, EMBEDDING_SIZE)) * noise / EMBEDDING_SIZE**0.5)


def normalized(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1, float32."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def coin(name: str = "10 won", **fields: object) -> Entry:
    """An entry; without an id unless one is given."""
    given = {"country": "KR", "currency": "KRW", "denomination": "10", **fields}
    return Entry(name=name, **given)  # type: ignore[arg-type]


def photo(embedding: np.ndarray, picture: bytes = b"\xff\xd8picture", fingerprint: str = MODEL) -> View:
    """A view."""
    return View(embedding, fingerprint, picture)


def enroll(catalog: FolderCatalog, embedding: np.ndarray, fingerprint: str = MODEL, **fields: object) -> str:
    """Enroll a new coin; returns its id."""
    return catalog.enroll(Enrolment("obverse", coin(**fields)), photo(embedding, fingerprint=fingerprint))  # type: ignore[arg-type]


def fill(catalog: FolderCatalog, embeddings: np.ndarray, first: int = 0, fingerprint: str = MODEL) -> list[str]:
    """Add a coin for each embedding, at once; returns their ids, in order."""
    ids = [f"coin-{first + number}" for number in range(len(embeddings))]
    catalog.add(
        [
            (Enrolment("obverse", coin(id=entry_id), entry_id), photo(row, b"picture", fingerprint))
            for entry_id, row in zip(ids, embeddings, strict=True)
        ]
    )
    return ids


def embedding_of(view: StoredView) -> np.ndarray:
    """The embedding of a view that has one."""
    assert view.embedding is not None
    return view.embedding


def ids(matches: Iterable[Match]) -> list[str]:
    """Ids of the entries that matched."""
    return [match.entry.id for match in matches]


ROWS = unit_vectors(20)  # embeddings of the coins that `works` expects


def works(catalog: FolderCatalog, count: int = 20) -> None:
    """Assert that a catalog with `ROWS` enrolled by `fill`, and more, still finds them, and holds `count` views."""
    assert [ids(found) for found in catalog.search(ROWS, 1)] == [[f"coin-{n}"] for n in range(20)]
    assert len(catalog.search(ROWS[:1], 1000)[0]) == count
    assert catalog.status().views == count


@dataclass
class ExactView:
    """A view among which the exact search looks."""

    entry: str
    side: str
    embedding: np.ndarray


class Exact:
    """What a catalog should hold, and an exact search in it; written without any of the catalog's own code."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.views: list[ExactView] = []

    def add(self, entry: Entry, side: str, embedding: np.ndarray) -> None:
        """Add a view of an entry."""
        self.entries[entry.id] = entry
        self.views.append(ExactView(entry.id, side, embedding))

    def remove(self, entry_id: str) -> None:
        """Remove an entry."""
        del self.entries[entry_id]
        self.views = [view for view in self.views if view.entry != entry_id]

    def passes(self, view: ExactView, filters: Mapping[str, str]) -> bool:
        """Whether a view passes filters."""
        entry = self.entries[view.entry]
        for name, value in filters.items():
            if name.startswith(METADATA_FILTER):
                key = name[len(METADATA_FILTER) :]
                has = text_of(entry.metadata[key]) if key in entry.metadata else None
            else:
                has = view.side if name == "side" else text_of(getattr(entry, name))
            if has != value:
                return False
        return True

    def scores(self, query: np.ndarray, filters: Mapping[str, str]) -> dict[str, float]:
        """The best score of each entry that passes."""
        best: dict[str, float] = {}
        for view in self.views:
            if self.passes(view, filters):
                best[view.entry] = max(best.get(view.entry, -2.0), float(query.astype(float) @ view.embedding))
        return best

    def hold(self, found: Sequence[Sequence[Match]], queries: np.ndarray, k: int, filters: Mapping[str, str]) -> None:
        """Assert that an answer is exact; equal scores may come in any order."""
        assert len(found) == len(queries)
        for query, matches in zip(queries, found, strict=True):
            scores = self.scores(query, filters)
            best = sorted(scores.values(), reverse=True)[:k]
            assert len(matches) == len(best), f"{len(matches)} of {len(best)} entries"
            assert len(set(ids(matches))) == len(matches)
            np.testing.assert_allclose([match.score for match in matches], best, atol=ATOL)
            np.testing.assert_allclose([match.score for match in matches], [scores[i] for i in ids(matches)], atol=ATOL)
            for match in matches:
                assert match.entry == self.entries[match.entry.id]
                sides = {v.side for v in self.views if v.entry == match.entry.id and self.passes(v, filters)}
                assert match.side in sides
