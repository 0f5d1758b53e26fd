"""What the catalog's tests enroll, and what an exact search among it answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from catalog import Enrolment, Entry, Makers, Match, StoredView, View
from catalog.folder.store import FolderCatalog
from catalog.interface import Verification
from ensemble.contract import (
    DEFAULT_CANDIDATES,
    EMBEDDING_SIZE,
    METADATA_FILTER,
    RELIEF_HARMONICS,
    RELIEF_NUMBERS,
    RELIEF_TRIALS,
)
from ensemble.entry import OPTIONAL
from ensemble.parameters import text_of
from ensemble.verification import Judge, stored

MODEL = "feedfacefeedface"
OTHER = "0123456789abcdef"
OWN = Makers(MODEL, "beadbeadbeadbead")
THEIRS = Makers(OTHER, "fedcba9876543210")
UNSAID = dict.fromkeys(OPTIONAL)  # optional fields of which nothing is said, as JSON has them
JUDGE = Judge(cosine=5.0, correlation=7.5, advantage=2.0, offset=-7.4, cosine_alone=9.86, offset_alone=-7.36, known=0.5)
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


def relief_maps(count: int, seed: int = 0) -> np.ndarray:
    """[count, RELIEF_HARMONICS, RELIEF_NUMBERS] int8 random maps, which correlate by less than 0.2."""
    rows = np.random.default_rng([seed, 7]).normal(size=(count, RELIEF_HARMONICS, RELIEF_NUMBERS))
    return np.array([stored(row.astype(np.float32)) for row in rows], np.int8).reshape(rows.shape)


def trials(relief: np.ndarray, degrees: float = 0.0) -> np.ndarray:
    """What the mapper makes of a coin, turned clockwise: [trials, RELIEF_HARMONICS, RELIEF_NUMBERS] float32.

    The first trial is the turned map; of the others, none fits anything.
    """
    half = RELIEF_NUMBERS // 2
    waves = relief[:, :half] + 1j * relief[:, half:].astype(np.float32)
    turned = waves * np.exp(-1j * np.radians(degrees) * np.arange(1, RELIEF_HARMONICS + 1))[:, None]
    first = np.concatenate([turned.real, turned.imag], axis=1)
    others = relief_maps(len(RELIEF_TRIALS) - 1, seed=12345)
    return normalized(np.concatenate([first[None], others]).reshape(len(RELIEF_TRIALS), -1)).reshape(-1, *relief.shape)


def verifying(*reliefs: np.ndarray, degrees: float = 0.0, candidates: int = DEFAULT_CANDIDATES) -> Verification:
    """A verification of queries whose coins have these maps."""
    return Verification(np.stack([trials(relief, degrees) for relief in reliefs]), JUDGE, candidates)


def coin(name: str = "10 won", **fields: object) -> Entry:
    """An entry; without an id unless one is given."""
    given = {"country": "KR", "currency": "KRW", "denomination": "10", **fields}
    return Entry(name=name, **given)  # type: ignore[arg-type]


def photo(
    embedding: np.ndarray,
    picture: bytes = b"\xff\xd8picture",
    makers: Makers = OWN,
    relief: np.ndarray | None = None,
) -> View:
    """A view."""
    return View(embedding, makers, picture, relief)


def enroll(catalog: FolderCatalog, embedding: np.ndarray, makers: Makers = OWN, **fields: object) -> str:
    """Enroll a new coin; returns its id."""
    return catalog.enroll(Enrolment("obverse", coin(**fields)), photo(embedding, makers=makers))  # type: ignore[arg-type]


def fill(
    catalog: FolderCatalog,
    embeddings: np.ndarray,
    first: int = 0,
    makers: Makers = OWN,
    reliefs: Sequence[np.ndarray | None] | np.ndarray | None = None,
) -> list[str]:
    """Add a coin for each embedding, at once, with its map if there are any; returns their ids, in order."""
    ids = [f"coin-{first + number}" for number in range(len(embeddings))]
    maps = [None] * len(ids) if reliefs is None else reliefs
    catalog.add(
        [
            (Enrolment("obverse", coin(id=entry_id), entry_id), photo(row, b"picture", makers, relief))
            for entry_id, row, relief in zip(ids, embeddings, maps, strict=True)
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
MAPS = relief_maps(20)  # maps of the same coins


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
            np.testing.assert_allclose([match.cosine for match in matches], best, atol=ATOL)
            np.testing.assert_allclose(
                [match.cosine for match in matches], [scores[i] for i in ids(matches)], atol=ATOL
            )
            for match in matches:
                assert match.entry == self.entries[match.entry.id]
                sides = {v.side for v in self.views if v.entry == match.entry.id and self.passes(v, filters)}
                assert match.side in sides
