"""The rows that stand for views, one for each: which are there, and which lack what can be made of their pictures."""

from collections.abc import Callable, Collection, Sequence

from catalog.entry import StoredView
from catalog.milvus.connection import PAGE, Connection, Row
from catalog.milvus.rows import VIEW, among, checked_cursor, conjunction, stored_view

STANDING = f"role >= {VIEW}"
# All fields: Milvus needs them to replace a row.
ALL = ("*",)


def standing(connection: Connection, views: Sequence[str], fields: Sequence[str]) -> list[Row]:
    """The rows that stand for some views, with id and view. Views that are gone are left out."""
    rows: list[Row] = []
    for start in range(0, len(views), PAGE):
        condition = conjunction(among("view", views[start : start + PAGE]), STANDING)
        rows += connection.rows(condition, fields if fields == ALL else ["id", "view", *fields])
    return rows


class Lacking:
    """Finds views that have a picture and lack what a model makes of it.

    It remembers where they begin, so a long re-embedding goes through the catalog once.

    Args:
        connection: to the collection of views.
        having: which of some views lack nothing.
        condition: expression for the rows that are looked at; '' for all.
    """

    def __init__(
        self, connection: Connection, having: Callable[[Sequence[str]], Collection[str]], condition: str = ""
    ) -> None:
        self._connection = connection
        self._having = having
        self._condition = conjunction(STANDING, 'digest != ""', condition)
        self._looked = ""  # no view up to this one lacks anything, as far as is known

    def first(self, limit: int) -> list[StoredView]:
        """The first such views, at most `limit`."""
        ids = self._after(self._looked, limit) or self._after("", limit)
        rows = (
            self._connection.rows(among("id", ids), ["id", "view", "entry", "side", "picture", "attributes"])
            if ids
            else []
        )
        return [stored_view(row, None) for row in rows]

    def _after(self, after: str, limit: int) -> list[str]:
        """Ids of rows."""
        lacking: list[str] = []
        for rows in self._connection.scan(self._condition, ["view"], checked_cursor(after)):
            having = self._having([row["view"] for row in rows])
            for row in rows:
                if row["view"] not in having:
                    lacking.append(row["id"])
                elif not lacking:
                    self._looked = row["view"]
            if len(lacking) >= limit:
                break
        return lacking[:limit]
