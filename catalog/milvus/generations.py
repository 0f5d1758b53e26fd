"""Embeddings of several models in one collection: which ones are missing, are staged, count, or are dropped.

A view that another model embeds gets a second row. The row is in a batch with a number above those that count. Raising
the model's setting to this number changes one row, and lets all rows of the batch be found at once.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from catalog.entry import StoredView
from catalog.milvus.connection import PAGE, Connection, Row
from catalog.milvus.rows import COPY, NOTHING, VIEW, among, copied, quoted, row_id
from catalog.milvus.settings import Settings
from catalog.milvus.standing import ALL, Lacking, standing

_WITH_PICTURES = 256  # rows that one request stores again with their pictures


class Generations:
    """The embeddings of one model among those of others.

    Args:
        connection: to the collection.
        settings: of the model.
        fingerprint: of the model.
    """

    def __init__(self, connection: Connection, settings: Settings, fingerprint: str) -> None:
        self._connection = connection
        self._settings = settings
        self._fingerprint = fingerprint
        self._own = f"model == {quoted(fingerprint)}"
        others = f"model != {quoted(fingerprint)}"
        self._stale = Lacking(connection, lambda views: self.embedded(views, []), others)

    def searchable(self) -> str:
        """Expression for the rows that count."""
        return f"{self._own} and batch <= {self._settings.switched()}"

    def staged(self) -> str:
        """Expression for the rows that do not count yet."""
        return f"{self._own} and batch > {self._settings.switched()}"

    def counts(self, row: Row) -> bool:
        """Whether a row's embedding is this model's and counts."""
        return bool(row["model"] == self._fingerprint and row["batch"] <= self._settings.switched())

    def embedded(self, views: Sequence[str], fields: Sequence[str]) -> dict[str, Row]:
        """This model's rows of some views, by view."""
        found: dict[str, Row] = {}
        for start in range(0, len(views), PAGE):
            ids = [row_id(view, self._fingerprint) for view in views[start : start + PAGE]]
            rows = self._connection.rows(among("id", ids), ["id", "view", "model", "batch", *fields])
            found |= {row["view"]: row for row in rows}
        return found

    def stale(self, limit: int) -> list[StoredView]:
        """See `Catalog.stale`."""
        return self._stale.first(limit)

    def stage(self, embeddings: Iterable[tuple[str, np.ndarray]]) -> None:
        """See `Catalog.stage`.

        Entries may be changed and removed meanwhile, so the new rows are compared with the entries afterwards.
        """
        pending = dict(embeddings)
        self._settings.refresh()
        batch = self._settings.switched() + 1
        for view in self.embedded(list(pending), []):
            del pending[view]  # an embedding that counts or is staged stays
        while pending:
            rows = [
                copied(row, id=row_id(row["view"], self._fingerprint), model=self._fingerprint, batch=batch, role=COPY)
                | {"picture": [], "embedding": np.asarray(pending[row["view"]], np.float32)}
                for row in standing(self._connection, list(pending), ALL)
                if row["model"] != self._fingerprint
            ]
            self._connection.put(rows)
            now = {row["view"]: row["document"] for row in standing(self._connection, list(pending), ["document"])}
            self._drop_gone([row for row in rows if row["view"] not in now])
            changed = [row["view"] for row in rows if now.get(row["view"], row["document"]) != row["document"]]
            pending = {view: pending[view] for view in changed}

    def _drop_gone(self, rows: Sequence[Row]) -> None:
        if rows:
            self._connection.delete(among("id", [row["id"] for row in rows]))

    def switch(self) -> int:
        """See `Catalog.switch`."""
        self._settings.refresh()
        batch = self._settings.switched() + 1
        switched = 0
        for rows in self._connection.scan(f"{self._own} and batch == {batch}", ["view"]):
            there = {row["view"] for row in standing(self._connection, [row["view"] for row in rows], [])}
            # Rows of entries that were removed, staged by a server that ended before it could compare.
            self._drop_gone([row for row in rows if row["view"] not in there])
            switched += len(there)
        if switched:
            self._settings.set_switched(batch)
        return switched

    def forget(self) -> int:
        """See `Catalog.forget`. If it ends halfway, it can be called again."""
        forgotten = 0
        condition = f"role >= {COPY} and model != {quoted(self._fingerprint)}"
        for page in self._connection.scan(condition, ["view", "model", "role"], size=_WITH_PICTURES):
            embedded = self.embedded([row["view"] for row in page], [])
            old = [row for row in page if row["role"] >= VIEW]
            self._take_over([row for row in old if row["view"] in embedded])
            emptied = [row["id"] for row in old if row["view"] not in embedded and row["model"]]
            rows = self._connection.rows(among("id", emptied), ALL) if emptied else []
            self._connection.put([copied(row, model="", embedding=NOTHING) for row in rows])
            self._drop_gone([row for row in page if row["role"] == COPY or row["view"] in embedded])
            forgotten += sum(bool(row["model"]) for row in page)
        return forgotten

    def _take_over(self, standing: Sequence[Row]) -> None:
        """Let this model's rows stand for their views, with the pictures, before the old rows are deleted."""
        if not standing:
            return
        fields = ["id", "view", "role", "digest", "picture"]
        old = {row["view"]: row for row in self._connection.rows(among("id", [row["id"] for row in standing]), fields)}
        own = self._connection.rows(among("id", [row_id(view, self._fingerprint) for view in old]), ALL)
        self._connection.put(
            [copied(row, **{name: old[row["view"]][name] for name in ("role", "digest", "picture")}) for row in own]
        )
