"""The numbered changes of the database, which indexes follow."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from catalog.folder.sqlite.connection import Connection
from catalog.folder.sqlite.generations import Generations
from catalog.folder.sqlite.schema import ADDED, GENERATIONS, REMOVED
from ensemble.contract import EMBEDDING_SIZE
from ensemble.errors import CatalogError

CHUNK = 50_000  # views that are read at a time
NOTHING: tuple[int, tuple[int, ...]] = (0, (-1,))  # sequence and generations of an index that holds nothing
Ranges = list[tuple[int, int]]  # first and last of consecutive numbers
Vectors = tuple[np.ndarray, np.ndarray]  # views [N] int64 and their embeddings [N, EMBEDDING_SIZE] float32


@dataclass(frozen=True)
class Changes:
    """What happened after some change.

    Attributes:
        sequence: number of the last change.
        generations: that count.
        restart: what was read before is no longer valid, and `added` holds everything.
        removed: views that were removed.
        touched: views that were added or removed, or whose entries were changed.
        added: searchable views that were added and still exist, in chunks. Read them while the changes are open.
    """

    sequence: int
    generations: tuple[int, ...]
    restart: bool
    removed: Ranges
    touched: Ranges
    added: Iterator[Vectors]


class Feed:
    """The changes as one model sees them."""

    def __init__(self, connection: Connection, generations: Generations) -> None:
        self._connection = connection
        self._generations = generations

    def record(self, kind: int, numbers: Iterable[int]) -> None:
        """Record a change of views or generations, in the transaction that makes it."""
        for first, last in coalesced([(number, number) for number in sorted(numbers)]):
            self._connection.run("INSERT INTO changes (kind, first, last) VALUES (?, ?, ?)", (kind, first, last))

    def version(self) -> tuple[int, int]:
        """See `Connection.version`."""
        return self._connection.version()

    def last(self) -> int:
        """Number of the last change."""
        return int(self._connection.value("SELECT COALESCE(MAX(sequence), 0) FROM changes"))

    def nonce(self, sequence: int) -> int | None:
        """A change's random number. A change with the same number in another or a restored file has another one."""
        value = self._connection.value("SELECT nonce FROM changes WHERE sequence = ?", (sequence,))
        return None if value is None else int(value)

    def identity(self) -> str:
        """A text that tells this database from others."""
        return str(self._connection.value("SELECT value FROM settings WHERE key = 'identity'"))

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """All that is read meanwhile is of one state of the database."""
        with self._connection.transaction("DEFERRED"):
            yield

    def touched(self, sequence: int) -> tuple[int, Ranges]:
        """Number of the last change, and the views that were added, removed or changed after `sequence`."""
        rows = self._connection.rows(
            "SELECT first, last FROM changes WHERE sequence > ? AND kind != ? ORDER BY first", (sequence, GENERATIONS)
        )
        return self.last(), coalesced(rows)

    @contextmanager
    def since(self, sequence: int, generations: tuple[int, ...]) -> Iterator[Changes]:
        """The changes to apply to an index that stands at `sequence` and holds the embeddings of `generations`."""
        with self._connection.transaction("DEFERRED"):
            last, counting = self.last(), tuple(self._generations.numbers(counts=True))
            if generations != counting:
                yield Changes(last, counting, True, [], [], self._vectors(counting, [(0, 2**63 - 1)]))
                return
            rows = self._connection.rows(
                "SELECT kind, first, last FROM changes WHERE sequence > ? AND kind != ? ORDER BY first",
                (sequence, GENERATIONS),
            )
            added, removed = (coalesced([row[1:] for row in rows if row[0] == kind]) for kind in (ADDED, REMOVED))
            touched = coalesced([row[1:] for row in rows])
            yield Changes(last, counting, False, removed, touched, self._vectors(counting, added))

    def _vectors(self, generations: Sequence[int], ranges: Ranges) -> Iterator[Vectors]:
        query = (
            "SELECT view, embedding FROM embeddings WHERE view BETWEEN ? AND ? "
            f"AND generation IN ({','.join(map(str, generations))}) ORDER BY view"
        )
        for first, last in ranges:
            for rows in self._connection.chunks(query, (first, last), CHUNK):
                views = np.fromiter((row[0] for row in rows), np.int64, len(rows))
                data = b"".join(row[1] for row in rows)
                if len(data) != 4 * EMBEDDING_SIZE * len(rows):
                    raise CatalogError("embeddings have another length: restore the catalog from a backup or an export")
                yield views, np.frombuffer(data, np.float32).reshape(-1, EMBEDDING_SIZE)


def coalesced(ranges: Sequence[tuple[int, int]]) -> Ranges:
    """Sorted ranges, with those that touch or overlap joined."""
    joined: Ranges = []
    for first, last in ranges:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined
