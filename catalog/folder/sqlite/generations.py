"""Embeddings in the database, by the models that made them.

A generation is a set of embeddings by one model. It counts as a whole or not at all. Enrolments go into the generation
of their model that counts. Embeddings of stored pictures go into one that does not count until the switch.
"""

from collections.abc import Sequence

import numpy as np

from catalog.entry import StoredView, View
from catalog.folder.sqlite.connection import Connection
from ensemble.contract import EMBEDDING_SIZE


class Generations:
    """The embeddings of one model. The caller wraps methods that write in a transaction.

    Args:
        connection: to the database.
        fingerprint: of the model.
    """

    def __init__(self, connection: Connection, fingerprint: str) -> None:
        self._connection = connection
        self._fingerprint = fingerprint
        self._looked = 0  # views up to this number are not stale

    def numbers(self, counts: bool) -> list[int]:
        """The model's generations that count, or those that do not."""
        query = "SELECT number FROM generations WHERE fingerprint = ? AND counts = ? ORDER BY number"
        return [row[0] for row in self._connection.rows(query, (self._fingerprint, counts))]

    def current(self, counts: bool) -> int:
        """The model's first generation that counts, or that does not. It is made if there is none."""
        if numbers := self.numbers(counts):
            return numbers[0]
        statement = "INSERT INTO generations (fingerprint, counts) VALUES (?, ?)"
        made = self._connection.run(statement, (self._fingerprint, counts)).lastrowid
        assert made is not None
        return made

    def put(self, view: int, generation: int, embedding: np.ndarray) -> None:
        """Keep a view's embedding, [EMBEDDING_SIZE] float32. An existing one stays."""
        self._connection.run(
            "INSERT OR IGNORE INTO embeddings (view, generation, embedding) VALUES (?, ?, ?)",
            (view, generation, np.ascontiguousarray(embedding, np.float32).tobytes()),
        )

    def put_if_there(self, view: int, generation: int, embedding: np.ndarray) -> None:
        """As `put`, unless the view was removed meanwhile or already has an embedding of this model."""
        query = (
            "SELECT 1 FROM views WHERE number = ? AND NOT EXISTS "
            f"(SELECT 1 FROM embeddings WHERE embeddings.view = views.number AND generation IN ({self._all()}))"
        )
        if self._connection.value(query, (view,)):
            self.put(view, generation, embedding)

    def _all(self) -> str:
        """The model's generations, whether they count or not, as a list in SQL."""
        return ",".join(map(str, (*self.numbers(counts=True), *self.numbers(counts=False)))) or "NULL"

    def has(self, entry: int, side: str, view: View) -> bool:
        """Whether an entry, by number, has a view of this side with exactly this embedding or this picture."""
        vector = np.ascontiguousarray(view.embedding, np.float32).tobytes()
        same_embedding = self._connection.rows(
            "SELECT 1 FROM views JOIN embeddings ON embeddings.view = views.number "
            "JOIN generations ON generations.number = embeddings.generation "
            "WHERE views.entry = ? AND side = ? AND fingerprint = ? AND counts AND embedding = ? LIMIT 1",
            (entry, side, self._fingerprint, vector),
        )
        same_picture = view.picture and self._connection.rows(
            "SELECT 1 FROM views JOIN pictures ON pictures.view = views.number "
            "WHERE views.entry = ? AND side = ? AND jpeg = ? LIMIT 1",
            (entry, side, view.picture),
        )
        return bool(same_embedding or same_picture)

    def views(self, condition: str, values: Sequence[int], limit: int = -1) -> list[tuple[int, StoredView]]:
        """Views that meet an SQL condition, each after its entry's number, in the order of enrolment."""
        generations = ",".join(map(str, self.numbers(counts=True))) or "NULL"
        rows = self._connection.rows(
            "SELECT views.number, views.entry, entries.id, side, jpeg, embedding, photo FROM views "
            "JOIN entries ON entries.number = views.entry LEFT JOIN pictures ON pictures.view = views.number "
            f"LEFT JOIN embeddings ON embeddings.view = views.number AND generation IN ({generations}) "
            f"WHERE {condition} ORDER BY views.number LIMIT ?",
            (*values, limit),
        )
        return [
            (entry, StoredView(str(number), entry_id, side, jpeg or b"", _vector(embedding), photo=photo or ""))
            for number, entry, entry_id, side, jpeg, embedding, photo in rows
        ]

    def stale(self, limit: int) -> list[StoredView]:
        """Views with a picture and without an embedding of this model, counting or not."""
        views = self._stale_after(self._looked, limit) or self._stale_after(0, limit)
        if views:
            self._looked = int(views[0].id) - 1
        return views

    def _stale_after(self, after: int, limit: int) -> list[StoredView]:
        rows = self._connection.rows(
            "SELECT views.number, entries.id, side, jpeg FROM views JOIN pictures ON pictures.view = views.number "
            "JOIN entries ON entries.number = views.entry WHERE views.number > ? AND NOT EXISTS "
            f"(SELECT 1 FROM embeddings WHERE embeddings.view = views.number AND generation IN ({self._all()})) "
            "ORDER BY views.number LIMIT ?",
            (after, limit),
        )
        return [StoredView(str(number), entry_id, side, jpeg, None) for number, entry_id, side, jpeg in rows]

    def switch(self) -> tuple[list[int], int]:
        """Let all generations count; returns those that did not before, and how many embeddings they have."""
        staged = self.numbers(counts=False)
        count = self._count(staged)
        self._connection.run("UPDATE generations SET counts = 1 WHERE fingerprint = ?", (self._fingerprint,))
        return staged, count

    def forget_others(self) -> tuple[list[int], int]:
        """Drop the generations of all other models; returns them, and how many embeddings they had."""
        query = "SELECT number FROM generations WHERE fingerprint != ?"
        others = [row[0] for row in self._connection.rows(query, (self._fingerprint,))]
        count = self._count(others)
        for number in others:
            self._connection.run("DELETE FROM embeddings WHERE generation = ?", (number,))
            self._connection.run("DELETE FROM generations WHERE number = ?", (number,))
        return others, count

    def count(self, counts: bool) -> int:
        """How many embeddings count, or do not."""
        return self._count(self.numbers(counts))

    def _count(self, generations: Sequence[int]) -> int:
        query = "SELECT COUNT(*) FROM embeddings WHERE generation = ?"
        return sum(self._connection.value(query, (number,)) for number in generations)

    def vectors(self, views: Sequence[int]) -> dict[int, np.ndarray]:
        """The embeddings that count, [EMBEDDING_SIZE] float32, of a few views. Views without one are left out."""
        generations = ",".join(map(str, self.numbers(counts=True))) or "NULL"
        listed = ",".join(map(str, map(int, views)))
        query = f"SELECT view, embedding FROM embeddings WHERE view IN ({listed}) AND generation IN ({generations})"
        return {view: np.frombuffer(embedding, np.float32) for view, embedding in self._connection.rows(query)}


def _vector(blob: bytes | None) -> np.ndarray | None:
    """None for a damaged one, too: `python -m catalog check` finds it."""
    return None if blob is None or len(blob) != 4 * EMBEDDING_SIZE else np.frombuffer(blob, np.float32)
